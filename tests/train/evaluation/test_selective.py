"""Abstention: coverage and risk."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluation.selective import abstention


def test_a_confidence_that_knows_lowers_the_risk():
    count = 1000
    right = np.arange(count) >= 300
    targets = np.stack([right, ~right], axis=1).astype(np.float32)
    p = np.tile([0.9, 0.1], (count, 1))
    known = np.ones((count, 2), bool)
    sure = np.linspace(0, 1, count)
    found = abstention(p, sure, targets, known, threshold=0.3)
    assert found.risk_of_all == pytest.approx(0.3)
    assert found.coverage == pytest.approx(0.7, abs=0.01)
    assert found.risk == pytest.approx(0.0, abs=0.01)
    assert dict(found.curve)[0.7] == 0.0
    assert dict(found.curve)[1.0] == pytest.approx(0.3)
    assert found.area < abstention(p, -sure, targets, known, threshold=0.3).area


def test_where_nothing_is_given_there_is_no_risk():
    one = np.ones((4, 1), np.float32)
    found = abstention(one * 0.2, np.full(4, 0.2), one, one > 0, threshold=0.9)
    assert (found.coverage, found.risk) == (0.0, None)
