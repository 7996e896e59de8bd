"""Fitting the calibration: it recovers what was done to the logits, and falls back where data are thin."""

from __future__ import annotations

import numpy as np
import pytest

from core.models.calibration import probabilities
from core.spec import BranchCalibration
from train.calibration.fitting import fit_abstention, fit_branch, refit_branch, reliability
from train.metrics import calibration_error
from train.thresholds import fit_thresholds


def sample(count: int = 20_000, labels: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    honest = rng.normal(-0.5, 1.5, (count, labels))
    truth = rng.random((count, labels)) < 1 / (1 + np.exp(-honest))
    return honest, truth.astype(np.float32), np.ones((count, labels), bool)


def test_temperature_and_bias_are_recovered():
    honest, truth, known = sample()
    boastful = (honest - 0.7) * 3.0
    found = fit_branch(boastful, truth, known)
    assert found.temperature == pytest.approx([3.0] * 3, rel=0.08)
    assert found.bias == pytest.approx([0.7] * 3, abs=0.1)
    before = calibration_error(1 / (1 + np.exp(-boastful)), truth > 0, known)
    after = calibration_error(probabilities(boastful, found), truth > 0, known)
    assert after < 0.02 < before


def test_labels_are_calibrated_apart():
    honest, truth, known = sample()
    found = fit_branch(honest * np.array([1.0, 2.0, 4.0]), truth, known)
    assert found.temperature == pytest.approx([1.0, 2.0, 4.0], rel=0.1)


def test_a_label_that_is_never_known_gets_the_common_calibration():
    honest, truth, known = sample()
    known[:, 1] = False
    found = fit_branch(honest * 2, truth, known)
    assert found.temperature[1] == pytest.approx(2.0, rel=0.1)


def test_a_handful_of_examples_does_not_run_away():
    found = fit_branch(np.array([[9.0, -9.0]]), np.array([[1.0, 0.0]]), np.ones((1, 2), bool))
    assert all(0.3 < t < 3 for t in found.temperature)
    assert all(abs(b) < 1 for b in found.bias)


def test_weights_decide_whose_base_rate_counts():
    logits = np.zeros((200, 1))
    truth = np.repeat([[1.0], [0.0]], 100, axis=0)
    known = np.ones((200, 1), bool)
    mostly = fit_branch(logits, truth, known, np.repeat([9.0, 1.0], 100))
    assert probabilities(np.zeros(1), mostly)[0] == pytest.approx(0.9, abs=0.03)


def test_thresholds_maximise_f1_and_rare_labels_lean_on_the_common_one():
    rng = np.random.default_rng(0)
    truth = rng.random((4000, 2)) < np.array([0.3, 0.0005])
    p = np.where(truth, 0.35, 0.15) + rng.normal(0, 0.02, truth.shape)
    common, rare = fit_thresholds(p, truth.astype(np.float32), np.ones_like(truth))
    assert 0.2 < common < 0.3
    assert rare == pytest.approx(common, abs=0.03)


def test_thresholds_lean_on_those_of_other_data_the_more_the_fewer_positives():
    rng = np.random.default_rng(0)
    p = rng.random((4000, 1))
    truth = rng.random(p.shape) < p
    every = np.ones_like(truth)
    (own,) = fit_thresholds(p, truth.astype(np.float32), every)
    (many,) = fit_thresholds(p, truth.astype(np.float32), every, centre=[0.9])
    (few,) = fit_thresholds(p[:8], truth[:8].astype(np.float32), every[:8], centre=[0.9])
    assert abs(many - own) < 0.03
    assert few > 0.8


def test_the_threshold_of_honest_probabilities_is_half_of_the_best_f1():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 2.0, (20_000, 1))
    truth = rng.random(p.shape) < p
    (found,) = fit_thresholds(p, truth.astype(np.float32), np.ones_like(truth))
    best = max(
        2 * (truth & (p >= t)).sum() / (truth.sum() + (p >= t).sum()) for t in np.arange(0.05, 0.9, 0.01)
    )
    assert found == pytest.approx(best / 2, abs=0.02)


def test_refitting_starts_from_the_default_and_goes_as_far_as_it_is_let():
    honest, truth, known = sample()
    default = BranchCalibration(temperature=(1.0,) * 3, bias=(0.0,) * 3)
    known[:, 2] = False
    free = refit_branch(honest - 1.0, truth, known, default, 1.0)
    held = refit_branch(honest - 1.0, truth, known, default, 1e6)
    assert free.bias[:2] == pytest.approx([1.0, 1.0], abs=0.1)
    assert held.bias[:2] == pytest.approx([0.0, 0.0], abs=0.05)
    assert (free.temperature[2], free.bias[2]) == (1.0, 0.0)


def test_abstention_starts_where_the_top_label_is_seldom_right():
    rng = np.random.default_rng(0)
    sure = rng.random(5000)
    hit = rng.random(5000) < np.where(sure < 0.08, 0.1, 0.9)
    estimates = np.stack([sure, np.zeros(5000)], axis=1)
    targets = np.stack([hit, ~hit], axis=1).astype(np.float32)
    known = np.ones((5000, 2), bool)
    assert 0.07 < fit_abstention(estimates, targets, known) <= 0.11
    assert fit_abstention(estimates, np.array([[1.0, 0.0]] * 5000), known) == 0


def test_reliability_is_high_where_a_peer_knows_and_low_where_it_guesses():
    honest, truth, known = sample()
    guess = honest.copy()
    guess[:, 1] = np.random.default_rng(1).normal(size=len(guess))
    found = reliability(guess, truth, known, fit_branch(guess, truth, known))
    assert found[1] == pytest.approx(0.05)
    assert found[0] > 0.15
