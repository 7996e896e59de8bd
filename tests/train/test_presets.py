"""The shipped presets are valid, and say in their first line how they are run."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.config import read_config
from train.corpora.registry import CORPORA

FOLDER = Path(__file__).parents[2] / "configs" / "train"


@pytest.mark.parametrize("name", ["default", "own", "semul_pcd"])
def test_a_preset_is_valid_and_its_peers_fit_its_fusion(name):
    path = FOLDER / f"{name}.yaml"
    config = read_config(path, [])
    assert path.read_text().splitlines()[0].startswith(f"# emotrack train fit configs/train/{name}.yaml")
    assert set(config.corpora) <= set(CORPORA)
    for stage in (config.text, config.audio, config.visual):
        assert (stage.peer.width, stage.peer.layers) == (config.sizes.width, config.sizes.peer_layers)
        assert (stage.peer.heads, stage.peer.feedforward) == (config.sizes.heads, config.sizes.feedforward)
