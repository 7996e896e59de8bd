"""Figures of many resamples at once, and the intervals that come of them.

Legend: N examples, C labels, R resamples, S seeds.

A resample is a weight for every example: how often it was drawn. Counts are then matrix products, so that a
thousand resamples take a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from train.metrics import presence, single_answers

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One row of the table.

    Attributes:
        mean: over the seeds.
        interval: 95 %, of the mean.
        seeds: figure of each seed.
        difference: mean of the differences from the reference.
        difference_interval: 95 %, of that; paired: same examples, same seeds.
    """

    mean: float
    interval: tuple[float, float]
    seeds: tuple[float, ...]
    difference: float
    difference_interval: tuple[float, float]


def figure_of(name: str, probabilities: Floats, thresholds: Floats, targets: Floats, known: Bools) -> float:
    """One figure of one set of predictions; as in `train.metrics.figures`."""
    weights = np.ones((1, len(targets)))
    return float(resampled(name, probabilities, thresholds, targets, known, weights)[0])


def resampled(
    name: str, probabilities: Floats, thresholds: Floats, targets: Floats, known: Bools, weights: Floats
) -> Floats:
    """A figure of each resample.

    Args:
        name: "accuracy", "macro_f1" or "micro_f1".
        probabilities, targets, known: (N, C).
        thresholds: (C,).
        weights: (R, N) how often each example was drawn.

    Returns:
        (R,).
    """
    return _FIGURES[name](probabilities, thresholds, targets, known, weights)


def _accuracy(
    probabilities: Floats, thresholds: Floats, targets: Floats, known: Bools, weights: Floats
) -> Floats:
    right = single_answers(targets, known)
    rows = right >= 0
    hit = np.where(known, probabilities, -1.0).argmax(axis=1) == right
    return np.asarray(weights[:, rows] @ hit[rows] / np.maximum(weights[:, rows].sum(axis=1), 1e-9))


def _counts(
    probabilities: Floats, thresholds: Floats, targets: Floats, known: Bools, weights: Floats
) -> tuple[Floats, Floats]:
    """Twice the hits, and hits twice with all errors, (R, C) each: F1 is their quotient."""
    truth, predicted = presence(targets) & known, (probabilities >= thresholds) & known
    hits = 2.0 * (weights @ (truth & predicted).astype(np.float64))
    return hits, weights @ (truth.astype(np.float64) + predicted.astype(np.float64))


def _macro(*asked: Floats) -> Floats:
    hits, everything = _counts(*asked)  # type: ignore[arg-type]
    labels = asked[3].any(axis=0)
    return np.asarray((hits / np.maximum(everything, 1e-9))[:, labels].mean(axis=1))


def _micro(*asked: Floats) -> Floats:
    hits, everything = _counts(*asked)  # type: ignore[arg-type]
    return np.asarray(hits.sum(axis=1) / np.maximum(everything.sum(axis=1), 1e-9))


_FIGURES: Final[dict[str, Callable[..., Floats]]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro,
    "micro_f1": _micro,
}


def draws(count: int, resamples: int, seed: int = 0) -> Floats:
    """(R, count) how often each of `count` things is drawn, when so many are drawn with replacement."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), resamples) * 1.0


def compare(
    resampled_figures: Mapping[str, Floats], figures: Mapping[str, Sequence[float]], reference: str
) -> dict[str, VariantResult]:
    """Means, intervals and paired differences of all variants.

    Args:
        resampled_figures: variant -> (S, R) figure of each seed on each resample of the examples; all with
            the same resamples. Each resample draws seeds too, so that the luck of a run is in the interval.
        figures: variant -> figure of each seed on all examples.
        reference: the variant that the others are compared with.
    """
    seeds, count = resampled_figures[reference].shape
    share = draws(seeds, count, seed=1) / seeds  # (R, S)
    means = {name: (share.T * found).sum(axis=0) for name, found in resampled_figures.items()}
    return {
        name: VariantResult(
            mean=float(np.mean(figures[name])),
            interval=_interval(drawn),
            seeds=tuple(figures[name]),
            difference=float(np.mean(figures[name]) - np.mean(figures[reference])),
            difference_interval=_interval(drawn - means[reference]),
        )
        for name, drawn in means.items()
    }


def _interval(drawn: Floats) -> tuple[float, float]:
    return float(np.percentile(drawn, 2.5)), float(np.percentile(drawn, 97.5))
