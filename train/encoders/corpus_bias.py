"""One affine map of the logits per corpus, in training only.

Corpora disagree about how often a label is present (fear: 1.7 % of GoEmotions, 58 % of BRIGHTER) and how
sharp their raters are. Without these maps the shared peer would have to guess the corpus from the style.

Legend: B batch, C labels, K corpora.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.models.peers import Peer


class CorpusBias(nn.Module):
    """logit' = exp(scale[k, c]) * logit + bias[k, c], k being the corpus of the row.

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
