"""Bootstrap intervals: how far a figure could be off because other people might have been recorded.

Legend: N examples, C labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.metrics import Bools, Floats, headlines

FEWEST_SOURCES: Final = 4
"""With fewer speakers than this, their resamples are too alike to tell anything."""

_BIASED: Final = frozenset({"ece"})
"""Figures that grow when examples are repeated: their interval is mirrored (the basic bootstrap)."""


def intervals(
    probabilities: Floats,
    targets: Floats,
    known: Bools,
    thresholds: Floats,
    sources: Sequence[str],
    answers: NDArray[np.int64] | None = None,
    *,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of `train.metrics.headlines`; whole sources are resampled.

    With fewer than `FEWEST_SOURCES`, single examples are: such intervals leave out how people differ. With
    fewer examples than that nothing can be told: there is no interval.

    Args:
        probabilities, targets, known, answers: (N, C) and (N,), as for `train.metrics.figures`.
        thresholds: (C,) or (N, C).
        sources: N speakers or recordings; examples of one stay together, because they are not independent.
        resamples: how many; more make the bounds steadier.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    limits = np.broadcast_to(thresholds, probabilities.shape)
    names, number = np.unique(np.array(sources), return_inverse=True)
    if len(names) < FEWEST_SOURCES:
        number = np.arange(len(number))
    if len(number) < FEWEST_SOURCES:
        return {}
    rows_of = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    drawn: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(resamples):
        rows = np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))])
        right = None if answers is None else answers[rows]
        found = headlines(probabilities[rows], targets[rows], known[rows], limits[rows], right)
        for name, value in found.items():
            drawn[name].append(value)
    whole = headlines(probabilities, targets, known, limits, answers)
    return {name: _bounds(name, values, whole) for name, values in drawn.items() if name in whole}


def _bounds(name: str, values: list[float], whole: dict[str, float]) -> tuple[float, float]:
    low, high = (float(x) for x in np.percentile(values, (2.5, 97.5)))
    if name not in _BIASED:
        return low, high
    middle = whole[name]
    return max(0.0, min(middle, 2 * middle - high)), max(middle, 2 * middle - low)
