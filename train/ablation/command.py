"""`emotrack train ablate`: all runs of an ablation, then the comparison."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from train.ablation.config import AblationConfig, preset_of, read_ablation
from train.ablation.figures import compare, draws, figure_of, resampled
from train.ablation.report import AblationReport
from train.ablation.runs import Material, Run, Said, read_material, run_once
from train.data.training_data import Places
from train.metrics import presence

Runs = dict[tuple[tuple[str, ...], int], Run]


def ablate(path: Path, places: Places, *, quiet: bool = True) -> AblationReport:
    """Run what is not there yet, compare, and write `ablation.json`.

    Args:
        path: the ablation.
        places: folders; finished runs and the report lie in `out`.
        quiet: no progress bar.

    Raises:
        ConfigError: the ablation or a flag in it is wrong.
        SourceError: a corpus, or its test part, is absent.
    """
    ablation = read_ablation(path)
    first = preset_of(ablation, path, ablation.variants[ablation.reference], ablation.seeds[0])
    material = read_material(ablation, first, places, quiet=quiet)
    wanted = [
        (variant, seed)
        for seed in ablation.seeds
        for variant in {v.flags: v for v in ablation.variants.values()}.values()
    ]
    runs: Runs = {}
    console = Console(stderr=True)
    for variant, seed in track(wanted, f"{path.stem} runs", disable=quiet, console=console):
        config = preset_of(ablation, path, variant, seed)
        runs[variant.flags, seed] = run_once(ablation, config, material, places, places.out / "runs")
    report = compared(ablation, material, runs, name=path.stem)
    text = json.dumps(report.as_dict(), indent=1) + "\n"
    (places.out / "ablation.json").write_text(text, encoding="utf-8")
    return report


def compared(ablation: AblationConfig, material: Material, runs: Runs, *, name: str) -> AblationReport:
    """The report of finished runs."""
    test = material.test
    weights = draws(len(test), ablation.resamples)

    def figures(said: Said) -> float:
        return figure_of(ablation.figure, said.probabilities, said.thresholds, test.targets, test.known)

    def drawn(said: Said) -> NDArray[np.floating]:
        asked = (said.probabilities, said.thresholds, test.targets, test.known, weights)
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
            {label: np.stack([drawn(said) for said in found]) for label, found in answers.items()},
            {label: [figures(said) for said in found] for label, found in answers.items()},
            ablation.reference,
        ),
        alone=alone,
        constant=_constant(ablation, material),
        not_applicable=ablation.not_applicable,
    )


def _constant(ablation: AblationConfig, material: Material) -> float:
    """Always the label that is most frequent in training data; for F1, all labels."""
    test = material.test
    train = next(s.part("train") for s in material.inputs.sets if s.corpus == ablation.corpus)
    said = np.ones(test.targets.shape, np.float32)
    if ablation.figure == "accuracy":
        rates = (presence(train.targets) & train.known).mean(axis=0)
        said = np.zeros_like(said)
        said[:, int(rates.argmax())] = 1.0
    cuts = np.full(test.targets.shape[1], 0.5, np.float32)
    return figure_of(ablation.figure, said, cuts, test.targets, test.known)
