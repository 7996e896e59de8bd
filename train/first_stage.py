"""The first stage: each encoder together with its peer, on corpora of its own modality."""

from __future__ import annotations

from pathlib import Path

from core.labels import MODALITIES, Modality
from train.config import TrainingConfig
from train.encoders.one import Recipe, train_one
from train.encoding.features import ENCODER_FILES, Locate


def first_stage(config: TrainingConfig, data: Path, folder: Path, locate: Locate) -> None:
    """Train every encoder whose files are not in `folder` yet; an interrupted one goes on by itself.

    Args:
        config: the preset; its `text`, `audio` and `visual`.
        data: folder with the corpora.
        folder: where encoders and peers are written.
        locate: finds third-party weights.
    """
    for modality in missing(folder, peers=config.peers == "first_stage"):
        recipes: dict[Modality, Recipe] = {
            "text": config.text,
            "audio": config.audio,
            "visual": config.visual,
        }
        train_one(modality, recipes[modality], data, folder, locate)


def missing(folder: Path, *, peers: bool) -> list[Modality]:
    """Modalities whose encoder, or peer where peers are wanted, is not in the folder."""
    return [
        m
        for m in MODALITIES
        if not (folder / ENCODER_FILES[m]).is_file()
        or (peers and not (folder / f"peer_{m}.safetensors").is_file())
    ]
