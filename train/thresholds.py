"""Thresholds from which a label counts as present, fitted on validation data: the one rule for it.

Legend: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.metrics import Bools, Floats, presence

SHRINKAGE_POSITIVES: Final = 50.0
"""Positives at which a label's own threshold counts as much as the global one."""


def fit_thresholds(
    estimates: Floats,
    targets: Floats,
    known: Bools,
    *,
    weights: NDArray[np.floating] | None = None,
    centre: Sequence[float] | None = None,
) -> tuple[float, ...]:
    """Thresholds for a high F1: each label's own shrunk to that of all labels, and all of them to `centre`.

    Args:
        estimates: (N, C) calibrated probabilities.
        targets, known: (N, C).
        weights: (N,) of the examples, or None.
        centre: (C,) thresholds on data of every kind, or None.
    """
    truth = presence(targets) & known
    weight = known * (np.ones(len(known)) if weights is None else np.asarray(weights))[:, None]
    common = _best_threshold(estimates[known], truth[known], weight[known])
    all_together = np.full(estimates.shape[1], common)
    if centre is not None:
        share = _share(float(truth.sum()))
        all_together = share * all_together + (1 - share) * np.asarray(centre)
    result = []
    for label, shared in enumerate(all_together):
        rows = known[:, label]
        positives = float(truth[rows, label].sum())
        own = (
            _best_threshold(estimates[rows, label], truth[rows, label], weight[rows, label])
            if positives
            else shared
        )
        share = _share(positives)
        result.append(round(float(share * own + (1 - share) * shared), 4))
    return tuple(result)


def _share(positives: float) -> float:
    return positives / (positives + SHRINKAGE_POSITIVES)


def _best_threshold(p: Floats, y: Bools, weight: Floats) -> float:
    """Half-way between the cut with the best F1 and the one that would have it if every p were true.

    The first follows the data and their chance; the second is known to lie at half of the best F1.
    Within [.05, .95].
    """
    if not y.any():
        return 0.5
    order = np.argsort(-p, kind="stable")
    p, said = p[order].astype(np.float64), np.cumsum(weight[order])

    def best(mass: NDArray[np.floating]) -> tuple[int, float]:
        f1 = 2 * np.cumsum(mass) / (said + mass.sum())
        return int(np.argmax(f1)), float(f1.max())

    last, _ = best(weight[order] * y[order])
    found = (p[last] + p[min(last + 1, len(p) - 1)]) / 2
    expected = best(weight[order] * p)[1] / 2
    return float(np.clip((found + expected) / 2, 0.05, 0.95))
