"""The fusion network: label queries that attend to the states of the peers; and the whole `EmotionNet`.

Legend: B batch, T tokens, S states of all peers together, D token width, d width, C labels, H heads, M = 3
modalities in the order of `core.labels.MODALITIES`.

After SeMuL-PCD (Anand et al., ACM MM 2023, doi 10.1145/3581783.3612517), where one learned fusion token is
the query; here every label has its own query unless the spec asks for the paper's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from core.labels import MODALITIES, Modality
from core.models.blocks import Attention, FeedForward, key_bias
from core.models.embeddings import embedding
from core.models.evidence import EvidenceCombination
from core.models.peers import Peer
from core.spec import FusionSpec, ModelSpec

DEFAULT_SIZES: Final = FusionSpec(width=160, heads=4, peer_layers=2, fusion_layers=2, feedforward=320)
"""Sizes of the default checkpoint, about 2 M parameters."""


CORRECTION: Final = 0.5
"""Logits by which the label queries may move the sum of evidence, at most."""


class NetDetails(NamedTuple):
    """Everything that training looks at.

    Attributes:
        logits: (B, C) of the fusion.
        peer_logits: (B, M, C); rows of an absent modality have no meaning.
        attribution: (B, M) share of each modality in the estimate, 0 where absent, sums to 1 where any is
            present. Where evidence is summed: of the change of the probabilities when the modality is taken
            away. Else of the fusion's attention.
        affect: (B, 2) valence and arousal in [-1, 1], or None without that head.
        summaries: (B, M, d) the peers' aggregation states.
    """

    logits: Tensor
    peer_logits: Tensor
    attribution: Tensor
    affect: Tensor | None
    summaries: Tensor


class FusionBlock(nn.Module):
    """Pre-norm block: attention to the peers' states, attention among the queries, feed-forward."""

    def __init__(self, sizes: FusionSpec, dropout: float = 0.0) -> None:
        super().__init__()
        d = sizes.width
        self.norm_cross = nn.LayerNorm(d)
        self.cross = Attention(d, sizes.heads, dropout)
        self.norm_among = nn.LayerNorm(d)
        self.among = Attention(d, sizes.heads, dropout)
        self.norm_feedforward = nn.LayerNorm(d)
        self.feedforward = FeedForward(d, sizes.feedforward, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, states: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Q, d), (B, S, d), (B, 1, 1, S) -> (B, Q, d) and the attention to each state, (B, S)."""
        mixed, weights = self.cross(self.norm_cross(queries), states, bias)
        x = queries + self.dropout(mixed)
        y = self.norm_among(x)
        x = x + self.dropout(self.among(y, y, None)[0])
        x = x + self.dropout(self.feedforward(self.norm_feedforward(x)))
        return x, weights.float().mean(dim=(1, 2))


class Fusion(nn.Module):
    """Reads the states of all peers and says how probable each label is.

    Args:
        sizes: from the spec.
        num_labels: C.
        dropout: in training only.
    """

    def __init__(self, sizes: FusionSpec, num_labels: int, dropout: float = 0.1) -> None:
        super().__init__()
        d = sizes.width
        count = num_labels if sizes.queries == "labels" else 1
        self.queries = nn.Parameter(torch.randn(count, d) * 0.02)
        self.modality = nn.Parameter(torch.randn(len(MODALITIES), d) * 0.02)
        self.norm_states = nn.LayerNorm(d)
        self.blocks = nn.ModuleList(FusionBlock(sizes, dropout) for _ in range(sizes.fusion_layers))
        self.norm = nn.LayerNorm(d)
        # One query per label: each has its own row of weights and reads its own state. One token: one matrix.
        self.weight = nn.Parameter(torch.randn(num_labels, d) * d**-0.5)
        self.bias = nn.Parameter(torch.zeros(num_labels))
        self.affect = nn.Linear(d, 2) if sizes.valence_arousal else None

    def forward(self, states: list[Tensor], masks: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Fuse.

        Args:
            states: per modality (B, T_m + 1, d) from its peer.
            masks: per modality (B, T_m) bool; one without any True is absent, with its aggregation state.

        Returns:
            (B, C) logits, (B, M) attribution, and (B, 2) valence and arousal or None.
        """
        available = torch.stack([mask.any(dim=1) for mask in masks], dim=1)  # (B, M)
        tagged = [s + self.modality[i] for i, s in enumerate(states)]
        keys = self.norm_states(torch.cat(tagged, dim=1))  # (B, S, d)
        visible = torch.cat(
            [torch.cat([mask, available[:, i : i + 1]], dim=1) for i, mask in enumerate(masks)], dim=1
        )
        bias = key_bias(visible)  # (B, 1, 1, S)

        x = self.queries.expand(keys.shape[0], -1, -1)  # (B, C or 1, d)
        shares: list[Tensor] = []
        for block in self.blocks:
            x, weights = block(x, keys, bias)
            shares.append(_per_modality(weights, masks))
        x = self.norm(x)
        logits = (x * self.weight).sum(dim=-1) + self.bias  # (B, C)

        attribution = torch.stack(shares).mean(dim=0) * available  # (B, M)
        attribution = attribution / attribution.sum(dim=1, keepdim=True).clamp(min=1e-6)
        affect = None if self.affect is None else self.affect(x.mean(dim=1)).tanh()
        return logits, attribution, affect


