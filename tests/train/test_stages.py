"""One command from scratch: encoders that are missing are trained, finished ones are not repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from core.errors import ConfigError
from train import stages
from train.config import read_config
from train.encoders import command
from train.encoders.visual import VisualTraining
from train.encoding.features import ENCODER_FILES

PRESETS = Path(__file__).parents[2] / "configs" / "train"


@pytest.fixture
def trained(monkeypatch):
    """Modalities in the order in which they were trained; each leaves its files behind."""
    done: list[str] = []

    def train_one(modality, recipe, data, out, locate):
        done.append(modality)
        out.mkdir(parents=True, exist_ok=True)
        (out / ENCODER_FILES[modality]).write_bytes(b"x")
        (out / f"peer_{modality}.safetensors").write_bytes(b"x")

    monkeypatch.setattr(stages, "train_one", train_one)
    return done


def test_missing_encoders_are_trained_once_and_finished_ones_not_again(trained, tmp_path):
    config = read_config(PRESETS / "default.yaml", [])
    stages.first_stage(config, tmp_path, tmp_path / "encoders", Path)
    assert trained == ["text", "audio", "visual"]
    (tmp_path / "encoders" / "peer_audio.safetensors").unlink()  # as if it had been killed there
    stages.first_stage(config, tmp_path, tmp_path / "encoders", Path)
    assert trained == ["text", "audio", "visual", "audio"]


@pytest.mark.parametrize("modality", ["text", "audio", "visual"])
def test_the_default_preset_names_the_recipes_of_train_encoder(modality):
    recipe = yaml.safe_load((PRESETS / f"{modality}.yaml").read_text())[modality]
    config = read_config(PRESETS / "default.yaml", [f"{modality}.seed=7"])
    found = getattr(config, modality).model_dump(exclude_unset=True)
    assert found.pop("seed") == 7
    for name in recipe.keys() - {"peer", "seed"}:
        assert found[name] == recipe[name]


def test_a_recipe_of_another_modality_is_refused(tmp_path):
    (tmp_path / "text.yaml").write_text((PRESETS / "audio.yaml").read_text())
    (tmp_path / "p.yaml").write_text("summary: s\nlicense: l\ncorpora: {xed: {}}\ntext: text.yaml\n")
    with pytest.raises(ConfigError, match="no recipe of the text encoder"):
        read_config(tmp_path / "p.yaml", [])


def test_going_on_with_another_recipe_is_refused_and_a_finished_one_may_be_repeated(monkeypatch, tmp_path):
    monkeypatch.setattr(command, "train_visual", lambda recipe, data, out: {"epochs": float(recipe.epochs)})
    assert command.train_one("visual", VisualTraining(epochs=3), tmp_path, tmp_path, Path) == {"epochs": 3.0}
    assert json.loads((tmp_path / "visual_recipe.json").read_text())["epochs"] == 3
    (tmp_path / "visual_state.pt").write_bytes(b"interrupted")
    with pytest.raises(ConfigError, match=r"differing: epochs"):
        command.train_one("visual", VisualTraining(epochs=4), tmp_path, tmp_path, Path)
    command.train_one("visual", VisualTraining(epochs=3), tmp_path, tmp_path, Path)
    (tmp_path / "visual_state.pt").unlink()
    command.train_one("visual", VisualTraining(epochs=4), tmp_path, tmp_path, Path)
