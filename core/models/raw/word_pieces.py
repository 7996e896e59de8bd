"""Text as word pieces whose embedding is learned from scratch, in place of a pretrained encoder's tokens."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

FILE: Final = "tokenizer.json"
"""Name of the vocabulary inside a checkpoint folder; `core.encoders.text_tokens.PieceTokenizer` reads it."""

WIDTH: Final = 1
"""A token is one number: the id of its piece."""


class PieceEmbedding(nn.Module):
    """A learned vector for each word piece.

    Args:
        vocabulary: number of pieces.
        width: d.
    """

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.pieces.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, 1) float, ids of pieces -> (B, T, d)."""
        embedded: Tensor = self.pieces(tokens[..., 0].long())
        return embedded
