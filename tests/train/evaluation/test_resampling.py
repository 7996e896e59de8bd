"""Bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.evaluation.resampling import intervals
from train.metrics import figures

HALF = np.full(3, 0.5)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_intervals_hold_the_figure_and_resample_whole_sources(seed):
    rng = np.random.default_rng(seed)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 60)]
    p = np.clip(targets * 0.5 + rng.random((60, 3)) * 0.5, 0, 1)
    known = np.ones((60, 3), bool)
    figure = figures(p, targets, known, HALF)
    many = intervals(p, targets, known, HALF, [str(i) for i in range(60)], resamples=20)
    few = intervals(p, targets, known, HALF, [str(i // 30) for i in range(60)], resamples=20)
    for name, (low, high) in many.items():
        assert low - 0.1 <= figure[name] <= high + 0.1
    assert set(few) == set(many)


def test_speakers_who_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 200)]
    easy = np.arange(200) < 100
    p = np.where(easy[:, None], targets * 0.9, rng.random((200, 3)))
    known = np.ones((200, 3), bool)

    def width(sources: list[str]) -> float:
        low, high = intervals(p, targets, known, HALF, sources, resamples=40)["accuracy"]
        return high - low

    assert width([str(i // 50) for i in range(200)]) > 1.5 * width([str(i) for i in range(200)])


def test_two_speakers_cannot_tell_how_speakers_differ_so_examples_are_resampled():
    rng = np.random.default_rng(0)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 80)]
    p = np.where((rng.random(80) < 0.7)[:, None], targets * 0.9, rng.random((80, 3)))
    known = np.ones((80, 3), bool)
    two = intervals(p, targets, known, HALF, [str(i % 2) for i in range(80)], resamples=30)
    each = intervals(p, targets, known, HALF, [f"{i:02}" for i in range(80)], resamples=30)
    assert two == each


def test_the_interval_of_the_calibration_error_does_not_lie_above_it():
    rng = np.random.default_rng(0)
    p = rng.random((80, 3))
    targets = (rng.random((80, 3)) < p).astype(np.float32)
    known = np.ones((80, 3), bool)
    low, high = intervals(p, targets, known, HALF, [str(i) for i in range(80)], resamples=30)["ece"]
    measured = figures(p, targets, known, HALF)["ece"]
    assert 0 <= low <= measured == pytest.approx(high, abs=0.03)


def test_a_handful_of_examples_has_no_interval():
    targets, known = np.eye(3, dtype=np.float32), np.ones((3, 3), bool)
    assert intervals(targets * 0.9, targets, known, HALF, ["a", "b", "c"], resamples=5) == {}
    assert intervals(targets[:1], targets[:1], known[:1], HALF, ["a"], resamples=5) == {}