class EmotionNet(nn.Module):
    """Three peers and their fusion.

    Args:
        widths: D of each modality's tokens.
        num_labels: C.
        sizes: from the spec.
        dropout: in training only.
        peer_gradient: share of the fusion's gradient that reaches the peers; 0 = none.
        embeddings: modality -> layer that maps its tokens to the width of the peers; a linear map without.
    """

    def __init__(
        self,
        widths: dict[Modality, int],
        num_labels: int,
        sizes: FusionSpec = DEFAULT_SIZES,
        *,
        dropout: float = 0.1,
        peer_gradient: float = 0.1,
        embeddings: Mapping[Modality, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.peers = nn.ModuleDict(
            {
                m: Peer(
                    widths[m],
                    width=sizes.width,
                    heads=sizes.heads,
                    layers=sizes.peer_layers,
                    feedforward=sizes.feedforward,
                    num_labels=num_labels,
                    dropout=dropout,
                    embedding=(embeddings or {}).get(m),
                    statistics=m in sizes.statistics,
                )
                for m in MODALITIES
            }
        )
        self.fusion = Fusion(sizes, num_labels, dropout)
        self.combination = EvidenceCombination(num_labels) if sizes.combination == "evidence" else None
        self.peer_gradient = peer_gradient
        self.peer_answers_alone = sizes.alone == "peer"

    @classmethod
    def from_spec(cls, spec: ModelSpec) -> EmotionNet:
        """Build the network that a spec describes, with fresh weights, ready for inference."""
        widths = {m: encoder.width for m, encoder in spec.encoders.items()}
        embeddings = {m: embedding(encoder, spec.fusion.width) for m, encoder in spec.encoders.items()}
        return cls(widths, len(spec.labels), spec.fusion, dropout=0.0, embeddings=embeddings).eval()

    def forward(
        self, values: dict[Modality, Tensor], times_s: dict[Modality, Tensor], mask: dict[Modality, Tensor]
    ) -> tuple[Tensor, ...]:
        """Estimate, as live.

        Args:
            values: modality -> (B, T_m, D_m) float.
            times_s: modality -> (B, T_m) float, seconds since the window's start.
            mask: modality -> (B, T_m) bool.

        Returns:
            (B, C) logits of the fusion, or of the only peer that is present where the spec wants it so;
            (B, M, C) peer logits; (B, M) attribution; with a valence/arousal head also (B, 2) in [-1, 1].
        """
        out = self.details(values, times_s, mask)
        available = torch.stack([mask[m].any(dim=1) for m in MODALITIES], dim=1)  # (B, M)
        logits = self._alone(out.logits, out.peer_logits, available)
        answer = (logits, out.peer_logits, out.attribution)
        return answer if out.affect is None else (*answer, out.affect)

    def details(
        self, values: dict[Modality, Tensor], times_s: dict[Modality, Tensor], mask: dict[Modality, Tensor]
    ) -> NetDetails:
        """Like `forward`, with what the losses need besides."""
        outs = [self.peers[m](values[m], times_s[m], mask[m]) for m in MODALITIES]
        states = [scale_gradient(out.states, self.peer_gradient) for out in outs]
        logits, attribution, affect = self.fusion(states, [mask[m] for m in MODALITIES])
        peer_logits = torch.stack([out.logits for out in outs], dim=1)  # (B, M, C)
        if self.combination is not None:
            available = torch.stack([mask[m].any(dim=1) for m in MODALITIES], dim=1)  # (B, M)
            correction = CORRECTION * (logits / CORRECTION).tanh()  # (B, C)
            said = scale_gradient(peer_logits, self.peer_gradient)
            logits = self.combination(said, available) + correction
            attribution = self._decided(logits, correction, peer_logits, available)
        return NetDetails(
            logits,
            peer_logits,
            attribution,
            affect,
            torch.stack([out.states[:, -1] for out in outs], dim=1),
        )

    def _alone(self, logits: Tensor, peer_logits: Tensor, available: Tensor) -> Tensor:
        """(B, C) `logits`, or the only present peer's where the spec wants it so."""
        if not self.peer_answers_alone:
            return logits
        own = (peer_logits * available[..., None]).sum(dim=1)  # (B, C)
        return torch.where(available.sum(dim=1, keepdim=True) == 1, own, logits)

    def _decided(self, logits: Tensor, correction: Tensor, peer_logits: Tensor, available: Tensor) -> Tensor:
        """(B, M) shares of the change of the probabilities when a modality is taken away."""
        assert self.combination is not None
        full = logits.sigmoid()
        changes = []
        for i in range(len(MODALITIES)):
            kept = [available[:, j] if j != i else torch.zeros_like(available[:, j]) for j in range(3)]
            rest = torch.stack(kept, dim=1)
            without = (self.combination(peer_logits, rest) + correction).sigmoid()
            changes.append((full - without).abs().sum(dim=1))
        change = (torch.stack(changes, dim=1) + 1e-6) * available  # equal shares where nothing changes
        return change / change.sum(dim=1, keepdim=True).clamp(min=1e-6)


def scale_gradient(x: Tensor, scale: float) -> Tensor:
    """Identity whose gradient is multiplied by `scale`."""
    if not x.requires_grad or scale == 1.0:
        return x
    return x * scale + x.detach() * (1.0 - scale)


def _per_modality(weights: Tensor, masks: list[Tensor]) -> Tensor:
    """Sum the attention to the states of each modality: (B, S) -> (B, M)."""
    lengths = [mask.shape[1] + 1 for mask in masks]
    return torch.stack([part.sum(dim=1) for part in torch.split(weights, lengths, dim=1)], dim=1)
