"""`emotrack train encoder CONFIG`: one command per modality, from corpora to the weights of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml

from core.errors import ConfigError
from core.strict import Strict, with_overrides
from core.weights import fetch
from train.encoders.audio import AudioTraining, train_audio
from train.encoders.text import TextTraining, train_text
from train.encoders.visual import VisualTraining, train_visual


class EncoderTraining(Strict):
    """The file `configs/train/{text,audio,visual}.yaml`: a modality, and how it is trained."""

    modality: Literal["text", "audio", "visual"]
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
        ConfigError: the configuration is not valid.
        SourceError: a corpus is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    config = _read(config_file, overrides)
    if config.modality == "text":
        return train_text(config.text or TextTraining(), data, fetch("minilm"), out)
    if config.modality == "audio":
        silero = fetch("silero-vad") / "silero_vad_16k_op15.onnx"
        return train_audio(config.audio or AudioTraining(), data, fetch("whisper-base"), silero, out)
    return train_visual(config.visual or VisualTraining(), data, out)


def _read(path: Path, overrides: list[str]) -> EncoderTraining:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read as YAML ({error}).", where=str(path)) from error
    if not isinstance(values, dict):
        raise ConfigError("is not a mapping of keys to values.", where=str(path))
    return EncoderTraining.from_mapping(with_overrides(values, overrides), where=str(path))
