"""One peer: a small transformer over the tokens of one modality.

Legend: B batch, T tokens, D token width, d width, C labels.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from core.models.blocks import SecondsEncoding, SelfBlock, key_bias

_LEAST_VARIANCE: Final = 1e-5
"""Keeps the deviation away from 0, where the slope of the root has no end."""


class PeerOutput(NamedTuple):
    """What a peer says.

    Attributes:
        logits: (B, C) float, one independent logit per label; finite, but without meaning, where a row has
            no tokens.
        states: (B, T + 1, d) float, normalised; the aggregation token is the last one. The fusion's keys.
    """

    logits: Tensor
    states: Tensor


class Statistics(nn.Module):
    """Logits that are linear in the mean and the standard deviation of the tokens over time.

    Attention over some hundred dimensions learns the few speakers of a small corpus by heart. These two
    moments cannot tell one moment from another, and carry to speakers never heard.

    Args:
        width_in: D.
        num_labels: C.
    """

    def __init__(self, width_in: int, num_labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width_in, num_labels)

    def moments(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D) tokens, (B, T) bool mask -> (B, 2 D): means, then deviations; finite without tokens."""
        weight = mask.to(x.dtype)[..., None]  # (B, T, 1)
        count = weight.sum(dim=1).clamp(min=1.0)  # (B, 1)
        mean = (x * weight).sum(dim=1) / count  # (B, D)
        variance = ((x - mean[:, None]) ** 2 * weight).sum(dim=1) / count
        return torch.cat([mean, (variance + _LEAST_VARIANCE).sqrt()], dim=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) bool -> (B, C)."""
        logits: Tensor = self.linear(self.moments(x, mask))
        return logits

    @torch.no_grad()
    def set_weights(self, weight: Tensor, bias: Tensor) -> None:
        """Take the solution of a linear classifier: (C, 2 D) and (C,)."""
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)


class Peer(nn.Module):
    """Pre-norm transformer with an aggregation token (SeMuL-PCD's mode-specific peer).

    Blocks have their own weights. The aggregation token is appended last, is always visible, and the head
    reads it from its own index. Padding is masked by an additive bias, so a row without any token is finite,
    and normalisation is by layer, so that a batch of one works.

    Args:
        width_in: D, width of the tokens.
        width: d.
        heads: attention heads, must divide d.
        layers: number of blocks.
        feedforward: inner width of the blocks' feed-forward part.
        num_labels: C.
        dropout: in training only.
        embedding: maps the standardised tokens to d; None = a linear map.
        statistics: add logits that are linear in the tokens' mean and deviation over time (see `Statistics`).
    """

    input_mean: Tensor
    input_scale: Tensor

    def __init__(
        self,
        width_in: int,
        *,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        num_labels: int,
        dropout: float = 0.1,
        embedding: nn.Module | None = None,
        statistics: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("input_mean", torch.zeros(width_in))
        self.register_buffer("input_scale", torch.ones(width_in))
        self.project = nn.Linear(width_in, width) if embedding is None else embedding
        self.positions = SecondsEncoding(width)
        self.aggregation = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(SelfBlock(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_labels)
        self.dropout = nn.Dropout(dropout)
        self.statistics = Statistics(width_in, num_labels) if statistics else None

    def forward(self, tokens: Tensor, times_s: Tensor, mask: Tensor) -> PeerOutput:
        """Read a batch of token sequences.

        Args:
            tokens: (B, T, D) float; masked positions may hold anything finite.
            times_s: (B, T) float, seconds since the window's start.
            mask: (B, T) bool, True for a real token.
        """
        batch = tokens.shape[0]
        x = (tokens - self.input_mean) * self.input_scale  # (B, T, D)
        evidence = 0.0 if self.statistics is None else self.statistics(x, mask)  # (B, C)
        x = self.dropout(self.project(x) + self.positions(times_s))  # (B, T, d)
        x = torch.cat([x, self.aggregation.expand(batch, 1, -1)], dim=1)  # (B, T + 1, d)
        bias = key_bias(torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1))
        for block in self.blocks:
            x = block(x, bias)
        states = self.norm(x)  # (B, T + 1, d)
        return PeerOutput(self.head(states[:, -1]) + evidence, states)

    @torch.no_grad()
    def set_input_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Standardise each token feature. Estimate both on *training* tokens only.

        Args:
            mean, deviation: (D,) float; features that hardly vary are left at their scale, so that an
                unseen value cannot explode.
        """
        self.input_mean.copy_(mean)
        floor = deviation.mean() * 1e-2
        scale = torch.where(deviation > floor, 1.0 / deviation.clamp(min=1e-8), torch.ones_like(deviation))
        self.input_scale.copy_(scale)
