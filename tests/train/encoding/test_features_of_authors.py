"""Training on features that a corpus' authors computed: no encoder, full precision, training statistics."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from core.errors import ConfigError
from core.models.storage import load_network
from core.spec import read_spec
from core.window import Tokens
from train.build import build
from train.config import TrainingConfig
from train.data.token_set import Ragged
from train.encoding.corpus import FEATURES, NO_ENCODER
from train.evaluation.evaluate import evaluate_corpus
from train.training_data import Paths

FAR = 2e5
"""Beyond half precision, whose largest number is 65504."""


def part(name: str, count: int, offset: float) -> dict[str, np.ndarray]:
    """Happy rows have a larger first feature of the voice; faces are missing."""
    rng = np.random.default_rng(len(name))
    happy = np.arange(count) % 2
    audio = rng.normal(size=(count, 4, 3))
    audio[:, :, 0] += 3 * happy[:, None]
    labels = np.zeros((count, 7))
    labels[:, 1] = happy
    text = rng.normal(size=(count, 4, 2))
    ids = np.array([f"{name}{i}[0]" for i in range(count)])
    return {"audio": audio * FAR + offset, "text": text, "labels": labels, "id": ids}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mosei")
    parts = {"train": part("a", 40, 0.0), "valid": part("bb", 16, 0.0), "test": part("ccc", 16, FAR)}
    (folder / "aligned.pkl").write_bytes(pickle.dumps(parts))
    return folder


def preset(**changes) -> TrainingConfig:
    values = {
        "summary": "For tests.",
        "license": "none",
        "corpora": {"mosei_pickle": {}},
        "peers": "fresh",
        "joint_calibration": 100,
        "sizes": {"width": 16, "heads": 2, "peer_layers": 1, "fusion_layers": 1, "feedforward": 16},
        "optimisation": {"steps": 60, "batch": 16, "rate": 0.01, "peer_rate_factor": 1, "average": 0.8}
        | {"validate_every": 30, "device": "cpu"},
    }
    return TrainingConfig.from_mapping(values | changes, where="test")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    build(preset(), Paths(data, out / "encoders", out, out / "cache", lambda name: out))
    return out


def test_each_modality_has_the_width_of_its_features_and_one_without_any_is_named(trained):
    encoders = read_spec(trained).encoders
    assert {m: (e.kind, e.width) for m, e in encoders.items()} == {
        "text": (FEATURES + "mosei_pickle", 2),
        "audio": (FEATURES + "mosei_pickle", 3),
        "visual": (NO_ENCODER, 1),
    }


def test_large_features_are_learned_from_and_judged(trained, data):
    report = evaluate_corpus(
        trained, "mosei_pickle", data, "validation", cache=trained, locate=lambda name: data, resamples=0
    )
    assert report.per_label["happiness"]["ap"] > 0.9
    assert "neutral" not in report.per_label  # MOSEI never asks for it


def test_features_are_standardised_by_the_training_part_alone(trained, data):
    peer = load_network(read_spec(trained), trained).peers["audio"]
    with (data / "aligned.pkl").open("rb") as file:
        audio = pickle.load(file)["train"]["audio"].reshape(-1, 3)
    np.testing.assert_allclose(peer.input_mean.numpy(), audio.mean(axis=0), rtol=1e-3, atol=FAR * 1e-3)
    np.testing.assert_allclose(1 / peer.input_scale.numpy(), audio.std(axis=0, ddof=1), rtol=1e-2)


def test_features_want_fresh_peers():
    with pytest.raises(ConfigError, match="set peers to fresh"):
        preset(peers="first_stage")


def test_half_precision_is_for_what_fits_into_it():
    small = Ragged.of([Tokens(np.ones((2, 3), np.float32), np.zeros(2, np.float32))], "timed")
    large = Ragged.of([Tokens(np.full((2, 3), FAR, np.float32), np.zeros(2, np.float32))], "timed")
    assert (small.values.dtype, large.values.dtype) == (np.float16, np.float32)
    assert np.isfinite(large.values).all()
