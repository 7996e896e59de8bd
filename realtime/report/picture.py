"""`report.png`: a run on one page. No words of the conversation are in it."""

from __future__ import annotations

import io
import textwrap
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from core.labels import MODALITIES
from realtime.report.head import everybody
from realtime.report.person import Person, Series
from realtime.report.reading import Report
from realtime.report.wording import GUESSES_SHORT, began, clock, length, percent, ticks
from realtime.sinks.base import purpose_text
from realtime.sinks.downsampled_series import runs
from realtime.sinks.timeline_figure import COLOURS, FALLBACK, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH_IN: Final = 11.69
"""A4, lying."""
HEAD_IN: Final = 1.45
FOOT_IN: Final = 0.8
PERSON_IN: Final = (1.95, 2.9)
PAGE_IN: Final = 8.27
DPI: Final = 110
MAX_PEOPLE: Final = 4
BINS: Final = 700
PITCH: Final = 1.25
PRESENT: Final = "#C9D6DF"
USED: Final = "#E4E9EC"


def png(report: Report, people: list[Person]) -> bytes:
    """Draw the page.

    Args:
        report: of the run.
        people: those to draw, the most important ones first to be kept; at most `MAX_PEOPLE` are.
    """
    ranked = [person for person in report.by_importance() if person in people][:MAX_PEOPLE]
    shown = [person for person in people if person in ranked]
    rows = max(len(shown), 1)
    row_in = float(np.clip((PAGE_IN - HEAD_IN - FOOT_IN) / rows, *PERSON_IN))
    height_in = HEAD_IN + rows * row_in + FOOT_IN
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, report, [person.name for person in shown], height_in)
    grid = figure.add_gridspec(
        rows, 2, width_ratios=[3.4, 1], left=1.15 / WIDTH_IN, right=1 - 0.55 / WIDTH_IN, wspace=0.04,
        top=1 - HEAD_IN / height_in, bottom=FOOT_IN / height_in, hspace=0.3,
    )  # fmt: skip
    for row, person in enumerate(shown):
        _person(figure, grid[row, 0], grid[row, 1], report, person)
    if not shown:
        figure.text(0.5, 0.45, "Of nobody was anything estimated.", ha="center", color=QUIET)
    _foot(figure, report, height_in)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _head(figure: Figure, report: Report, shown: list[str], height_in: float) -> None:
    hello = report.hello
    people = everybody(report)
    facts = [began(hello), length(report.end_s), f"people: {len(people)}", purpose_text(hello)]
    facts += [f"checkpoint {hello.model.name}", f"Whisper {hello.whisper}", f"emotrack {hello.version}"]
    others = [name for name in people if name not in shown]
    if others:
        facts.insert(3, f"not shown: {', '.join(others)}")
    title = textwrap.shorten(hello.source or report.run, 90, placeholder="…")
    lines: tuple[tuple[float, str, dict[str, Any]], ...] = (
        (0.42, title, {"fontsize": 15, "weight": "bold", "color": INK}),
        (0.68, textwrap.shorten(" · ".join(facts), 170, placeholder="…"), {"fontsize": 8.5, "color": INK}),
        (0.9, GUESSES_SHORT, {"fontsize": 8.5, "color": "#8A4B00"}),
    )
    for down_in, text, style in lines:
        figure.text(0.3 / WIDTH_IN, 1 - down_in / height_in, text, parse_math=False, **style)


def _foot(figure: Figure, report: Report, height_in: float) -> None:
    handles: list[Artist] = [
        Patch(facecolor=QUIET, alpha=0.25, label="span of modalities and fusion"),
        Patch(facecolor=QUIET, label="label present (threshold dotted)"),
        Line2D([], [], color=QUIET, marker="o", markersize=4, linestyle="", label="final estimate"),
        Patch(facecolor=PRESENT, label="speech"),
        Patch(facecolor=USED, label="modality used"),
        Patch(facecolor="white", edgecolor="#9A9A9A", hatch="/////", label="missing"),
        Patch(facecolor="white", edgecolor="#9A9A9A", hatch=".....", label="not enough evidence"),
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.3 / WIDTH_IN, 0.08 / height_in), ncol=7,
        frameon=False, fontsize=7.5, borderaxespad=0, handlelength=1.6, columnspacing=1.5,
    )  # fmt: skip


def _person(figure: Figure, slot: Any, beside: Any, report: Report, person: Person) -> None:  # noqa: ANN401
    series = person.series(BINS)
    heights = [1.0, 0.3]
    lanes, rows = (
        figure.add_subplot(part) for part in slot.subgridspec(2, 1, height_ratios=heights, hspace=0.04)
    )
    bars = figure.add_subplot(beside.subgridspec(2, 1, height_ratios=heights, hspace=0.04)[0])
    for axes in (lanes, rows, bars):
        axes.tick_params(length=0, labelsize=7, labelcolor=INK)
        axes.spines[:].set_visible(False)
    end_s = max(report.end_s, 1.0)
    _lanes(lanes, series, report, person, end_s)
    _rows(rows, series, report, person, end_s)
    _bars(bars, report, person)


