"""Sizes of the peers, and the training of a peer on cached tokens.

Legend: B batch, T tokens, D token width, C labels.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

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
