"""`emotrack train ablate`: all runs of an ablation, then the comparison."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from core.errors import Interrupted
from train.ablation.config import AblationConfig, preset_of, read_ablation
from train.ablation.figures import compare, draws, figure_of, resampled
from train.ablation.report import AblationReport
from train.ablation.runs import AblationData, Run, TestPredictions, read_ablation_data, run_once
from train.metrics import presence
from train.training_data import Paths

Runs = dict[tuple[tuple[str, ...], int], Run]


def ablate(path: Path, paths: Paths, *, quiet: bool = True) -> AblationReport:
    """Run what is not there yet, compare, and write `ablation.json`.

    Args:
        path: the ablation.
        paths: folders; finished runs and the report lie in `out`.
        quiet: no progress bar.

    Raises:
        ConfigError: the ablation or a flag in it is wrong.
        SourceError: a corpus, or its test part, is absent.
        Interrupted: Ctrl-C; finished runs are kept.
    """
    ablation = read_ablation(path)
    first = preset_of(ablation, path, ablation.variants[ablation.reference], ablation.seeds[0])
    ablation_data = read_ablation_data(ablation, first, paths, quiet=quiet)
    wanted = [
        (variant, seed)
        for seed in ablation.seeds
        for variant in {v.flags: v for v in ablation.variants.values()}.values()
    ]
    runs: Runs = {}
    console = Console(stderr=True)
    for variant, seed in track(wanted, f"{path.stem} runs", disable=quiet, console=console):
        config = preset_of(ablation, path, variant, seed)
        try:
            runs[variant.flags, seed] = run_once(ablation, config, ablation_data, paths, paths.out / "runs")
        except (Interrupted, KeyboardInterrupt) as stop:
            raise Interrupted(
                f"interrupted; {len(runs)} of {len(wanted)} runs are finished and kept.",
                where=str(paths.out),
                fix="The same command goes on with the others.",
            ) from stop
    report = compared(ablation, ablation_data, runs, name=path.stem)
    text = json.dumps(report.as_dict(), indent=1) + "\n"
    (paths.out / "ablation.json").write_text(text, encoding="utf-8")
    return report


def compared(
    ablation: AblationConfig, ablation_data: AblationData, runs: Runs, *, name: str
) -> AblationReport:
    """The report of finished runs."""
    test = ablation_data.test
    weights = draws(len(test), ablation.resamples)

    def figures(predictions: TestPredictions) -> float:
        return figure_of(
            ablation.figure, predictions.probabilities, predictions.thresholds, test.targets, test.known
        )

    def drawn(predictions: TestPredictions) -> NDArray[np.floating]:
        asked = (predictions.probabilities, predictions.thresholds, test.targets, test.known, weights)
        return resampled(ablation.figure, *asked)

    answers = {
        label: [runs[variant.flags, seed][variant.answer] for seed in ablation.seeds]
        for label, variant in ablation.variants.items()
    }
    alone: dict[str, dict[str, float]] = {}
    for label, variant in ablation.variants.items():
        for answer in runs[variant.flags, ablation.seeds[0]]:
            if answer.startswith("fusion of ") and variant.answer == "fusion":
                found = [figures(runs[variant.flags, seed][answer]) for seed in ablation.seeds]
                alone.setdefault(answer.removeprefix("fusion of "), {})[label] = float(np.mean(found))
    return AblationReport(
        name=name,
        title=ablation.title,
        command=f"emotrack train ablate configs/train/{name}.yaml --data DIR --out RUNS",
        corpus=ablation.corpus,
        figure=ablation.figure,
        n=len(test),
        sources=len(set(test.sources)),
        seeds=ablation.seeds,
        reference=ablation.reference,
        rows=compare(
            {
                label: np.stack([drawn(predictions) for predictions in found])
                for label, found in answers.items()
            },
            {label: [figures(predictions) for predictions in found] for label, found in answers.items()},
            ablation.reference,
        ),
        alone=alone,
        constant=_constant(ablation, ablation_data),
        not_applicable=ablation.not_applicable,
    )


def _constant(ablation: AblationConfig, ablation_data: AblationData) -> float:
    """Always the label that is most frequent in training data; for F1, all labels."""
    test = ablation_data.test
    train = next(s.part("train") for s in ablation_data.inputs.sets if s.corpus == ablation.corpus)
    predictions = np.ones(test.targets.shape, np.float32)
    if ablation.figure == "accuracy":
        rates = (presence(train.targets) & train.known).mean(axis=0)
        predictions = np.zeros_like(predictions)
        predictions[:, int(rates.argmax())] = 1.0
    cuts = np.full(test.targets.shape[1], 0.5, np.float32)
    return figure_of(ablation.figure, predictions, cuts, test.targets, test.known)
