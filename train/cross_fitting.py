"""Training on small corpora: several networks that each leave some sources out, then one that leaves none.

A few speakers make a poor validation part, and the training misses them. So the sources of training and
validation part are dealt into folds. For each fold a network is trained on the others and judged on it: the
mean of these curves says how many steps are best, and each network's calibration is fitted on sources that
it has not seen. The checkpoint's network is trained on all of them for so many steps; its calibration is the
mean of theirs. The test part takes no part.
"""

from __future__ import annotations

import copy
import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from core.errors import Interrupted
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration, CalibrationSpec, OperatingPoint
from train.calibration.stage import calibrate
from train.config import TrainingConfig
from train.corpora.base import bucket
from train.data.token_set import TokenSet
from train.fusion.fit import Fitted
from train.fusion.learner import Figures
from train.parallel import World
from train.progress import RunLog
from train.run_folder import GO_ON
from train.stages import calibration_weights, people_of, threshold_weights, train_network, validator
from train.training_data import Paths, TrainingData

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """What came of one fold.

    Attributes:
        history: figures of each validation.
        weights: of the averaged network at each validation.
    """

    history: list[Figures]
    weights: list[dict[str, Any]]


def cross_fit(
    config: TrainingConfig,
    paths: Paths,
    inputs: TrainingData,
    world: World,
    log: RunLog,
    folder: Path,
    *,
    resume: bool,
    quiet: bool = True,
) -> tuple[Fitted, CalibrationSpec]:
    """Train the network on all training and validation sources, and calibrate it on left-out ones.

    Args:
        config: the preset; its `folds`.
        paths, inputs: folders and token sets.
        world: this process and the others.
        log: of the last training; those of the folds only leave their results.
        folder: for the results of folds.
        resume: take up an unfinished run: finished folds are read.
        quiet: no progress bars.
    """
    dealt = [fold_of(tokens, config.folds) for tokens in inputs.sets]
    parts = [
        replace(inputs, sets=[left_out(s, d, k) for s, d in zip(inputs.sets, dealt, strict=True)])
        for k in range(config.folds)
    ]
    folds = [
        _fold(config, paths, part, world, folder / f"fold_{k}.pt", resume=resume, quiet=quiet)
        for k, part in enumerate(parts)
    ]
    curve = np.mean([[row["score"] for row in fold.history] for fold in folds], axis=0)
    best = int(curve.argmax())
    calibrations = [_calibrated(config, part, fold, best) for part, fold in zip(parts, folds, strict=True)]

    count = iter(range(len(curve)))

    def chosen(net: EmotionNet) -> Figures:
        """The mean curve of the folds, and a score that is highest at its best step."""
        at = next(count)
        return {"folds": float(curve[at]), "score": -float(abs(at - best))}

    whole = replace(inputs, sets=[_all_train(s) for s in inputs.sets])
    try:
        fitted = train_network(config, paths, whole, world, log, None, resume=False, validate=chosen)
    except Interrupted as stop:
        raise Interrupted(f"{stop.what} All folds are kept.", where=str(folder), fix=GO_ON) from stop
    return fitted, mean_calibration(calibrations)


def fold_of(tokens: TokenSet, folds: int) -> dict[str, int]:
    """Source -> fold, such that folds have about as many examples; the same on every machine."""
    sizes = Counter(tokens.sources)
    heap = [(0, fold) for fold in range(folds)]
    dealt = {}
    for source in sorted(sizes, key=lambda name: (-sizes[name], bucket(name))):
        held, fold = heapq.heappop(heap)
        dealt[source] = fold
        heapq.heappush(heap, (held + sizes[source], fold))
    return dealt


def left_out(tokens: TokenSet, dealt: Mapping[str, int], fold: int) -> TokenSet:
    """The same examples, those of one fold as validation part and the others as training part."""
    splits = ("validation" if dealt[source] == fold else "train" for source in tokens.sources)
    return replace(tokens, splits=tuple(splits))


