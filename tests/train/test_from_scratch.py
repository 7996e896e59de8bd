"""One command from corpora to a checkpoint: encoders, then fusion and calibration. With real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.spec import insist_on_live, read_spec
from tests.train.tiny_corpora import write_corpora
from train.cli import app

PRESET = Path(__file__).parents[2] / "configs" / "train" / "default.yaml"
SMALL = [
    "text.epochs=1",
    "text.batch=8",
    "text.limit=16",
    "audio.epochs=1",
    "audio.batch=4",
    "audio.views=1",
    "visual.epochs=1",
    "visual.batch=8",
    "visual.limit=16",
    "visual.views=1",
    "visual.peer_steps=2",
    "visual.peer_batch=4",
    "views=1",
    "corpora={goemotions: {}, ferplus: {}, ravdess: {}}",
    "joint_calibration=100",
    "optimisation.steps=4",
    "optimisation.batch=8",
    "optimisation.validate_every=4",
    "optimisation.device=cpu",
]


@pytest.mark.usefixtures("weights")
def test_a_preset_trains_from_scratch_by_one_command(tmp_path):
    data, out = write_corpora(tmp_path), tmp_path / "out"
    chosen = [word for one in SMALL for word in ("--set", one)]
    command = ["fit", str(PRESET), "--data", str(data), "--cache", str(tmp_path / "cache"), *chosen]

    done = CliRunner().invoke(app, [*command, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    spec = read_spec(out)
    insist_on_live(spec, out)
    encoders = out / "run" / "encoders"
    names = {path.name for path in encoders.iterdir()}
    assert {f"peer_{m}.safetensors" for m in ("text", "audio", "visual")} <= names
    assert not {name for name in names if name.endswith("_state.pt")}
    assert {"spec.json", "model.safetensors", "visual.safetensors"} <= {path.name for path in out.iterdir()}
