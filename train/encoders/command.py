"""`emotrack train encoder CONFIG`: one command per modality, from corpora to the weights of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core.config_base import Strict, read_mapping, with_overrides
from core.labels import Modality
from core.weights import fetch
from train.encoders.audio import AudioTraining
from train.encoders.one import Recipe, train_one
from train.encoders.text import TextTraining
from train.encoders.visual import VisualTraining

_PLAIN: Final[dict[Modality, type[Recipe]]] = {
    "text": TextTraining,
    "audio": AudioTraining,
    "visual": VisualTraining,
}


class EncoderTraining(Strict):
    """The file `configs/train/{text,audio,visual}.yaml`: a modality, and how it is trained."""

    modality: Modality
    text: TextTraining | None = None
    audio: AudioTraining | None = None
    visual: VisualTraining | None = None


def train_encoder(config_file: Path, data: Path, out: Path, overrides: list[str]) -> dict[str, float]:
    """Train one modality's encoder and peer.

    Third-party weights are fetched where needed. An interrupted training in `out` is gone on from.

    Args:
        config_file: YAML of `EncoderTraining`.
        data: folder of the corpora.
        out: gets the weights and a log; made if absent.
        overrides: assignments such as "visual.epochs=3".

    Returns:
        Figures on validation and test parts.

    Raises:
        ConfigError: the configuration is not valid, or not that of the run that was interrupted.
        SourceError: a corpus is not there.
    """
    values = with_overrides(read_mapping(config_file), overrides)
    config = EncoderTraining.from_mapping(values, where=str(config_file))
    given = {"text": config.text, "audio": config.audio, "visual": config.visual}[config.modality]
    return train_one(config.modality, given or _PLAIN[config.modality](), data, out, fetch)
