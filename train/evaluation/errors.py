"""Where the errors are: reliability of the probabilities, and which label is said instead of which.

Legend: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.metrics import Bools, Floats, presence

BINS: Final = 10

Bin = tuple[float, float, int]
"""Mean probability, share of present labels, number of probabilities in the bin."""

OTHER: Final = "other"
"""A right answer that is not among the labels."""


def reliability(
    probabilities: Floats, targets: Floats, known: Bools, names: Sequence[str]
) -> dict[str, list[Bin]]:
    """Label -> bins of equal width that hold something; "all" holds those of all labels together."""
    truth = presence(targets)
    result = {"all": _bins(probabilities[known], truth[known])}
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, label]
        result[names[int(label)]] = _bins(probabilities[rows, label], truth[rows, label])
    return result


def said_given_present(
    probabilities: Floats, targets: Floats, known: Bools, thresholds: Floats, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Label that is present -> label -> share of those examples in which it is said to be present."""
    truth, predicted = presence(targets) & known, probabilities >= thresholds
    return _shares(truth, predicted, known, names)


def present_given_present(targets: Floats, known: Bools, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The same of the labels themselves: how often two occur together."""
    truth = presence(targets) & known
    return _shares(truth, truth, known, names)


def confusion(
    probabilities: Floats, known: Bools, answers: NDArray[np.int64], names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Right answer -> most probable label -> number of examples; empty where no example has one answer."""
    rows = answers >= 0
    predicted = np.where(known, probabilities, -1.0).argmax(axis=1)
    rights = [*names, OTHER]
    table: dict[str, dict[str, int]] = {}
    for right in np.unique(answers[rows]):
        counts = np.bincount(predicted[answers == right], minlength=len(names))
        table[rights[int(right)]] = {
            name: int(counts[i]) for i, name in enumerate(names) if known[:, i].any()
        }
    return table


def _bins(p: Floats, y: Bools) -> list[Bin]:
    number = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return [
        (float(p[number == b].mean()), float(y[number == b].mean()), int((number == b).sum()))
        for b in np.unique(number)
    ]


def _shares(given: Bools, counted: Bools, known: Bools, names: Sequence[str]) -> dict[str, dict[str, float]]:
    labels = [int(c) for c in np.flatnonzero(known.any(axis=0))]
    table: dict[str, dict[str, float]] = {}
    for label in labels:
        rows = given[:, label]
        if rows.any():
            table[names[label]] = {
                names[c]: float(counted[rows & known[:, c], c].mean()) if (rows & known[:, c]).any() else 0.0
                for c in labels
            }
    return table
