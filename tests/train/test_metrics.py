"""Figures: known values, masks, votes, constants and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from train.metrics import calibration_error, calibration_floor, constants, figures, per_label, presence

HALF = np.full(3, 0.5)


def test_figures_of_a_small_table_are_those_computed_by_hand():
    targets = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32)
    p = np.array([[0.9, 0.1, 0.1], [0.6, 0.4, 0.1], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]], np.float32)
    got = figures(p, targets, np.ones((4, 3), bool), HALF)
    assert got["accuracy"] == pytest.approx(0.75)
    assert got["uar"] == pytest.approx(2 / 3)
    assert got["macro_f1"] == pytest.approx((0.8 + 0 + 1) / 3)
    assert got["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert got["map"] == pytest.approx(1.0)
    assert got["hamming"] == pytest.approx(2 / 12)
    assert got["brier"] == pytest.approx(((p - targets) ** 2).mean())


def test_what_is_not_known_changes_no_figure():
    rng = np.random.default_rng(0)
    targets = (rng.random((40, 3)) < 0.4).astype(np.float32)
    p = rng.random((40, 3)).astype(np.float32)
    known = np.ones((40, 3), bool)
    known[:, 2] = False
    other = targets.copy()
    other[:, 2] = 1 - other[:, 2]
    assert figures(p, targets, known, HALF) == figures(p, other, known, HALF)
    assert figures(p, targets, known, HALF)["macro_f1"] == pytest.approx(
        figures(p[:, :2], targets[:, :2], known[:, :2], HALF[:2])["macro_f1"]
    )


def test_votes_give_the_majority_label_even_below_one_half():
    votes = np.array([[0.4, 0.3, 0.3], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    assert presence(votes).tolist() == [[True, False, False], [True, True, False], [False, False, False]]


def test_calibration_error_is_zero_for_honest_and_large_for_boastful_probabilities():
    rng = np.random.default_rng(0)
    p = rng.random((20_000, 1)).astype(np.float32)
    truth = rng.random((20_000, 1)) < p
    known = np.ones_like(truth)
    assert calibration_error(p, truth, known) < 0.02
    assert calibration_error(p**4, truth, known) > 0.15


def test_the_floor_of_the_calibration_error_is_what_honest_probabilities_show():
    rng = np.random.default_rng(0)
    for count, at_least, at_most in ((60, 0.08, 0.25), (20_000, 0.0, 0.01)):
        p = rng.random((count, 2))
        known = np.ones((count, 2), bool)
        truth = rng.random((count, 2)) < p
        floor = calibration_floor(p, known)
        assert at_least < floor < at_most
        assert calibration_error(p, truth, known) == pytest.approx(floor, rel=0.4)


def test_the_binary_weighted_f1_of_saying_no_is_high_where_a_label_is_rare():
    targets = np.zeros((100, 1), np.float32)
    targets[:10] = 1
    got = figures(np.zeros((100, 1)), targets, np.ones((100, 1), bool), HALF[:1])
    assert got["binary_weighted_f1"] == pytest.approx(0.9 * (2 * 90 / (2 * 90 + 10)))
    assert got["macro_f1"] == 0


def test_thresholds_may_differ_from_example_to_example():
    p = np.full((2, 1), 0.4)
    targets = np.array([[1.0], [0.0]], np.float32)
    got = figures(p, targets, np.ones((2, 1), bool), np.array([[0.3], [0.5]]))
    assert got["macro_f1"] == 1.0


def test_constants_are_judged_like_any_predictor():
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]], np.float32)
    table = constants(targets, np.ones((4, 3), bool), HALF, targets.mean(axis=0))
    assert table["most frequent label"]["accuracy"] == pytest.approx(2 / 3)
    assert table["all present"]["micro_f1"] == pytest.approx(2 * 5 / (5 + 12))
    assert table["none present"]["macro_f1"] == 0
    assert table["base rates"]["ece"] == pytest.approx(0, abs=1e-6)


def test_each_label_has_its_own_line():
    targets = np.array([[1, 0], [0, 1]], np.float32)
    table = per_label(targets, targets, np.ones((2, 2), bool), HALF[:2], ("a", "b"))
    assert table["a"] == {
        "f1": 1.0,
        "precision": 1.0,
        "recall": 1.0,
        "binary_weighted_f1": 1.0,
        "ap": 1.0,
        "auroc": 1.0,
        "ece": pytest.approx(0.0),
        "brier": 0.0,
        "base_rate": 0.5,
        "threshold": 0.5,
        "support": 1.0,
    }


def test_accuracy_follows_the_corpus_own_answers():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], np.float32)
    targets = np.array([[0.4, 0.3], [0.0, 1.0], [0.5, 0.5], [0.1, 0.0]], np.float32)
    contempt, undecided = 2, -1
    got = figures(p, targets, np.ones((4, 2), bool), HALF[:2], np.array([0, 1, undecided, contempt]))
    assert got["accuracy"] == pytest.approx(2 / 3), "a label that is not ours is always an error"
    assert got["uar"] == pytest.approx(1.0)


def test_sure_statements_are_counted_and_judged():
    p = np.array([[0.95, 0.92, 0.1], [0.9, 0.2, 0.99], [0.5, 0.89, 0.95]], np.float32)
    truth = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0]], np.float32)
    known = np.ones((3, 3), np.bool_)
    known[2, 2] = False
    found = figures(p, truth, known, np.full(3, 0.5))
    assert found["n_at_90"] == 4
    assert found["precision_at_90"] == pytest.approx(3 / 4)


def test_nothing_sure_has_no_precision():
    found = figures(
        np.full((2, 2), 0.6, np.float32),
        np.eye(2, dtype=np.float32),
        np.ones((2, 2), np.bool_),
        np.full(2, 0.5),
    )
    assert found["n_at_90"] == 0
    assert "precision_at_90" not in found
