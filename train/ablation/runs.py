"""The runs of an ablation. A finished run is a file, so that an interrupted ablation goes on where it was.

Legend: N test examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import MODALITIES, Modality
from core.models.calibration import probabilities
from core.models.fusion import EmotionNet
from core.window import TokenShape
from train.ablation.config import AblationConfig, Answer
from train.ablation.figures import figure_of
from train.calibration.fitting import fit_branch
from train.config import TrainingConfig
from train.corpora.base import bucket
from train.corpora.label_space import LabelSpace
from train.corpora.registry import ReadOptions, read_corpus
from train.data.token_set import TokenSet
from train.encoding.corpus import EncodingContext, tokens_of
from train.inference import evaluation_windows, outputs_of
from train.parallel import World
from train.progress import RunLog
from train.stages import train_network
from train.thresholds import fit_thresholds
from train.training_data import Paths, TrainingData, read_training_data


@dataclass(frozen=True, slots=True, eq=False)
class TestPredictions:
    """What one answer says of the test part: calibrated probabilities (N, C), and thresholds (C,)."""

    probabilities: NDArray[np.float32]
    thresholds: NDArray[np.float32]


Run = Mapping[str, TestPredictions]
"""Answer -> what it says; "fusion of MODALITY" is the fusion with that one alone, where there are several."""


@dataclass(frozen=True, slots=True, eq=False)
class AblationData:
    """What all runs share: training and validation parts, and the test part."""

    inputs: TrainingData
    test: TokenSet


def read_ablation_data(
    ablation: AblationConfig, config: TrainingConfig, paths: Paths, *, quiet: bool = True
) -> AblationData:
    """Tokens of everything, out of the cache where they are there.

    Raises:
        SourceError: the corpus has no test part.
    """
    inputs = read_training_data(config, paths, quiet=quiet)
    reading = ReadOptions(space=LabelSpace(config.labels))
    use = config.corpora[ablation.corpus]
    everything = read_corpus(ablation.corpus, use.folder or paths.data, reading)
    test = [example for example in everything if example.split == "test"]
    if not test:
        raise SourceError(f"has no test part of {ablation.corpus}.", where=str(paths.data))
    if ablation.test_limit:
        test = sorted(test, key=lambda e: bucket(e.id))[: ablation.test_limit]
    context = EncodingContext(paths.encoders, paths.cache, paths.locate, lambda: paths.encoders, config.views)
    return AblationData(inputs, tokens_of(ablation.corpus, test, context, quiet=quiet)[0])


def run_once(
    ablation: AblationConfig, config: TrainingConfig, ablation_data: AblationData, paths: Paths, folder: Path
) -> Run:
    """Train, calibrate on validation data, predict the test part; or read what was found before."""
    path = folder / f"{_key(ablation, config, ablation_data)}.npz"
    if path.is_file():
        return load_run(path)
    spec = ablation_data.inputs.spec.model_copy(update={"fusion": config.sizes.spec()})
    inputs = replace(ablation_data.inputs, spec=spec)
    world = World(0, 1, torch.device("cpu"))
    fitted = train_network(config, paths, inputs, world, RunLog(), None, resume=False)
    validation = next(s.part("validation") for s in inputs.sets if s.corpus == ablation.corpus)
    run = calibrated_predictions(fitted.net, validation, ablation_data.test, spec.token_shapes, ablation)
    save_run(run, path)
    return run


def calibrated_predictions(
    net: EmotionNet,
    validation: TokenSet,
    test: TokenSet,
    shapes: Mapping[Modality, TokenShape],
    ablation: AblationConfig,
) -> dict[str, TestPredictions]:
    """Every answer of a network, each calibrated on the validation part by itself."""
    there = [m for i, m in enumerate(MODALITIES) if test.present[:, i].any()]
    seen, asked = (outputs_of(net, evaluation_windows(part), shapes) for part in (validation, test))

    def predictions(
        on_validation: NDArray[np.floating], on_test: NDArray[np.floating]
    ) -> tuple[TestPredictions, float]:
        branch = fit_branch(on_validation, validation.targets, validation.known)
        estimate = probabilities(on_validation, branch)
        cuts = np.array(fit_thresholds(estimate, validation.targets, validation.known), np.float32)
        score = figure_of(ablation.figure, estimate, cuts, validation.targets, validation.known)
        return TestPredictions(probabilities(on_test, branch), cuts), score

    result = {"fusion": predictions(seen.logits, asked.logits)[0]}
    peers: dict[Modality, tuple[TestPredictions, float]] = {}
    evidence = []
    for modality in there:
        column = MODALITIES.index(modality)
        peers[modality] = predictions(seen.peer_logits[:, column], asked.peer_logits[:, column])
        branch = fit_branch(seen.peer_logits[:, column], validation.targets, validation.known)
        scale, shift = np.array(branch.temperature), np.array(branch.bias)
        evidence.append([z[:, column] / scale + shift for z in (seen.peer_logits, asked.peer_logits)])
        if len(there) > 1:
            alone = [
                outputs_of(net, evaluation_windows(part, (modality,)), shapes) for part in (validation, test)
            ]
            result[f"fusion of {modality}"] = predictions(alone[0].logits, alone[1].logits)[0]
    late: Answer = "late average"
    result[late] = predictions(*(np.mean([pair[i] for pair in evidence], axis=0) for i in (0, 1)))[0]
    result["best peer"] = max(peers.values(), key=lambda pair: pair[1])[0]
    return result


def save_run(run: Run, path: Path) -> None:
    """Write a run, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}/p": predictions.probabilities for name, predictions in run.items()}
    arrays |= {f"{name}/t": predictions.thresholds for name, predictions in run.items()}
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def load_run(path: Path) -> dict[str, TestPredictions]:
    """Read what `save_run` wrote."""
    with np.load(path, allow_pickle=False) as data:
        names = [name.removesuffix("/p") for name in data.files if name.endswith("/p")]
        return {name: TestPredictions(data[f"{name}/p"], data[f"{name}/t"]) for name in names}


def _key(ablation: AblationConfig, config: TrainingConfig, ablation_data: AblationData) -> str:
    """Of everything that a run depends on."""
    digest = hashlib.sha256(config.model_dump_json(exclude={"name", "summary", "license", "folds"}).encode())
    digest.update(f"{ablation.corpus} {ablation.figure}".encode())
    for tokens in (*ablation_data.inputs.sets, ablation_data.test):
        digest.update("\0".join(tokens.ids).encode() + tokens.targets.tobytes())
    for encoder in ablation_data.inputs.spec.encoders.values():
        digest.update(encoder.model_dump_json().encode())
    return digest.hexdigest()[:24]
