"""The last stage: everything that `CalibrationSpec` holds, fitted on validation data.

First the default for data of every kind, then an operating point for each corpus.

Patterns of one modality are calibrated on real labels, as are patterns that a corpus truly has together.
Nobody knows the label of modalities that were joined from different recordings, so the other patterns are
calibrated to agree with the teacher, and their thresholds and the abstention are fitted on labels that are
drawn from the teacher's probabilities.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.models.calibration import probabilities
from core.models.evidence import EvidenceWeights
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration, CalibrationSpec, pattern
from core.window import TokenShape
from train.calibration.fitting import fit_abstention, fit_branch
from train.calibration.joined import joined_windows, truly_paired
from train.calibration.operating_points import fit_points
from train.calibration.teacher import (
    ValidationOutputs,
    identity_calibration,
    make_teacher,
    may_sharpen,
    measure_reliability,
    validation_outputs,
)
from train.data.token_set import TokenSet
from train.data.window_augmentation import WindowAugmentation
from train.fusion.objective import DistillationKind, Teacher
from train.inference import Outputs, evaluation_windows, outputs_of
from train.thresholds import fit_thresholds

PATTERNS: Final[tuple[tuple[Modality, ...], ...]] = tuple(
    p for n in (1, 2, 3) for p in itertools.combinations(MODALITIES, n)
)
"""The seven availability patterns."""


def calibrate(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    weights: Mapping[str, float],
    placement: WindowAugmentation,
    joined: int,
    kind: DistillationKind = "evidence",
    people: EvidenceWeights | None = None,
    limits: Mapping[str, float] | None = None,
) -> CalibrationSpec:
    """Fit the calibration of every branch and pattern, the thresholds and the abstention.

    Args:
        net: trained.
        validation: validation parts of all corpora.
        shapes: static sizes.
        weights: corpus -> weight of one example.
        placement: how joined windows are drawn.
        joined: number of joined windows for each pattern of several modalities.
        kind, people: how the teacher of joined windows combines the peers.
        limits: corpus -> weight of one example in the thresholds; None = `weights`.
    """
    limits = weights if limits is None else limits
    peer_reliability = measure_reliability(net, validation, shapes, weights)
    fusion: dict[str, BranchCalibration] = dict.fromkeys(
        map(pattern, PATTERNS), identity_calibration(validation[0].targets.shape[1])
    )
    peers = dict(peer_reliability.branches)
    alone = [(m, validation_outputs(net, validation, shapes, m, weights)) for m in MODALITIES]
    single_modality = [(m, outputs) for m, outputs in alone if outputs is not None]
    for modality, outputs in single_modality:
        branch = fit_branch(
            outputs.logits,
            outputs.targets,
            outputs.known,
            outputs.weights,
            sharpen=may_sharpen(outputs.sources),
        )
        fusion[modality] = _with_thresholds(branch, outputs.logits, outputs, limits)
        peers[modality] = _with_thresholds(peers[modality], outputs.peer, outputs, limits)
    teacher = make_teacher(validation, peer_reliability, people)
    together: list[tuple[BranchCalibration, _Seen]] = []
    for names in (p for p in PATTERNS if len(p) > 1):
        seen = _seen_together(net, validation, shapes, names, placement, joined, teacher, kind)
        if seen is not None:
            fusion[pattern(names)] = seen.calibration()
            together.append((fusion[pattern(names)], seen))
    default = _default_point(fusion, peers, single_modality, together, limits)
    points = fit_points(net, validation, shapes, default)
    return default.model_copy(update={"operating_points": points})


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the fusion says of windows with several modalities, and what is known of their labels.

    Attributes:
        logits: (N, C).
        targets: (N, C) in [0, 1], what a calibration agrees with.
        answers: (N, C) labels, for thresholds and abstention: `targets`, or drawn from them.
        known: (N, C) bool.
        counts: (N, M) tokens.
    """

    logits: NDArray[np.floating]
    targets: NDArray[np.floating]
    answers: NDArray[np.floating]
    known: NDArray[np.bool_]
    counts: NDArray[np.integer]

    def calibration(self) -> BranchCalibration:
        branch = fit_branch(self.logits, self.targets, self.known)
        own = fit_thresholds(probabilities(self.logits, branch), self.answers, self.known)
        return branch.model_copy(update={"thresholds": own})


def _seen_together(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    names: tuple[Modality, ...],
    placement: WindowAugmentation,
    joined: int,
    teacher: Teacher,
    kind: DistillationKind,
) -> _Seen | None:
    """Examples that truly have all of `names`, else joined windows; None where there are neither."""
    real = truly_paired(validation, names)
    if real:
        outputs = [outputs_of(net, evaluation_windows(part, names), shapes) for part in real]
        targets = np.concatenate([part.targets for part in real])
        return _Seen(
            np.concatenate([o.logits for o in outputs]),
            targets,
            targets,
            np.concatenate([part.known for part in real]),
            np.concatenate([o.counts for o in outputs]),
        )
    windows = joined_windows(validation, shapes, names, placement, joined)
    return _taught(outputs_of(net, windows, shapes), teacher, kind) if windows else None


def _taught(outputs: Outputs, teacher: Teacher, kind: DistillationKind) -> _Seen:
    peer_logits, available = torch.from_numpy(outputs.peer_logits), torch.from_numpy(outputs.available)
    goal = teacher.logits(peer_logits, available, kind).sigmoid().numpy()
    drawn = (np.random.default_rng(0).random(goal.shape) < goal).astype(np.float32)
    return _Seen(outputs.logits, goal, drawn, np.ones_like(goal, np.bool_), outputs.counts)


def _default_point(
    fusion: dict[str, BranchCalibration],
    peers: dict[Modality, BranchCalibration],
    single_modality: Sequence[tuple[Modality, ValidationOutputs]],
    together: Sequence[tuple[BranchCalibration, _Seen]],
    limits: Mapping[str, float],
) -> CalibrationSpec:
    """The default point: thresholds for all single modalities together, abstention for all windows."""
    p = np.concatenate([probabilities(outputs.logits, fusion[m]) for m, outputs in single_modality])
    y, known, counts = (
        np.concatenate([getattr(outputs, name) for _, outputs in single_modality])
        for name in ("targets", "known", "counts")
    )
    weights = np.concatenate([outputs.weighed(limits) for _, outputs in single_modality])
    joined = [probabilities(seen.logits, branch) for branch, seen in together]
    return CalibrationSpec(
        fusion=fusion,
        peers=peers,
        thresholds=fit_thresholds(p, y, known, weights=weights),
        abstain_below=fit_abstention(
            np.concatenate([p, *joined]),
            np.concatenate([y, *(seen.answers for _, seen in together)]),
            np.concatenate([known, *(seen.known for _, seen in together)]),
            np.concatenate([counts, *(seen.counts for _, seen in together)]),
        ),
    )


def _with_thresholds(
    branch: BranchCalibration,
    logits: NDArray[np.floating],
    outputs: ValidationOutputs,
    limits: Mapping[str, float],
) -> BranchCalibration:
    estimates = probabilities(logits, branch)
    own = fit_thresholds(estimates, outputs.targets, outputs.known, weights=outputs.weighed(limits))
    return branch.model_copy(update={"thresholds": own})
