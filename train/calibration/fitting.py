"""Fitting what `core.models.calibration` applies. On validation data only.

Legend: N examples, C labels.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.models.calibration import confidence, probabilities
from core.spec import BranchCalibration
from train.metrics import Bools, Floats, presence

SHRINKAGE = 20.0
"""Examples' worth of pull of a label's calibration towards that of all labels together."""

OF_FEW: Final = 1e6
"""The same where few speakers were judged: in effect all labels share one calibration. What a few voices are
taken for says nothing of the next voice, and a bias for each label changes what is most probable."""

LEAST_HITS, MOST_ABSTAINED = 0.3, 0.1
"""An estimate abstains where its most probable label is right less often than this; at most in this share."""


def fit_branch(
    logits: Floats,
    targets: Floats,
    known: Bools,
    weights: NDArray[np.floating] | None = None,
    *,
    sharpen: bool = True,
) -> BranchCalibration:
    """Per-label temperature and bias by maximum likelihood, shrunk to a common one.

    Args:
        logits: (N, C) of one branch under one availability pattern.
        targets: (N, C) in [0, 1]; fractions are fine.
        known: (N, C) bool. A label that is never known gets the common calibration.
        weights: (N,) of the examples, or None.
        sharpen: whether temperatures may be below 1, and labels have calibrations of their own: where many
            speakers, recordings or texts were judged.
    """
    count, labels = logits.shape
    weight = known * (np.ones(count) if weights is None else weights)[:, None]
    start = np.array([0.0, 0.0])
    steepest = 2.3 if sharpen else 0.0
    common = _fit(logits.ravel(), targets.ravel(), weight.ravel(), start, 1.0, steepest)
    pull = SHRINKAGE if sharpen else OF_FEW
    own = [_fit(logits[:, c], targets[:, c], weight[:, c], common, pull, steepest) for c in range(labels)]
    return BranchCalibration(
        temperature=tuple(round(float(np.exp(-slope)), 5) for slope, _ in own),
        bias=tuple(round(float(bias), 5) for _, bias in own),
    )


def refit_branch(
    logits: Floats, targets: Floats, known: Bools, centre: BranchCalibration, pull: float
) -> BranchCalibration:
    """Per-label temperature and bias on data of one kind, shrunk to a calibration for data of every kind.

    Args:
        logits, targets, known: as for `fit_branch`.
        centre: what is shrunk to; a label that is never known keeps it.
        pull: how strongly: the examples' cross entropy, summed, is set against half of this times the squared
            distance of log-slope and bias.
    """
    starts = [np.array([-np.log(t), b]) for t, b in zip(centre.temperature, centre.bias, strict=True)]
    own = [
        _fit(logits[:, c], targets[:, c], known[:, c].astype(np.float64), start, pull)
        for c, start in enumerate(starts)
    ]
    return BranchCalibration(
        temperature=tuple(round(float(np.exp(-slope)), 5) for slope, _ in own),
        bias=tuple(round(float(bias), 5) for _, bias in own),
    )


def cross_entropy(logits: Floats, targets: Floats, known: Bools, branch: BranchCalibration) -> float:
    """Sum over what is known of the cross entropy between targets and calibrated probabilities."""
    p = np.clip(probabilities(logits, branch).astype(np.float64), 1e-6, 1 - 1e-6)
    return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p))[known].sum())


def fit_abstention(
    estimates: Floats, targets: Floats, known: Bools, tokens: NDArray[np.integer] | None = None
) -> float:
    """Confidence below which an estimate abstains.

    Among the least confident `MOST_ABSTAINED` of the validation examples, the largest confidence up to which
    the most probable label was right in fewer than `LEAST_HITS` of the cases; 0 when there is none.
    """
    sure = confidence(estimates, tokens)
    truth = presence(targets) & known
    top = np.where(known, estimates, -1.0).argmax(axis=1)
    hit = truth[np.arange(len(top)), top]
    order = np.argsort(sure)[: max(1, int(len(sure) * MOST_ABSTAINED))]
    share = np.cumsum(hit[order]) / np.arange(1, len(order) + 1)
    poor = np.flatnonzero(share < LEAST_HITS)
    return round(float(sure[order[poor[-1]]]), 4) if len(poor) else 0.0


def reliability(logits: Floats, targets: Floats, known: Bools, calibration: BranchCalibration) -> Floats:
    """(C,) how much a calibrated peer knows of each label: 1 - its cross entropy / that of the base rate.

    At least .05, so that no present peer is ever without a say.
    """
    p = np.clip(probabilities(logits, calibration), 1e-6, 1 - 1e-6)
    result = np.full(logits.shape[1], 0.05)
    for label in range(logits.shape[1]):
        rows = known[:, label]
        y = targets[rows, label]
        if rows.any() and 0 < y.mean() < 1:
            base = _mean_cross_entropy(np.full(len(y), y.mean()), y)
            result[label] = max(0.05, 1.0 - _mean_cross_entropy(p[rows, label], y) / base)
    return result


def _fit(z: Floats, y: Floats, weight: Floats, centre: Floats, pull: float, steepest: float = 2.3) -> Floats:
    """Logarithm of the slope, at most `steepest`, and bias, of least cross entropy plus a pull towards
    `centre`."""
    used = weight > 0
    z, y, weight = z[used].astype(np.float64), y[used].astype(np.float64), weight[used].astype(np.float64)
    if len(z) == 0:
        return centre

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope = np.exp(x[0])
        a = slope * z + x[1]
        value = weight @ (np.logaddexp(0.0, a) - y * a) + 0.5 * pull * ((x - centre) ** 2).sum()
        error = weight * (1.0 / (1.0 + np.exp(-a)) - y)
        gradient = np.array([error @ (slope * z), error.sum()]) + pull * (x - centre)
        return float(value), gradient

    bounds = [(-2.3, steepest), (-6.0, 6.0)]
    found = minimize(loss, np.asarray(centre), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x)


def _mean_cross_entropy(p: Floats, y: Floats) -> float:
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
