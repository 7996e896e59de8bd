"""Curves of any length in bounded memory: bins that double in length when they become too many.

Of every bin the lowest, the highest and the mean value are kept, so that a peak of a quarter of a second
still shows among hours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MAX_BINS: Final = 1024
_ROUNDING: Final = 1e-6


class DownsampledSeries:
    """Several values over time.

    Args:
        extremes: how many of the values are kept with their lowest and highest.
        means: how many others are kept by their mean alone.
        step_s: length of a bin at first, seconds; > 0.
        bins: how many are kept at most; even.

    Attributes:
        step_s: length of a bin now.
    """

    def __init__(self, extremes: int, means: int, step_s: float, bins: int = MAX_BINS) -> None:
        self.step_s = step_s
        self._low = np.full((bins, extremes), np.inf, np.float32)
        self._high = np.full((bins, extremes), -np.inf, np.float32)
        self._sums = np.zeros((bins, extremes + means), np.float32)
        self._count = np.zeros(bins, np.float32)

    def add(self, t_s: float, extremes: Array, means: Array) -> None:
        """Take in the values at one time.

        Args:
            t_s: end of the time that the values stand for, >= 0: one of `step_s` lies in the first bin.
            extremes: (E,).
            means: (M,).
        """
        index = self._bin(t_s)
        while index >= len(self._count):
            self.coarsen()
            index = self._bin(t_s)
        np.minimum(self._low[index], extremes, out=self._low[index])
        np.maximum(self._high[index], extremes, out=self._high[index])
        self._sums[index, : len(extremes)] += extremes
        self._sums[index, len(extremes) :] += means
        self._count[index] += 1

    def coarsen(self) -> None:
        """Halve the number of bins."""
        self.step_s *= 2.0
        half = len(self._count) // 2
        for values, join, empty in (
            (self._low, np.minimum, np.inf),
            (self._high, np.maximum, -np.inf),
            (self._sums, np.add, 0.0),
            (self._count, np.add, 0.0),
        ):
            values[:half] = join(values[0::2], values[1::2])
            values[half:] = empty

    @property
    def counts(self) -> Array:
        """(n,) how many values each bin holds, up to the last that holds any."""
        filled = np.flatnonzero(self._count)
        return self._count[: int(filled[-1]) + 1 if len(filled) else 0]

    @property
    def low(self) -> Array:
        """(n, E); infinite where a bin is empty."""
        return self._low[: len(self.counts)]

    @property
    def high(self) -> Array:
        """(n, E); minus infinity where a bin is empty."""
        return self._high[: len(self.counts)]

    @property
    def means(self) -> Array:
        """(n, E + M); NaN where a bin is empty."""
        counts = self.counts[:, None]
        sums = self._sums[: len(counts)]
        return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)

    def _bin(self, t_s: float) -> int:
        # A window that ends on a bin's edge belongs to the bin before it.
        return max(0, int(np.ceil(t_s / self.step_s - _ROUNDING)) - 1)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and the one after the last, of every stretch in which `mask` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