def mean_calibration(parts: Sequence[CalibrationSpec]) -> CalibrationSpec:
    """The mean of calibrations, branch by branch: geometric of temperatures, arithmetic of the rest."""
    first = parts[0]
    names = [name for name in first.operating_points if all(name in p.operating_points for p in parts)]
    return CalibrationSpec(
        fusion=_mean_branches([p.fusion for p in parts]),
        peers=_mean_branches([p.peers for p in parts]),
        thresholds=_mean([p.thresholds for p in parts]),
        abstain_below=float(np.mean([p.abstain_below for p in parts])),
        operating_points={name: _mean_point([p.operating_points[name] for p in parts]) for name in names},
    )


def _fold(
    config: TrainingConfig,
    paths: Paths,
    inputs: TrainingData,
    world: World,
    path: Path,
    *,
    resume: bool,
    quiet: bool,
) -> Fold:
    identity = config.model_dump_json()
    if resume and path.is_file():
        found = torch.load(path, map_location="cpu", weights_only=True)
        if found["config"] == identity:
            return Fold(found["history"], found["weights"])
    weights: list[dict[str, Any]] = []
    validation_figures = validator([s.part("validation") for s in inputs.sets], inputs.spec.token_shapes)

    def keep(net: EmotionNet) -> Figures:
        weights.append(copy.deepcopy(net.state_dict()))
        return validation_figures(net)

    log = RunLog(quiet=quiet)
    try:
        fitted = train_network(config, paths, inputs, world, log, None, resume=False, validate=keep)
    except Interrupted as stop:
        raise Interrupted(
            f"{stop.what} Finished folds are kept.", where=str(path.parent), fix=GO_ON
        ) from stop
    if world.leads:
        partial = path.with_suffix(".part")
        torch.save({"config": identity, "history": fitted.history, "weights": weights}, partial)
        partial.replace(path)
    return Fold(fitted.history, weights)


def _calibrated(config: TrainingConfig, inputs: TrainingData, fold: Fold, at: int) -> CalibrationSpec:
    net = EmotionNet.from_spec(inputs.spec)
    net.load_state_dict(fold.weights[at])
    return calibrate(
        net.eval(),
        [s.part("validation") for s in inputs.sets],
        inputs.spec.token_shapes,
        calibration_weights(config),
        config.placement,
        config.joint_calibration,
        config.losses.distillation_kind,
        people_of(config),
        threshold_weights(config),
    )


def _all_train(tokens: TokenSet) -> TokenSet:
    return replace(tokens, splits=("train",) * len(tokens))


def _mean(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in np.mean(values, axis=0))


def _mean_branch(parts: Sequence[BranchCalibration]) -> BranchCalibration:
    own = [p.thresholds for p in parts if p.thresholds is not None]
    return BranchCalibration(
        temperature=tuple(round(float(np.exp(v)), 5) for v in np.log([p.temperature for p in parts]).mean(0)),
        bias=_mean([p.bias for p in parts]),
        thresholds=_mean(own) if own else None,
    )


def _mean_branches(parts: Sequence[Mapping[Name, BranchCalibration]]) -> dict[Name, BranchCalibration]:
    return {name: _mean_branch([part[name] for part in parts]) for name in parts[0]}


def _mean_point(parts: Sequence[OperatingPoint]) -> OperatingPoint:
    shared = [name for name in parts[0].fusion if all(name in p.fusion for p in parts)]
    heard = [name for name in parts[0].peers if all(name in p.peers for p in parts)]
    return OperatingPoint(
        fusion={name: _mean_branch([p.fusion[name] for p in parts]) for name in shared},
        peers={name: _mean_branch([p.peers[name] for p in parts]) for name in heard},
        abstain_below=float(np.mean([p.abstain_below for p in parts])),
        examples=sum(p.examples for p in parts),
        sources=sum(p.sources for p in parts),
    )
