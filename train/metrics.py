"""Figures of multi-label predictions, and of the constant predictors beside them.

Legend: N examples, C labels.

scikit-learn and torchmetrics compute; this file only decides what is asked of them and masks what is unknown.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from torchmetrics.functional.classification import binary_calibration_error

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

SURE: Final = 0.9
"""A label with at least this probability is taken for a fact by whoever reads it."""


def presence(targets: Floats) -> Bools:
    """(N, C) targets to present or not: a share of at least one half, else the largest share of the row.

    For targets of 0 and 1 that is the targets themselves; for votes it holds the majority's label.
    """
    most = targets.max(axis=1, keepdims=True)
    return np.asarray((targets >= 0.5) | ((targets == most) & (most > 0) & (most < 0.5)))


def single_answers(targets: Floats, known: Bools) -> NDArray[np.int64]:
    """(N,) the one label that is present in a row, -1 where there is none or several."""
    truth = presence(targets) & known
    return np.where(truth.sum(axis=1) == 1, np.where(known, targets, -1.0).argmax(axis=1), -1)


def figures(
    probabilities: Floats,
    targets: Floats,
    known: Bools,
    thresholds: Floats,
    answers: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """All figures of one set of predictions.

    Args:
        probabilities: (N, C) in [0, 1].
        targets: (N, C) in [0, 1].
        known: (N, C) bool; a label that is known for no example takes no part.
        thresholds: (C,) or (N, C) probability from which a label counts as present.
        answers: (N,) the right label by the corpus' own rule, -1 = the row does not count, C = a label that
            is not ours, always an error; None takes `single_answers`.

    Returns:
        macro_f1, micro_f1, weighted_f1 (by support), samples_f1, binary_weighted_f1 (mean over labels of the
        F1 of presence and absence, weighted by their support: COGMEN's protocol), jaccard (per example),
        hamming, map and auroc (means over labels that occur), accuracy and uar (most probable known label
        against the answer), ece (15 bins, mean over labels), brier (against the targets themselves), n_at_90
        (how often a label was given .9 or more) and precision_at_90 (how often that was right; absent where
        it never was). Where there are shares of votes: bce and js, see `soft_figures`.
    """
    truth, predicted = presence(targets) & known, (probabilities >= thresholds) & known
    return headlines(probabilities, targets, known, thresholds, answers) | {
        **_further_decisions(truth, predicted, known),
        **soft_figures(probabilities, targets, known),
        **({"auroc": area} if (area := mean_area(probabilities, truth, known)) is not None else {}),
        **sure_statements(probabilities, truth, known),
    }


def sure_statements(probabilities: Floats, truth: Bools, known: Bools) -> dict[str, float]:
    """`n_at_90` and `precision_at_90`; see `figures`. All (N, C)."""
    sure = (probabilities >= SURE) & known
    count = int(sure.sum())
    right = {"precision_at_90": float((truth & sure).sum() / count)} if count else {}
    return {**right, "n_at_90": float(count)}


def headlines(
    probabilities: Floats,
    targets: Floats,
    known: Bools,
    thresholds: Floats,
    answers: NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """The figures of which intervals are told; arguments as for `figures`.

    Returns:
        macro_f1, micro_f1, accuracy, uar, map, ece, brier.
    """
    truth, predicted = presence(targets) & known, (probabilities >= thresholds) & known
    precision = mean_precision(probabilities, truth, known)
    return {
        "macro_f1": macro_f1(probabilities, targets, known, thresholds),
        "micro_f1": float(f1_score(truth.ravel(), predicted.ravel(), zero_division=0)),
        **_single_label(probabilities, known, single_answers(targets, known) if answers is None else answers),
        **({"map": precision} if precision is not None else {}),
        "ece": calibration_error(probabilities, truth, known),
        "brier": float(((probabilities - targets) ** 2)[known].mean()),
    }


def macro_f1(probabilities: Floats, targets: Floats, known: Bools, thresholds: Floats) -> float:
    """Mean F1 over the labels that are known at all; arguments as for `figures`."""
    truth, predicted = presence(targets) & known, (probabilities >= thresholds) & known
    return float(_f1(truth, predicted)[known.any(axis=0)].mean())


def uar(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    """Unweighted average recall over the classes that occur in `truth`; both (n,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a guessed class that does not occur is no fault of the metric
        return float(balanced_accuracy_score(truth, guess))


def soft_figures(probabilities: Floats, targets: Floats, known: Bools) -> dict[str, float]:
    """How far probabilities are from shares of votes; nothing where targets are all 0 or 1.

    Returns:
        bce: cross entropy to the shares, mean over what is known. js: `jensen_shannon` over known labels.
    """
    if not ((targets > 0) & (targets < 1) & known).any():
        return {}
    p = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    cross = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    kept = np.where(known, 1.0, 0.0)
    return {"bce": float(cross[known].mean()), "js": jensen_shannon(p * kept, targets * kept)}


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Mean Jensen-Shannon divergence in bits between two (N, C), each row divided by its sum.

    0 = the same, 1 = nothing in common; rows of 0 are left out.
    """
    rows = (p.sum(axis=1) > 0) & (q.sum(axis=1) > 0)
    a, b = (v[rows] / v[rows].sum(axis=1, keepdims=True) for v in (p, q))
    middle = (a + b) / 2

    def half(v: Floats) -> Floats:
        ratio = np.where(v > 0, v, 1.0) / np.where(v > 0, middle, 1.0)
        return np.asarray((v * np.log2(ratio)).sum(axis=1))

    return float((half(a) + half(b)).mean() / 2) if rows.any() else 0.0


def calibration_error(probabilities: Floats, truth: Bools, known: Bools) -> float:
    """Expected calibration error with 15 equal bins, mean over the labels."""
    errors = []
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, label]
        p = torch.from_numpy(np.ascontiguousarray(probabilities[rows, label], np.float32))
        y = torch.from_numpy(truth[rows, label].astype(np.int64))
        errors.append(float(binary_calibration_error(p, y, n_bins=15, norm="l1")))
    return float(np.mean(errors))


def calibration_floor(probabilities: Floats, known: Bools, *, draws: int = 20) -> float:
    """The calibration error that these probabilities would show on so few examples if every one were true.

    Measured on few examples the error of even a perfect predictor is not 0: on 100 it may be .08. Labels are
    drawn from the probabilities, `draws` times.
    """
    rng = np.random.default_rng(0)
    drawn = (rng.random(probabilities.shape) < probabilities for _ in range(draws))
    return float(np.mean([calibration_error(probabilities, truth, known) for truth in drawn]))


def ranking(probabilities: Floats, truth: Bools, known: Bools) -> dict[str, float]:
    """Mean average precision and mean area under the ROC curve over labels that occur and do not always."""
    found = {
        "map": mean_precision(probabilities, truth, known),
        "auroc": mean_area(probabilities, truth, known),
    }
    return {name: value for name, value in found.items() if value is not None}


def mean_precision(probabilities: Floats, truth: Bools, known: Bools) -> float | None:
    """Mean average precision over labels that occur and do not always; None where there is none."""
    return _mean_over_labels(average_precision_score, probabilities, truth, known)


def mean_area(probabilities: Floats, truth: Bools, known: Bools) -> float | None:
    """Mean area under the ROC curve, likewise."""
    return _mean_over_labels(roc_auc_score, probabilities, truth, known)


def _mean_over_labels(
    measure: Callable[[Bools, Floats], float], probabilities: Floats, truth: Bools, known: Bools
) -> float | None:
    values = []
    for label in np.flatnonzero(known.any(axis=0)):
        y, p = truth[known[:, label], label], probabilities[known[:, label], label]
        if y.any() and not y.all():
            values.append(measure(y, p))
    return float(np.mean(values)) if values else None


def per_label(
    probabilities: Floats, targets: Floats, known: Bools, thresholds: Floats, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Figures of each label that is known; arguments as for `figures`, and the names of the labels.

    Returns:
        Label -> f1, precision, recall, binary_weighted_f1, ap, auroc (where it occurs and not always), ece,
        brier, base_rate, threshold (mean over the examples), support.
    """
    table = {}
    truth = presence(targets)
    limits = np.broadcast_to(thresholds, probabilities.shape)
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, label]
        y, p, limit = truth[rows, label], probabilities[rows, label], limits[rows, label]
        predicted, one = p >= limit, np.ones((len(y), 1), np.bool_)
        areas = ranking(p[:, None], y[:, None], one)
        table[names[int(label)]] = {
            "f1": float(f1_score(y, predicted, zero_division=0)),
            "precision": float(precision_score(y, predicted, zero_division=0)),
            "recall": float(recall_score(y, predicted, zero_division=0)),
            "binary_weighted_f1": _both_ways(y, predicted),
            "ap": areas.get("map", float(y.any())),
            **({"auroc": areas["auroc"]} if areas else {}),
            "ece": calibration_error(p[:, None], y[:, None], one),
            "brier": float(((p - targets[rows, label]) ** 2).mean()),
            "base_rate": float(y.mean()),
            "threshold": float(limit.mean()),
            "support": float(y.sum()),
        }
    return table


def constants(
    targets: Floats,
    known: Bools,
    thresholds: Floats,
    base_rates: Floats,
    answers: NDArray[np.int64] | None = None,
) -> dict[str, dict[str, float]]:
    """Figures of predictors that do not look: everything, nothing, the most frequent label, the base rates.

    Args:
        targets, known, thresholds, answers: as for `figures`.
        base_rates: (C,) share of each label, from other data than that which is judged where there is any.
    """
    shape = targets.shape
    most = np.zeros(shape, np.float32)
    most[:, int(np.argmax(base_rates))] = 1.0
    predictors = {
        "all present": np.ones(shape, np.float32),
        "none present": np.zeros(shape, np.float32),
        "most frequent label": most,
        "base rates": np.broadcast_to(base_rates, shape).astype(np.float32),
    }
    return {name: figures(p, targets, known, thresholds, answers) for name, p in predictors.items()}


def _further_decisions(truth: Bools, predicted: Bools, known: Bools) -> dict[str, float]:
    """What is not known must be False in both."""
    labels = known.any(axis=0)
    present, absent = _f1(truth, predicted), _f1(known & ~truth, known & ~predicted)
    support, count = truth.sum(axis=0), known.sum(axis=0)
    both_ways = (support * present + (count - support) * absent) / np.maximum(count, 1)
    y, p = truth[:, labels], predicted[:, labels]
    if labels.sum() == 1:  # scikit-learn takes one column for no multi-label matrix; an empty one is harmless
        y, p = np.pad(y, ((0, 0), (0, 1))), np.pad(p, ((0, 0), (0, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without any label have no F1; counted as 1 when none is said
        return {
            "weighted_f1": float(np.average(present, weights=support)) if support.any() else 0.0,
            "samples_f1": float(f1_score(y, p, average="samples", zero_division=1)),
            "binary_weighted_f1": float(both_ways[labels].mean()),
            "jaccard": float(jaccard_score(y, p, average="samples", zero_division=1)),
            "hamming": float((truth != predicted)[known].mean()),
        }


def _f1(truth: Bools, predicted: Bools) -> NDArray[np.float64]:
    """(C,) F1 of each label; an example where neither says so changes nothing."""
    wide = ((0, 0), (0, 1))  # a label that never is, so that one column is a matrix too
    return np.asarray(
        f1_score(np.pad(truth, wide), np.pad(predicted, wide), average=None, zero_division=0)[:-1]
    )


def _both_ways(truth: Bools, predicted: Bools) -> float:
    return float(f1_score(truth, predicted, average="weighted", zero_division=0))


def _single_label(probabilities: Floats, known: Bools, answers: NDArray[np.int64]) -> dict[str, float]:
    rows = answers >= 0
    if not rows.any():
        return {}
    predicted, right = np.where(known, probabilities, -1.0)[rows].argmax(axis=1), answers[rows]
    ours = right < probabilities.shape[1]
    accuracy = float((predicted == right).mean())
    return {"accuracy": accuracy, "uar": uar(right[ours], predicted[ours])}
