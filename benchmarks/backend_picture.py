"""The picture of `bench fusion` and `bench encoders`: median and 95th percentile of every backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(figures: dict[str, Any], job: str, path: Path) -> None:
    """Draw bars (median) with whiskers (95th percentile), one colour per number of threads.

    Args:
        figures: from `benchmarks.backends.compare_backends`.
        job: which job's times.
        path: a PNG or SVG file.
    """
    names = sorted(figures["backends"], key=lambda name: figures["backends"][name]["p50_ms"])
    figure = Figure(figsize=(8, 1.6 + 0.5 * len(names)), dpi=120, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for offset, (threads, colour) in enumerate((("1", "#0072B2"), ("2", "#E69F00"))):
        rows = [(i, figures["backends"][name]["threads"].get(threads)) for i, name in enumerate(names)]
        there = [(i, row[job]) for i, row in rows if row is not None]
        axes.barh(
            [i + (offset - 0.5) * 0.38 for i, _ in there],
            [row["p50_ms"] for _, row in there],
            height=0.36,
            color=colour,
            xerr=[[0.0] * len(there), [max(0.0, row["p95_ms"] - row["p50_ms"]) for _, row in there]],
            ecolor="#555555",
            label=f"{threads} thread{'s' if threads != '1' else ''}",
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds, median and 95th percentile")
    axes.set_title(f"{job}, one row, {figures['machine']['cpu']}", loc="left", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
