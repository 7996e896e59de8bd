"""Judging every branch of a checkpoint on a token set, at the operating points that it has for it.

Legend: N examples, C labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.models.calibration import confidence
from core.models.storage import load_network
from core.spec import DEFAULT_POINT, ModelSpec
from train.data.token_set import TokenSet
from train.evaluation.branches import FUSION, Branch, Predictions, branches_of
from train.evaluation.errors import (
    Bin,
    confusion,
    present_given_present,
    reliability,
    said_given_present,
)
from train.evaluation.resampling import intervals
from train.evaluation.selective import Abstention, abstention
from train.metrics import calibration_floor, constants, figures, per_label, presence, single_answers

AUTO: Final = "auto"
"""The corpus' own operating point where the checkpoint has one, else the default."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one operating point.

    Attributes:
        branches: "fusion" and every peer that the corpus has -> figures.
        patterns: availability pattern -> figures of the fusion with no more than these modalities.

    Figures are those of the examples that have what is judged; "n" in them says how many.
    """

    branches: dict[str, Figures]
    patterns: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the pictures of a report are drawn from; see `train.evaluation.errors`."""

    reliability: dict[str, list[Bin]]
    said_given_present: dict[str, dict[str, float]]
    present_given_present: dict[str, dict[str, float]]
    confusion: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Attributes:
        checkpoint, spec_sha256, corpus, split: what was measured on what.
        n, sources: examples, and independent speakers or recordings.
        branch: whose figures `metrics` are: "fusion", which runs live, or a peer.
        operating_point: whose calibration and thresholds `metrics` were measured with.
        metrics, intervals: name -> figure, and its 95 % interval.
        per_label: label -> figures.
        constants: predictor that does not look -> figures.
        branches, patterns: see `Point`, at this operating point.
        points: operating point -> the same there; always holds the default.
        abstention: of `branch`.
        pictures: of `branch`.
        robustness: condition -> figures of `branch`; empty where it was not asked for.
        notes: sentences about the data without which the figures are misread.
    """

    checkpoint: str
    spec_sha256: str
    corpus: str
    split: str
    n: int
    sources: int
    branch: str
    operating_point: str
    metrics: Figures
    intervals: dict[str, tuple[float, float]]
    per_label: dict[str, Figures]
    constants: dict[str, Figures]
    branches: dict[str, Figures]
    patterns: dict[str, Figures]
    points: dict[str, Point]
    abstention: Abstention
    pictures: Pictures
    robustness: dict[str, Figures] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def point_for(spec: ModelSpec, corpus: str, asked: str) -> str:
    """The operating point that is meant.

    Args:
        spec: of the checkpoint.
        corpus: that is judged.
        asked: "auto", "default", or a name.

    Raises:
        ConfigError: the checkpoint has no such point.
    """
    if asked == AUTO:
        return corpus if corpus in spec.calibration.operating_points else DEFAULT_POINT
    spec.calibration.at(asked)
    return asked


def evaluate(
    checkpoint: Path,
    spec: ModelSpec,
    tokens: TokenSet,
    split: str,
    *,
    branch: str = FUSION,
    resamples: int = 200,
    answers: NDArray[np.int64] | None = None,
    operating_point: str = AUTO,
) -> Report:
    """Judge every branch of a checkpoint on a token set.

    Args:
        checkpoint: its folder.
        spec: its specification.
        tokens: what is judged on.
        split: name of the part, for the report.
        branch: "fusion" or a modality: whose figures are the headline.
        resamples: of the bootstrap; 0 = no intervals.
        answers: (N,) as for `train.metrics.figures`.
        operating_point: "auto", "default" or a name.

    Raises:
        ConfigError: the corpus has no such branch, or the checkpoint no such point.
    """
    chosen = point_for(spec, tokens.corpus, operating_point)
    branches, patterns = branches_of(load_network(spec, checkpoint), spec, tokens)
    if branch not in branches:
        raise ConfigError(
            f"{tokens.corpus} has no {branch}.", where="--branch", fix=f"It has: {', '.join(branches)}."
        )
    right = single_answers(tokens.targets, tokens.known) if answers is None else answers
    points = {
        name: Point(*(_figures_at(found, spec, name, tokens, right) for found in (branches, patterns)))
        for name in dict.fromkeys((DEFAULT_POINT, chosen))
    }
    predictions = branches[branch].at(spec.calibration.at(chosen))
    part, own = tokens.take(predictions.rows.tolist()), right[predictions.rows]
    asked = (part.targets, part.known, predictions.thresholds)
    rates = (presence(part.targets) & part.known).sum(axis=0) / np.maximum(part.known.sum(axis=0), 1)
    bounds = (
        intervals(predictions.probabilities, *asked, part.sources, own, resamples=resamples)
        if resamples
        else {}
    )
    return Report(
        checkpoint=spec.name,
        spec_sha256=spec.sha256,
        corpus=tokens.corpus,
        split=split,
        n=len(part),
        sources=len(set(part.sources)),
        branch=branch,
        operating_point=chosen,
        metrics=points[chosen].branches[branch],
        intervals=bounds,
        per_label=per_label(predictions.probabilities, *asked, spec.labels),
        constants=constants(*asked, rates, own),
        branches=points[chosen].branches,
        patterns=points[chosen].patterns,
        points=points,
        abstention=_abstention(predictions, part, spec.calibration.at(chosen).abstain_below),
        pictures=_pictures(predictions, part, own, spec.labels),
    )


def _figures_at(
    branches: Mapping[str, Branch], spec: ModelSpec, point: str, tokens: TokenSet, right: NDArray[np.int64]
) -> dict[str, Figures]:
    calibration = spec.calibration.at(point)
    return {name: branch_figures(branch.at(calibration), tokens, right) for name, branch in branches.items()}


def branch_figures(predictions: Predictions, tokens: TokenSet, right: NDArray[np.int64]) -> Figures:
    """Figures of one branch, with the floor of the calibration error and the number of examples."""
    part = tokens.take(predictions.rows.tolist())
    found = figures(
        predictions.probabilities, part.targets, part.known, predictions.thresholds, right[predictions.rows]
    )
    floor = calibration_floor(predictions.probabilities, part.known)
    return found | {"ece_floor": floor, "n": float(len(predictions.rows))}


def _abstention(predictions: Predictions, part: TokenSet, threshold: float) -> Abstention:
    sure = confidence(predictions.probabilities, predictions.counts)
    return abstention(predictions.probabilities, sure, part.targets, part.known, threshold)


def _pictures(
    predictions: Predictions, part: TokenSet, right: NDArray[np.int64], labels: tuple[str, ...]
) -> Pictures:
    p, targets, known = predictions.probabilities, part.targets, part.known
    return Pictures(
        reliability=reliability(p, targets, known, labels),
        said_given_present=said_given_present(p, targets, known, predictions.thresholds, labels),
        present_given_present=present_given_present(targets, known, labels),
        confusion=confusion(p, known, right, labels),
    )
