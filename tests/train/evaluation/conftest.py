"""A small checkpoint with an operating point of its own for one made-up corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.labels import EMOTIONS, MODALITIES
from core.models.storage import save_network
from core.spec import (
    BranchCalibration,
    CalibrationSpec,
    EncoderSpec,
    ModelSpec,
    OperatingPoint,
    pattern,
    write_spec,
)
from train.calibration.stage import PATTERNS
from train.testing import SIZES, WIDTHS, network

FLAT = BranchCalibration(temperature=(1.0,) * 7, bias=(0.0,) * 7)
OWN = BranchCalibration(temperature=(2.0,) * 7, bias=(-1.0,) * 7, thresholds=(0.2,) * 7)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelSpec]:
    """Untrained; its point "talk" knows text and audio."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    digest = save_network(network(dropout=0.0).eval(), folder / "model.safetensors")
    talk = OperatingPoint(
        fusion={"text": OWN, "audio": OWN, "text+audio": OWN},
        peers={"text": OWN, "audio": OWN},
        examples=20,
        sources=10,
    )
    encoders = {
        m: EncoderSpec(kind="none", weight=None, weight_sha256=None, width=WIDTHS[m], max_tokens=8)
        for m in MODALITIES
    }
    spec = ModelSpec(
        name="small",
        labels=EMOTIONS,
        encoders=encoders,
        fusion=SIZES.model_copy(update={"file_sha256": digest}),
        calibration=CalibrationSpec(
            fusion={pattern(p): FLAT for p in PATTERNS},
            peers=dict.fromkeys(MODALITIES, FLAT),
            thresholds=(0.5,) * 7,
            operating_points={"talk": talk},
        ),
        license="none",
        summary="For tests.",
    )
    write_spec(spec, folder)
    return folder, spec
