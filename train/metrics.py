"""Figures of multi-label predictions, and of the constant predictors beside them.

Legend: N examples, C labels, S sources (speakers or recordings).

scikit-learn and torchmetrics compute; this file only decides what is asked of them and masks what is unknown.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    hamming_loss,
    jaccard_score,
    roc_auc_score,
)
from torchmetrics.functional.classification import binary_calibration_error

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]

HEADLINES = ("macro_f1", "micro_f1", "accuracy", "uar", "map", "ece", "brier")
"""Figures for which intervals are computed."""


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
        thresholds: (C,) probability from which a label counts as present.
        answers: (N,) the right label by the corpus' own rule, -1 = the row does not count, C = a label that
            is not ours, always an error; None takes `single_answers`.

    Returns:
        macro_f1, micro_f1, weighted_f1, samples_f1, jaccard (per example), hamming, map and auroc (means over
        labels that occur), accuracy and uar (most probable known label against the answer), ece (15 bins,
        mean over labels), brier (against the targets themselves).
    """
    labels = np.flatnonzero(known.any(axis=0))
    truth, said = presence(targets), probabilities >= thresholds
    return (
        _decisions(truth & known, said & known, known, labels)
        | _single_label(probabilities, known, single_answers(targets, known) if answers is None else answers)
        | ranking(probabilities, truth, known)
        | {
            "ece": calibration_error(probabilities, truth, known),
            "brier": float(((probabilities - targets) ** 2)[known].mean()),
        }
    )


def calibration_error(probabilities: Floats, truth: Bools, known: Bools) -> float:
    """Expected calibration error with 15 equal bins, mean over the labels."""
    errors = []
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, label]
        p = torch.from_numpy(np.ascontiguousarray(probabilities[rows, label], np.float32))
        y = torch.from_numpy(truth[rows, label].astype(np.int64))
        errors.append(float(binary_calibration_error(p, y, n_bins=15, norm="l1")))
    return float(np.mean(errors))


def ranking(probabilities: Floats, truth: Bools, known: Bools) -> dict[str, float]:
    """Mean average precision and mean area under the ROC curve over labels that occur and do not always."""
    precisions, areas = [], []
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, label]
        y, p = truth[rows, label], probabilities[rows, label]
        if y.any() and not y.all():
            precisions.append(average_precision_score(y, p))
            areas.append(roc_auc_score(y, p))
    if not precisions:
        return {}
    return {"map": float(np.mean(precisions)), "auroc": float(np.mean(areas))}


def per_label(
    probabilities: Floats, targets: Floats, known: Bools, thresholds: Floats, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Precision of ranking, F1, calibration error, and base rate of each label that is known."""
    table = {}
    truth = presence(targets)
    for label in np.flatnonzero(known.any(axis=0)):
        rows = known[:, [label]]
        y, p = truth[:, label][rows[:, 0]], probabilities[:, label][rows[:, 0]]
        table[names[int(label)]] = {
            "f1": float(f1_score(y, p >= thresholds[label], zero_division=0)),
            "ap": float(average_precision_score(y, p)) if y.any() else 0.0,
            "ece": calibration_error(p[:, None], y[:, None], np.ones_like(y)[:, None]),
            "base_rate": float(y.mean()),
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
    """95 % bootstrap intervals of the headline figures; whole sources are resampled.

    Args:
        sources: N names; examples of one source stay together, because they are not independent.
    """
    rng = np.random.default_rng(seed)
    _, number = np.unique(np.array(sources), return_inverse=True)
    rows_of = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    drawn: dict[str, list[float]] = {name: [] for name in HEADLINES}
    for _ in range(resamples):
        chosen = rng.integers(0, len(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[i] for i in chosen])
        chosen_answers = None if answers is None else answers[rows]
        found = figures(probabilities[rows], targets[rows], known[rows], thresholds, chosen_answers)
        for name in HEADLINES:
            if name in found:
                drawn[name].append(found[name])
    return {
        name: (float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5)))
        for name, values in drawn.items()
        if values
    }


def _decisions(truth: Bools, said: Bools, known: Bools, labels: NDArray[np.int64]) -> dict[str, float]:
    y, p = truth[:, labels], said[:, labels]
    per_class = [f1_score(truth[known[:, c], c], said[known[:, c], c], zero_division=0) for c in labels]
    support = y.sum(axis=0)
    if len(labels) == 1:  # scikit-learn takes one column for no multi-label matrix; an empty one is harmless
        y, p = np.pad(y, ((0, 0), (0, 1))), np.pad(p, ((0, 0), (0, 1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without any label have no F1; counted as 1 when none is said
        return {
            "macro_f1": float(np.mean(per_class)),
            "micro_f1": float(f1_score(y, p, average="micro", zero_division=0)),
            "weighted_f1": float(np.average(per_class, weights=support)) if support.any() else 0.0,
            "samples_f1": float(f1_score(y, p, average="samples", zero_division=1)),
            "jaccard": float(jaccard_score(y, p, average="samples", zero_division=1)),
            "hamming": float(hamming_loss(y, p)),
        }


def _single_label(probabilities: Floats, known: Bools, answers: NDArray[np.int64]) -> dict[str, float]:
    rows = answers >= 0
    if not rows.any():
        return {}
    said, right = np.where(known, probabilities, -1.0)[rows].argmax(axis=1), answers[rows]
    ours = right < probabilities.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a predicted label that does not occur is no fault of the metric
        uar = balanced_accuracy_score(right[ours], said[ours])
    return {"accuracy": float((said == right).mean()), "uar": float(uar)}