def _lanes(axes: Axes, series: Series, report: Report, person: Person, end_s: float) -> None:
    name = textwrap.shorten(person.name, 60, placeholder="…")
    axes.set_title(name, loc="left", fontsize=9.5, weight="bold", color=INK, pad=3, parse_math=False)
    bottoms = _bottoms(person)
    times_s = (np.arange(len(series.filled)) + 0.5) * series.step_s
    for place, bottom in enumerate(bottoms):
        colour = _colour(report, place)
        known = np.where(series.filled & (series.abstained < 0.5), series.mean[:, place], np.nan)
        unsure = np.where(series.filled, series.mean[:, place], np.nan)
        low, high = (np.where(series.filled, v[:, place], np.nan) for v in (series.lowest, series.highest))
        axes.fill_between(times_s, bottom + low, bottom + high, color=colour, alpha=0.2, linewidth=0)
        low, high = (np.where(series.filled, v[:, place], np.nan) for v in (series.low, series.high))
        axes.fill_between(times_s, bottom + low, bottom + high, color=colour, alpha=0.35, linewidth=0)
        axes.plot(times_s, bottom + unsure, color=QUIET, linewidth=0.7, linestyle=(0, (1, 2)))
        axes.plot(times_s, bottom + known, color=colour, linewidth=1.1)
        axes.broken_barh(_stretches(series.active[:, place] >= 0.5, series), (bottom, 0.14), facecolor=colour)
        finals = _finals(report, person, place, bottom)
        axes.plot(*finals, "o", color=colour, markersize=3.5 if len(finals[0]) < 60 else 1.5)
        axes.axhline(bottom, color="#DDDDDD", linewidth=0.5, zorder=0)
        threshold = report.hello.thresholds.get(person.labels[place])
        if threshold is not None:
            axes.axhline(bottom + threshold, color=QUIET, linewidth=0.5, linestyle=(0, (1, 3)))
    axes.set(xlim=(0, end_s), ylim=(-0.1, PITCH * len(bottoms)))
    axes.set_xticks([])
    axes.set_yticks([bottom + 0.4 for bottom in bottoms], [_short(label) for label in person.labels])


def _rows(axes: Axes, series: Series, report: Report, person: Person, end_s: float) -> None:
    names = ("speech", "evidence", *MODALITIES)
    said = [s for s in report.speech.values() if s.person == person.name]
    axes.broken_barh([(s.t0_s, s.t1_s - s.t0_s) for s in said], (4.1, 0.75), facecolor=PRESENT)
    enough = np.column_stack([1 - series.abstained, series.used])
    for row, shares in enumerate(enough.T):
        y = (3.1 - row, 0.75)
        axes.broken_barh(_stretches(series.filled & (shares >= 0.5), series), y, facecolor=USED)
        axes.broken_barh(
            _stretches(series.filled & (shares < 0.5), series), y, facecolor="white", edgecolor="#9A9A9A",
            hatch="//////" if row else "......", linewidth=0,
        )  # fmt: skip
    marks = [mark.t_s for mark in report.marks]
    axes.plot(marks, [4.5] * len(marks), "|", color=INK, markersize=5)
    axes.set(xlim=(0, end_s), ylim=(0, 5))
    axes.set_yticks([len(names) - 0.5 - row for row in range(len(names))], names)
    axes.tick_params(axis="y", labelsize=5, labelcolor=QUIET)
    places = ticks(end_s, 12)
    axes.set_xticks(places, [clock(t_s) for t_s in places])


def _bars(axes: Axes, report: Report, person: Person) -> None:
    """Shares of the time in which each label is present, beside its lane."""
    time = person.rolling
    for place, bottom in enumerate(_bottoms(person)):
        share = time.share(time.present[place])
        axes.barh(bottom + 0.4, 1.0, 0.55, color="#F0F2F4")
        axes.barh(bottom + 0.4, share, 0.55, color=_colour(report, place))
        finals = int(person.finals.counts[place])
        text = (
            f"{percent(share)}   {finals} of {person.finals.count}" if person.finals.count else percent(share)
        )
        axes.text(1.03, bottom + 0.4, text, va="center", fontsize=6.5, color=INK)
    axes.set(xlim=(0, 1.35), ylim=(-0.1, PITCH * len(person.labels)))
    axes.set_axis_off()
    none, thin = (percent(time.share(weight)) for weight in (time.none, time.abstained))
    rest = f"no label {none}, not enough evidence {thin}"
    axes.text(0, -0.12, rest, fontsize=6.5, color=INK, va="top")
    title = "share of the time; final estimates" if person.finals.count else "share of the time"
    axes.set_title(title, loc="left", fontsize=7, color=QUIET, pad=3)


def _finals(report: Report, person: Person, place: int, bottom: float) -> tuple[list[float], list[float]]:
    """Times and heights of the final estimates in which a label is present."""
    found = [
        (speech.t1_s, bottom + (probability or 0.0))
        for speech in report.speech.values()
        if speech.person == person.name and speech.verdict is not None
        for label, probability in speech.verdict.labels
        if label == person.labels[place]
    ]
    return [t_s for t_s, _ in found], [height for _, height in found]


def _bottoms(person: Person) -> list[float]:
    return [PITCH * (len(person.labels) - 1 - place) for place in range(len(person.labels))]


def _colour(report: Report, place: int) -> str:
    return COLOURS.get(report.hello.labels[place], FALLBACK[place % len(FALLBACK)])


def _short(label: str) -> str:
    return textwrap.shorten(label, 16, placeholder="…").replace("$", r"\$")


def _stretches(mask: NDArray[np.bool_], series: Series) -> list[tuple[float, float]]:
    return [(a * series.step_s, (b - a) * series.step_s) for a, b in runs(mask)]
