"""What the three encoder trainings share of their peers: sizes, times, input statistics, and maps per corpus.

Legend: B batch, T tokens, D token width, C labels, K corpora.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.labels import EMOTIONS
from core.models.peers import Peer


class PeerSizes(Strict):
    """Sizes of a peer; all three peers of a checkpoint share them, because the fusion attends to all.

    Only `statistics`, the linear reading of the tokens' moments, may differ from peer to peer.
    """

    width: int = Field(160, gt=0)
    heads: int = Field(4, gt=0)
    layers: int = Field(2, gt=0)
    feedforward: int = Field(320, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    statistics: bool = False


def new_peer(width_in: int, sizes: PeerSizes) -> Peer:
    """A peer with fresh weights for the seven emotions."""
    return Peer(
        width_in,
        width=sizes.width,
        heads=sizes.heads,
        layers=sizes.layers,
        feedforward=sizes.feedforward,
        num_labels=len(EMOTIONS),
        dropout=sizes.dropout,
        statistics=sizes.statistics,
    )


def random_times(mask: Tensor, longest_s: float, generator: torch.Generator) -> Tensor:
    """(B, T) increasing times in [0, longest_s] seconds for the tokens in `mask`: (B, T) bool."""
    times = torch.rand(mask.shape, generator=generator) * longest_s
    return times.sort(dim=1).values


def set_statistics(peer: Peer, tokens: Tensor) -> None:
    """Standardise a peer's input by training tokens: (N, D)."""
    peer.set_input_statistics(tokens.mean(dim=0), tokens.std(dim=0))


class CorpusBias(nn.Module):
    """logit' = exp(scale[k, c]) * logit + bias[k, c], k being the corpus of the row; in training only.

    Corpora disagree about how often a label is present (fear: 1.7 % of GoEmotions, 58 % of BRIGHTER) and how
    sharp their raters are. Without these maps the shared peer would have to guess the corpus from the style.

    Args:
        corpora: K.
        labels: C.
    """

    def __init__(self, corpora: int, labels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(corpora, labels))
        self.bias = nn.Parameter(torch.zeros(corpora, labels))

    def forward(self, logits: Tensor, corpus: Tensor) -> Tensor:
        """Logits (B, C) and corpus (B,) int64 -> (B, C)."""
        return self.scale[corpus].exp() * logits + self.bias[corpus]

    @torch.no_grad()
    def fold_into(self, peer: Peer, known: Tensor) -> None:
        """Give `peer` the mean of the maps, since live there is no corpus.

        Args:
            peer: its head is changed.
            known: (K, C) bool, the labels that a corpus has.
        """
        weight = known.float() / known.float().sum(dim=0).clamp(min=1)
        scale = (self.scale.exp() * weight).sum(dim=0) + (~known.any(dim=0)).float()
        bias = (self.bias * weight).sum(dim=0)
        peer.head.weight.mul_(scale[:, None])
        peer.head.bias.mul_(scale).add_(bias)
