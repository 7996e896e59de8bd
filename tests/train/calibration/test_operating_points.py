"""Operating points: each corpus gets the calibration that its own validation speakers bear out."""

from __future__ import annotations

import numpy as np
import pytest

from core.labels import EMOTIONS, MODALITIES
from core.models.calibration import probabilities
from core.spec import BranchCalibration, CalibrationSpec, pattern
from train.calibration.operating_points import (
    FEWEST,
    PULL_OF_ONE_SPEAKER,
    PULLS,
    BranchOutputs,
    choose_pull,
    choose_pulls,
    fit_points,
)
from train.calibration.stage import PATTERNS
from train.metrics import calibration_error, presence
from train.testing import SHAPES, corpus, network, thinned

FLAT = BranchCalibration(temperature=(1.0,) * 7, bias=(0.0,) * 7)
DEFAULT = CalibrationSpec(
    fusion={pattern(p): FLAT for p in PATTERNS}, peers=dict.fromkeys(MODALITIES, FLAT), thresholds=(0.5,) * 7
)


def observed(
    count: int, speakers: int, shift: float = 0.0, seed: int = 0, *, by_speaker: float = 0.0
) -> BranchOutputs:
    """Honest logits moved by `shift`, and further by a different amount for each speaker."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(-1.0, 1.5, (count, len(EMOTIONS)))
    truth = rng.random(honest.shape) < 1 / (1 + np.exp(-honest))
    who = np.arange(count) % speakers
    moved = honest - shift + by_speaker * rng.normal(size=(speakers, len(EMOTIONS)))[who]
    return BranchOutputs(
        ("audio",),
        False,
        moved.astype(np.float32),
        truth.astype(np.float32),
        np.ones_like(truth),
        np.tile([0, 20, 0], (count, 1)),
        tuple(f"speaker {i}" for i in who),
    )


def test_a_large_corpus_of_many_speakers_follows_its_own_base_rates():
    assert choose_pull(observed(2000, 400, shift=2.0), DEFAULT) <= 10


def test_a_corpus_with_enough_examples_and_of_no_modality_enough_has_no_point_of_its_own():
    tokens = corpus("mine", MODALITIES, examples=60).part("validation")
    for place, modality in enumerate(MODALITIES):
        tokens = thinned(tokens, modality, lambda row, place=place: row % 3 == place)
    assert len(tokens) >= FEWEST > len(tokens) / 3
    assert fit_points(network().eval(), [tokens], SHAPES, DEFAULT) == {}


def test_few_speakers_who_differ_among_themselves_stay_near_the_default():
    assert choose_pull(observed(120, 2, by_speaker=1.5), DEFAULT) >= 30


def test_a_corpus_of_one_speaker_takes_the_caution_that_others_need():
    several, one = observed(120, 2, by_speaker=1.5), observed(30, 1, shift=1.0, seed=1)
    pulls = choose_pulls({"several": [several], "one": [one]}, DEFAULT)
    assert pulls["one"] == pulls["several"]
    assert choose_pulls({"one": [one]}, DEFAULT) == {"one": {"audio": PULL_OF_ONE_SPEAKER}}
    assert set(pulls["several"].values()) <= set(PULLS)


def test_points_are_fitted_for_the_branches_that_a_corpus_has_and_improve_calibration_there():
    tokens = corpus("talk", ("text", "audio"), examples=300)
    net = network().eval()
    points = fit_points(net, [tokens, corpus("tiny", ("text",), examples=6)], SHAPES, DEFAULT)
    assert set(points) == {"talk"}
    point = points["talk"]
    assert set(point.fusion) == {"text", "audio", "text+audio"}
    assert set(point.peers) == {"text", "audio"}
    assert all(b.thresholds is not None for b in (*point.fusion.values(), *point.peers.values()))
    assert (point.examples, point.sources) == (300, 150)


@pytest.mark.parametrize("shift", [-1.0, 1.5])
def test_the_error_of_calibration_falls_at_the_own_point(shift):
    from train.calibration.operating_points import _point

    branch, fresh = observed(800, 200, shift=shift), observed(800, 200, shift=shift, seed=9)
    fitted = _point([branch], {"audio": choose_pull(branch, DEFAULT)}, DEFAULT).fusion["audio"]

    def error(calibration: BranchCalibration) -> float:
        return calibration_error(
            probabilities(fresh.logits, calibration), presence(fresh.targets), fresh.known
        )

    assert error(fitted) < 0.05 < error(FLAT)
