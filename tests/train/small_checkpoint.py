"""A small checkpoint with the widths of our encoders, for tests that need no encoder."""

from __future__ import annotations

from pathlib import Path

import torch

from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.models.storage import save_network
from core.spec import (
    BranchCalibration,
    CalibrationSpec,
    EncoderSpec,
    FusionSpec,
    ModelSpec,
    pattern,
    write_spec,
)
from train.calibration.stage import PATTERNS
from train.encoder_plan import OPTIONS, WIDTHS
from train.encoding.features import ENCODER_FILES

SIZES = FusionSpec(width=16, heads=2, peer_layers=1, fusion_layers=1, feedforward=16)


def write_checkpoint(folder: Path, labels: tuple[str, ...] = EMOTIONS) -> ModelSpec:
    """Untrained; the encoders' files hold nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ENCODER_FILES.values():
        (folder / name).write_bytes(name.encode())
    same = BranchCalibration(temperature=(1.0,) * len(labels), bias=(0.0,) * len(labels))
    spec = ModelSpec(
        name="made-up",
        labels=labels,
        encoders={m: _encoder(m) for m in MODALITIES},
        fusion=SIZES,
        calibration=CalibrationSpec(
            fusion={pattern(p): same for p in PATTERNS},
            peers=dict.fromkeys(MODALITIES, same),
            thresholds=(0.5,) * len(labels),
        ),
        license="none",
        summary="For tests.",
    )
    torch.manual_seed(0)
    digest = save_network(EmotionNet.from_spec(spec), folder / SIZES.file)
    spec = spec.model_copy(update={"fusion": SIZES.model_copy(update={"file_sha256": digest})})
    write_spec(spec, folder)
    return spec


def _encoder(modality: Modality) -> EncoderSpec:
    return EncoderSpec(
        kind="made-up",
        weight=None,
        weight_sha256=None,
        width=WIDTHS[modality],
        max_tokens=64,
        options=OPTIONS[modality],
    )
