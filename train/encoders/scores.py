"""Figures of multi-label predictions, and thresholds chosen on validation.

Legend: N examples, C labels. Unavailable labels are left out of everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score

Probabilities = NDArray[np.float32]
Flags = NDArray[np.bool_]

_GRID = np.linspace(0.02, 0.98, 97)
_SHRINKAGE = 20.0
"""Positives that the global threshold counts for against a label's own."""


def choose_thresholds(probabilities: Probabilities, truth: Flags, available: Flags) -> NDArray[np.float64]:
    """(C,) thresholds with the best F1 per label, drawn towards the best common one where positives are few.

    Args:
        probabilities, truth, available: (N, C).
    """
    common = max(_GRID, key=lambda t: macro_f1(probabilities, truth, available, np.full(truth.shape[1], t)))
    thresholds = np.full(truth.shape[1], common)
    for label in np.flatnonzero(available.any(axis=0)):
        rows = available[:, label]
        positive, score = truth[rows, label], probabilities[rows, label]
        best = max(_GRID, key=lambda t, y=positive, p=score: f1_score(y, p >= t, zero_division=0))  # type: ignore[misc]
        weight = positive.sum() / (positive.sum() + _SHRINKAGE)
        thresholds[label] = weight * best + (1 - weight) * common
    return thresholds


def macro_f1(
    probabilities: Probabilities, truth: Flags, available: Flags, thresholds: NDArray[np.float64]
) -> float:
    """Mean F1 over the labels that are available at all and occur."""
    scores = []
    for label in range(truth.shape[1]):
        rows = available[:, label]
        if truth[rows, label].any():
            predicted = probabilities[rows, label] >= thresholds[label]
            scores.append(f1_score(truth[rows, label], predicted, zero_division=0))
    return float(np.mean(scores))


def uar(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    """Unweighted average recall over the classes that occur in `truth`; both (N,)."""
    return float(recall_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0))
