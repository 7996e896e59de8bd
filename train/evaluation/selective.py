"""What abstaining buys: how often the most probable label is wrong among the estimates that are still given.

Legend: N examples, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.metrics import Bools, Floats, presence

COVERAGES: Final = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Shares of the examples at which the risk is told."""


@dataclass(frozen=True, slots=True)
class Abstention:
    """Coverage and risk; a risk is the share of given estimates whose most probable label is not present.

    Attributes:
        threshold: the checkpoint's: estimates of less confidence abstain.
        coverage, risk: with that threshold; risk None where nothing is given.
        risk_of_all: without abstention.
        curve: (coverage, risk) when the most confident share is given.
        area: under the curve, 0 is best.
    """

    threshold: float
    coverage: float
    risk: float | None
    risk_of_all: float
    curve: tuple[tuple[float, float], ...]
    area: float


def abstention(
    probabilities: Floats, confidence: Floats, targets: Floats, known: Bools, threshold: float
) -> Abstention:
    """Judge a confidence.

    Args:
        probabilities, targets, known: (N, C).
        confidence: (N,), see `core.models.calibration.confidence`.
        threshold: confidence below which an estimate abstains.
    """
    truth = presence(targets) & known
    top = np.where(known, probabilities, -1.0).argmax(axis=1)
    wrong = ~truth[np.arange(len(top)), top]
    given = confidence >= threshold
    risks = _running_risk(wrong[np.argsort(-confidence, kind="stable")])
    count = len(wrong)
    return Abstention(
        threshold=float(threshold),
        coverage=float(given.mean()),
        risk=float(wrong[given].mean()) if given.any() else None,
        risk_of_all=float(wrong.mean()),
        curve=tuple((c, float(risks[max(1, round(c * count)) - 1])) for c in COVERAGES),
        area=float(risks.mean()),
    )


def _running_risk(wrong: Bools) -> NDArray[np.float64]:
    """(N,) share of errors among the first 1, 2, ... N."""
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))
