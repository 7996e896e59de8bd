"""The last stage: everything that `CalibrationSpec` holds, fitted on validation data.

First the default for data of every kind, then an operating point for each corpus.

Patterns of one modality are calibrated on real labels, as are patterns that a corpus truly has together.
Nobody knows the label of modalities that were joined from different recordings, so the other patterns are
calibrated to agree with the reliability-weighted mean of the calibrated peers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.models.calibration import probabilities
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration, CalibrationSpec, pattern
from core.window import TokenShape
from train.calibration.fitting import fit_abstention, fit_branch
from train.calibration.operating_points import fit_points
from train.calibration.teacher import (
    ValidationOutputs,
    identity_calibration,
    make_teacher,
    measure_reliability,
    validation_outputs,
)
from train.data.token_set import TokenSet
from train.data.window_augmentation import WindowAugmentation
from train.evaluation.inference import Outputs, evaluation_windows, outputs_of
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.objective import Teacher
from train.thresholds import fit_thresholds

PATTERNS: tuple[tuple[Modality, ...], ...] = tuple(
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
) -> CalibrationSpec:
    """Fit the calibration of every branch and pattern, the thresholds and the abstention.

    Args:
        net: trained.
        validation: validation parts of all corpora.
        shapes: static sizes.
        weights: corpus -> weight of one example.
        placement: how joined windows are drawn.
        joined: number of joined windows for each pattern of several modalities.
    """
    peer_reliability = measure_reliability(net, validation, shapes, weights)
    fusion: dict[str, BranchCalibration] = dict.fromkeys(
        map(pattern, PATTERNS), identity_calibration(validation[0].targets.shape[1])
    )
    peers = dict(peer_reliability.branches)
    alone = [(m, validation_outputs(net, validation, shapes, m, weights)) for m in MODALITIES]
    single_modality = [(m, outputs) for m, outputs in alone if outputs is not None]
    for modality, outputs in single_modality:
        branch = fit_branch(outputs.logits, outputs.targets, outputs.known, outputs.weights)
        fusion[modality] = _with_thresholds(branch, outputs.logits, outputs)
        peers[modality] = _with_thresholds(peers[modality], outputs.peer, outputs)
    teacher = make_teacher(validation, peer_reliability)
    for names in (p for p in PATTERNS if len(p) > 1):
        real = _paired(net, validation, shapes, names)
        if real is not None:
            fusion[pattern(names)] = fit_branch(*real)
            continue
        on_joined = _joined(net, validation, shapes, names, placement, joined)
        if on_joined is not None:
            fusion[pattern(names)] = _calibrate_to_teacher(on_joined, teacher)
    default = _default_point(fusion, peers, single_modality)
    points = fit_points(net, validation, shapes, default)
    return default.model_copy(update={"operating_points": points})


def _default_point(
    fusion: dict[str, BranchCalibration],
    peers: dict[Modality, BranchCalibration],
    single_modality: Sequence[tuple[Modality, ValidationOutputs]],
) -> CalibrationSpec:
    """The default point: thresholds and abstention for all single modalities together."""
    p = np.concatenate([probabilities(outputs.logits, fusion[m]) for m, outputs in single_modality])
    y, known, counts, weights = (
        np.concatenate([getattr(outputs, name) for _, outputs in single_modality])
        for name in ("targets", "known", "counts", "weights")
    )
    return CalibrationSpec(
        fusion=fusion,
        peers=peers,
        thresholds=fit_thresholds(p, y, known, weights=weights),
        abstain_below=fit_abstention(p, y, known, counts),
    )


def _calibrate_to_teacher(outputs: Outputs, teacher: Teacher) -> BranchCalibration:
    """Calibrated to agree with the teacher: nobody knows the labels of joined windows."""
    taught = teacher.logits(torch.from_numpy(outputs.peer_logits), torch.from_numpy(outputs.available))
    goal = taught.sigmoid().numpy()
    return fit_branch(outputs.logits, goal, np.ones_like(goal, np.bool_))


def _with_thresholds(
    branch: BranchCalibration, logits: NDArray[np.floating], outputs: ValidationOutputs
) -> BranchCalibration:
    estimates = probabilities(logits, branch)
    own = fit_thresholds(estimates, outputs.targets, outputs.known, weights=outputs.weights)
    return branch.model_copy(update={"thresholds": own})


def _paired(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    names: tuple[Modality, ...],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]] | None:
    """Logits, targets and known labels of examples that truly have all of `names`."""
    columns = [MODALITIES.index(m) for m in names]
    found = []
    for tokens in validation:
        rows = np.flatnonzero(tokens.present[:, columns].all(axis=1))
        if len(rows):
            part = tokens.take([int(i) for i in rows])
            logits = outputs_of(net, evaluation_windows(part, names), shapes).logits
            found.append((logits, part.targets, part.known))
    if not found:
        return None
    logits, targets, known = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logits, targets, known


def _joined(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    names: tuple[Modality, ...],
    placement: WindowAugmentation,
    count: int,
) -> Outputs | None:
    """Outputs on label-blind joined windows that have exactly `names`."""
    sets = [_only(s, names) for s in validation if set(s.tokens) & set(names)]
    if {m for s in sets for m in s.tokens} != set(names):
        return None
    shares = BatchConfig(
        two_missing=0, one_missing=float(len(names) == 2), all_present=float(len(names) == 3)
    )
    maker = BatchMaker(sets, shapes, shares, placement, seed=1)
    windows = [w for w in maker.windows(0, count) if set(w.tokens) == set(names)]
    return outputs_of(net, windows, shapes) if windows else None  # a small paired part may have none together


def _only(tokens: TokenSet, names: tuple[Modality, ...]) -> TokenSet:
    kept = {m: r for m, r in tokens.tokens.items() if m in names}
    return TokenSet(
        tokens.corpus, tokens.ids, tokens.sources, tokens.splits, tokens.targets, tokens.known, kept
    )
