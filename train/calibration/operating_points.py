"""Operating points: the calibration of each corpus, as far from the default as its validation data bear out.

Corpora differ in how often a label is present and in when annotators said so. A point is fitted on the
validation part of one corpus and drawn to the default calibration; how strongly is chosen by leaving
speakers out.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.models.calibration import probabilities, thresholds_of
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration, CalibrationSpec, OperatingPoint, pattern
from core.window import TokenShape
from train.calibration.fitting import cross_entropy, fit_abstention, refit_branch
from train.data.token_set import TokenSet
from train.inference import evaluation_windows, outputs_of
from train.thresholds import fit_thresholds

PULLS: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0)
"""Choices for how strongly a point is drawn to the default; the last one leaves it there."""

PULL_OF_ONE_SPEAKER: Final = 100.0
"""Where a single speaker is all there is, and no other corpus shows how different speakers are."""

FOLDS: Final = 5
FEWEST: Final = 10
"""A corpus with fewer validation examples has no point of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class BranchOutputs:
    """What one branch says of one corpus' validation part.

    Attributes:
        modalities: that it looks at; the fusion's unless `peer`.
        peer: whether it is the peer of that one modality.
        logits, targets, known: (N, C).
        counts: (N, M) tokens.
        sources: N speakers or recordings.
    """

    modalities: tuple[Modality, ...]
    peer: bool
    logits: NDArray[np.float32]
    targets: NDArray[np.float32]
    known: NDArray[np.bool_]
    counts: NDArray[np.int64]
    sources: tuple[str, ...]

    @property
    def name(self) -> str:
        """Kind of branch."""
        return ("peer " if self.peer else "") + pattern(self.modalities)

    def default(self, calibration: CalibrationSpec) -> BranchCalibration:
        """Its calibration on data of every kind."""
        if self.peer:
            return calibration.peers[self.modalities[0]]
        return calibration.fusion[pattern(self.modalities)]


def fit_points(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    default: CalibrationSpec,
) -> dict[str, OperatingPoint]:
    """One operating point for each corpus that has enough validation examples of some modality.

    Args:
        net: trained.
        validation: validation parts of all corpora.
        shapes: static sizes.
        default: calibration on all of them, which points are drawn to.
    """
    every = {s.corpus: branch_outputs(net, s, shapes) for s in validation if len(s) >= FEWEST}
    # a corpus may have enough examples, and of no modality enough
    observed = {corpus: branches for corpus, branches in every.items() if branches}
    pulls = choose_pulls(observed, default)
    return {corpus: _point(branches, pulls[corpus], default) for corpus, branches in observed.items()}


def branch_outputs(
    net: EmotionNet, tokens: TokenSet, shapes: Mapping[Modality, TokenShape]
) -> list[BranchOutputs]:
    """Every branch that can say something of a corpus: fusion on each pattern, and the peers."""
    there = [m for i, m in enumerate(MODALITIES) if tokens.present[:, i].any()]
    result = []
    for names in (p for n in range(1, len(there) + 1) for p in itertools.combinations(there, n)):
        columns = [MODALITIES.index(m) for m in names]
        rows = [int(i) for i in np.flatnonzero(tokens.present[:, columns].all(axis=1))]
        if len(rows) < FEWEST:
            continue
        part = tokens.take(rows)
        out = outputs_of(net, evaluation_windows(part, names), shapes)
        labels = (part.targets, part.known, out.counts, part.sources)
        result.append(BranchOutputs(names, False, out.logits, *labels))
        if len(names) == 1:
            result.append(BranchOutputs(names, True, out.peer_logits[:, columns[0]], *labels))
    return result


def choose_pulls(
    observed: Mapping[str, Sequence[BranchOutputs]], default: CalibrationSpec
) -> dict[str, dict[str, float]]:
    """Corpus -> name of a branch -> pull to the default.

    A corpus with one speaker cannot show how different speakers are. It takes the strongest pull that a
    corpus with several of them needs in the same branch.
    """
    pulls: dict[str, dict[str, float]] = {}
    for corpus, branches in observed.items():
        pulls[corpus] = {b.name: choose_pull(b, default) for b in branches if len(set(b.sources)) > 1}
    for corpus, branches in observed.items():
        for branch in branches:
            others = [found[branch.name] for found in pulls.values() if branch.name in found]
            pulls[corpus].setdefault(branch.name, max(others, default=PULL_OF_ONE_SPEAKER))
    return pulls


def choose_pull(branch: BranchOutputs, default: CalibrationSpec) -> float:
    """The pull with the lowest cross entropy on speakers that were left out; at least two speakers."""
    names, number = np.unique(np.array(branch.sources), return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names))[number] % min(FOLDS, len(names))
    centre = branch.default(default)

    def left_out(pull: float) -> float:
        total = 0.0
        for out in (fold == f for f in np.unique(fold)):
            fitted = refit_branch(branch.logits[~out], branch.targets[~out], branch.known[~out], centre, pull)
            total += cross_entropy(branch.logits[out], branch.targets[out], branch.known[out], fitted)
        return total

    return min(PULLS, key=left_out)


def _point(
    branches: Sequence[BranchOutputs], pulls: Mapping[str, float], default: CalibrationSpec
) -> OperatingPoint:
    fusion: dict[str, BranchCalibration] = {}
    peers: dict[Modality, BranchCalibration] = {}
    for branch in branches:
        data = (branch.targets, branch.known)
        centre = branch.default(default)
        fitted = refit_branch(branch.logits, *data, centre, pulls[branch.name])
        estimates = probabilities(branch.logits, fitted)
        limits = fit_thresholds(estimates, *data, centre=thresholds_of(centre, default).tolist())
        fitted = fitted.model_copy(update={"thresholds": limits})
        if branch.peer:
            peers[branch.modalities[0]] = fitted
        else:
            fusion[pattern(branch.modalities)] = fitted
    fullest = max((b for b in branches if not b.peer), key=lambda b: (len(b.modalities), len(b.logits)))
    estimates = probabilities(fullest.logits, fusion[pattern(fullest.modalities)])
    return OperatingPoint(
        fusion=fusion,
        peers=peers,
        abstain_below=fit_abstention(estimates, fullest.targets, fullest.known, fullest.counts),
        examples=len(fullest.logits),
        sources=len(set(fullest.sources)),
    )
