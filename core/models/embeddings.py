"""How tokens enter a peer: those of encoders by a linear map, raw input by an embedding of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import nn

from core.labels import Modality
from core.models.raw import audio_patches, tubelets, word_pieces
from core.models.raw.tubelets import TubeletEmbedding
from core.models.raw.word_pieces import PieceEmbedding
from core.spec import EncoderSpec

RAW_KINDS: Final[Mapping[Modality, str]] = {
    "text": "word_pieces",
    "audio": "audio_patches",
    "visual": "tubelets",
}
"""Kind of "encoder" of each modality of raw input."""

RAW_WIDTHS: Final[Mapping[Modality, int]] = {
    "text": word_pieces.WIDTH,
    "audio": audio_patches.WIDTH,
    "visual": tubelets.WIDTH,
}
"""Numbers of a token of raw input."""


def embedding(encoder: EncoderSpec, width: int) -> nn.Module:
    """The layer that maps an encoder's tokens, (B, T, D), to the width of a peer, (B, T, width)."""
    if encoder.kind == "word_pieces":
        return PieceEmbedding(int(encoder.options["vocabulary"]), width)
    if encoder.kind == "tubelets":
        return TubeletEmbedding(width)
    return nn.Linear(encoder.width, width)


def is_raw(encoders: Mapping[Modality, EncoderSpec]) -> bool:
    """Whether a checkpoint takes raw input, which the live loop does not make."""
    return any(encoder.kind in RAW_KINDS.values() for encoder in encoders.values())
