"""Pictures of an evaluation as SVG in a page, whose colour of text they take, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from train.evaluation.errors import Bin
from train.evaluation.selective import Abstention
from train.evaluation.tables import SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN: Final = 3.4
"""Narrow enough for a telephone, where a picture is shown at about this size."""

BLUE, ORANGE, GREEN, GREY = "#2b8cbe", "#e6821e", "#2a9d6f", "#8a8a8a"
"""Visible on white and on black, and told apart by people who are colour blind."""

_INK: Final = "#010203"
"""Stands for the page's colour of text until the SVG is written."""

_STYLE: Final[dict[Any, object]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": GREY,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def reliability_picture(name: str, bins: Sequence[Bin]) -> str:
    """Stated probability against the share that was right; the area of a dot grows with its count."""

    def draw(axes: Axes) -> None:
        p, y, n = (np.array(column, np.float64) for column in zip(*bins, strict=True))
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        axes.plot(p, y, color=BLUE, linewidth=1.2)
        axes.scatter(p, y, s=8 + 60 * n / n.max(), color=BLUE, zorder=3)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="stated probability", ylabel="share present")
        axes.set_aspect("equal")

    return _svg(name, draw, height_in=3.2)


def label_picture(per_label: Mapping[str, Mapping[str, float]]) -> str:
    """F1 and average precision of each label, and its base rate."""

    def draw(axes: Axes) -> None:
        names = list(per_label)
        place = np.arange(len(names))[::-1]
        for i, (figure, colour) in enumerate((("f1", BLUE), ("ap", GREEN), ("base_rate", GREY))):
            values = [per_label[name][figure] for name in names]
            axes.barh(place + 0.27 - 0.27 * i, values, 0.25, color=colour, label=SHORT[figure])
        axes.set_yticks(place, names)
        axes.set(xlim=(0, 1))
        axes.legend(loc="upper center", bbox_to_anchor=(0.42, -0.07), ncol=3)

    return _svg("labels", draw, height_in=0.42 * len(per_label) + 0.9)


def table_picture(name: str, table: Mapping[str, Mapping[str, float]], xlabel: str, ylabel: str) -> str:
    """Shares in [0, 1] as a field of tinted squares; rows are the keys of `table`."""

    def draw(axes: Axes) -> None:
        rows, columns = list(table), list(next(iter(table.values())))
        values = np.array([[table[r].get(c, 0.0) for c in columns] for r in rows])
        for i, j in np.ndindex(values.shape):
            share = float(values[i, j])
            axes.add_patch(mpl.patches.Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, color=BLUE, alpha=share))
            axes.text(j, i, f"{share:.2f}".lstrip("0"), ha="center", va="center", fontsize=7)
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel, ylabel=ylabel)
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return _svg(name, draw, height_in=0.32 * len(table) + 1.0)


def risk_picture(found: Abstention) -> str:
    """Risk over coverage, and where the checkpoint abstains."""

    def draw(axes: Axes) -> None:
        coverage, risk = zip(*found.curve, strict=True)
        axes.plot(coverage, risk, color=BLUE, marker="o", markersize=3)
        if found.risk is not None:
            axes.scatter([found.coverage], [found.risk], s=45, color=ORANGE, zorder=3, label="the checkpoint")
            axes.legend(loc="upper left")
        axes.set(xlim=(0, 1.03), ylim=(0, max(0.1, *risk) * 1.25), xlabel="coverage", ylabel="risk")

    return _svg("risk", draw, height_in=2.4)


def condition_picture(conditions: Mapping[str, Mapping[str, float]], figure: str) -> str:
    """One figure under every condition."""

    def draw(axes: Axes) -> None:
        names = list(conditions)
        place = np.arange(len(names))[::-1]
        values = [conditions[name].get(figure, 0.0) for name in names]
        axes.barh(place, values, 0.6, color=BLUE)
        for at, value in zip(place, values, strict=True):
            axes.text(value + 0.015, at, f"{value:.3f}", va="center")
        axes.set_yticks(place, names)
        axes.set(xlim=(0, 1.1), xlabel=SHORT[figure])

    return _svg("conditions " + figure, draw, height_in=0.28 * len(conditions) + 0.7)


def _svg(name: str, draw: Callable[[Axes], None], *, height_in: float) -> str:
    """The picture as an element `<svg>` that fills its place."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        draw(figure.subplots())
        buffer = io.StringIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'<g id="patch_1">.*?</g>', "", text, count=1, flags=re.DOTALL)  # the paper
    text = re.sub(r'<g id="patch_2">.*?</g>', "", text, count=1, flags=re.DOTALL)  # the plot's own
    return text.replace(_INK, "currentColor")
