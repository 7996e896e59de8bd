"""How much of something each label takes: of the estimated time, or of the final estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class Shares:
    """Sums of weights. A weight is a length of time in seconds, or 1 for each final estimate.

    Labels are independent, so the shares in which they are present can sum to more than 1. The split does
    not: where several are present at once, each gets an equal part; what is left is without any label, or
    without enough evidence. An abstaining estimate is no finding, so its labels do not count.

    Args:
        labels: in the order of the run.

    Attributes:
        count: how many estimates.
        total: the sum of their weights.
        none: of those without any label.
        abstained: of those without enough evidence.
        counts: (L,) estimates in which each label is present.
        split: (L,) weights, each divided by the number of labels present.
        together: (L, L) weights in which two labels are present; the diagonal: in which one is.
        abstentions, without: numbers of estimates behind `abstained` and `none`.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._places = {label: place for place, label in enumerate(labels)}
        size = len(self._places)
        self.count = self.abstentions = self.without = 0
        self.total = self.none = self.abstained = 0.0
        self.counts = np.zeros(size, np.int64)
        self.split = np.zeros(size)
        self.together = np.zeros((size, size))

    def add(self, active: Iterable[str], weight: float, *, abstained: bool) -> None:
        """Take in one estimate.

        Args:
            active: labels that are present; unknown ones are left out.
            weight: >= 0.
            abstained: the evidence is too thin.
        """
        self.count += 1
        self.total += weight
        places = sorted({self._places[label] for label in active if label in self._places})
        if abstained:
            self.abstentions += 1
            self.abstained += weight
        elif not places:
            self.without += 1
            self.none += weight
        else:
            self.counts[places] += 1
            self.split[places] += weight / len(places)
            self.together[np.ix_(places, places)] += weight

    @property
    def present(self) -> NDArray[np.float64]:
        """(L,) weights in which each label is present."""
        return np.diagonal(self.together)

    def share(self, weight: float) -> float:
        """`weight` as part of the total, 0 where there is none."""
        return float(weight) / self.total if self.total > 0 else 0.0

    def given(self, label: str, other: str) -> float | None:
        """The share of the time of `label` in which `other` is present too; None where it never is."""
        row, column = self._places[label], self._places[other]
        whole = self.together[row, row]
        return float(self.together[row, column] / whole) if whole > 0 else None
