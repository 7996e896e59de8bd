"""The paper's own preset trains on recordings, and says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import SpecMismatch
from core.models.storage import load_network
from core.spec import insist_on_live, read_spec
from tests.train.raw.recordings import write_corpus
from train.build import build
from train.config import read_config
from train.encoding.corpus import RecordingWork
from train.initialisation import new_network
from train.training_data import Paths, read_training_data

PRESET = Path(__file__).parents[3] / "configs" / "train" / "semul_pcd.yaml"
SMALL = [
    "sizes.width=16",
    "sizes.heads=2",
    "sizes.peer_layers=1",
    "sizes.fusion_layers=1",
    "sizes.feedforward=16",
    "vocabulary=100",
    "max_tokens.audio=20",
    "max_tokens.text=12",
    "joint_calibration=100",
    "optimisation.steps=16",
    "optimisation.batch=6",
    "optimisation.accumulate=1",
    "optimisation.validate_every=8",
    "optimisation.save_every=0",
    "optimisation.rate=0.004",
    "optimisation.device=cpu",
    "losses.contrastive_queue=6",
]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    (folder / "data").mkdir()
    write_corpus(folder / "data")
    out, work = folder / "out", RecordingWork()
    return Paths(folder / "data", out / "run" / "encoders", out, folder / "cache", Path, work)


@pytest.fixture(scope="module")
def built(paths):
    return build(read_config(PRESET, SMALL), paths, tensorboard=paths.out / "board")


def test_the_loss_falls_and_the_labels_are_learned(built, paths):
    lines = [json.loads(line) for line in (paths.out / "run" / "log.jsonl").read_text().splitlines()]
    first = next(line for line in lines if not line["validation"])
    assert {
        "fusion",
        "peers",
        "distillation",
        "collaboration",
        "contrastive",
        "consistency",
        "affect",
    } <= set(first)
    last = [line for line in lines if line["validation"]][-1]
    assert last["loss"] < 0.75 * first["loss"]
    assert last["directory_map"] > 0.8
    assert (paths.out / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((paths.out / "board").glob("events.out.tfevents.*"))


def test_the_checkpoint_is_whole_and_names_its_raw_input(built, paths):
    spec = read_spec(paths.out)
    assert spec == built
    assert {m: e.kind for m, e in spec.encoders.items()} == {
        "text": "word_pieces",
        "audio": "audio_patches",
        "visual": "tubelets",
    }
    assert (paths.out / "tokenizer.json").is_file()
    assert spec.fusion.queries == "token"
    net = load_network(spec, paths.out)
    shapes = spec.token_shapes
    values = {m: torch.zeros(1, 3 if m != "visual" else 49, s.width) for m, s in shapes.items()}
    mask = {m: torch.ones(v.shape[:2], dtype=torch.bool) for m, v in values.items()}
    out = net(values, {m: torch.zeros(v.shape[:2]) for m, v in values.items()}, mask)
    assert out[0].shape == (1, 7)
    assert out[3].abs().max() <= 1, "valence and arousal"


def test_the_live_loop_refuses_it_and_says_why(built, paths):
    with pytest.raises(SpecMismatch, match="tubelets"):
        insist_on_live(built, paths.out)


def test_no_validation_or_test_example_takes_part_in_scaling(paths):
    config = read_config(PRESET, SMALL)
    inputs = read_training_data(config, paths)
    train = [s.part("train") for s in inputs.sets]
    alone = new_network(config, inputs.spec, paths.encoders, train)
    assert "test" not in inputs.sets[0].splits
    values = np.concatenate([train[0].tokens["audio"][row].values for row in range(len(train[0]))])
    np.testing.assert_allclose(alone.peers["audio"].input_mean, values.mean(axis=0), atol=1e-6)
