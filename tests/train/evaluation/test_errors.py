"""Where the errors are: reliability, what is said instead, confusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from train.evaluation.errors import (
    OTHER,
    confusion,
    present_given_present,
    reliability,
    said_given_present,
)

NAMES = ("a", "b", "c")


@settings(max_examples=40, deadline=None)
@given(p=arrays(np.float64, (20, 3), elements=st.floats(0, 1)))
def test_bins_hold_every_probability_once_within_their_range(p):
    targets = (p > 0.5).astype(np.float32)
    found = reliability(p, targets, np.ones((20, 3), bool), NAMES)
    assert sum(count for _, _, count in found["all"]) == 60
    assert all(sum(count for _, _, count in found[name]) == 20 for name in NAMES)
    assert all(0 <= mean <= 1 and 0 <= share <= 1 for bins in found.values() for mean, share, _ in bins)


def test_what_is_said_is_counted_per_label_that_is_present():
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    p = np.array([[0.9, 0.6, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]])
    known = np.array([[True, True, False]] * 3)
    found = said_given_present(p, targets, known, np.full(3, 0.5), NAMES)
    assert found == {"a": {"a": 1.0, "b": 0.5}, "b": {"a": 0.5, "b": 0.5}}
    together = present_given_present(targets, known, NAMES)
    assert together["a"] == {"a": 1.0, "b": pytest.approx(0.5)}


def test_confusion_counts_answers_and_those_that_are_not_ours():
    p = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0]])
    known = np.ones((4, 3), bool)
    found = confusion(p, known, np.array([0, 0, 3, -1]), NAMES)
    assert found == {"a": {"a": 1, "b": 1, "c": 0}, OTHER: {"a": 0, "b": 1, "c": 0}}
