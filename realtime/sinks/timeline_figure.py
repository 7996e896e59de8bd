"""The drawing of `timeline.png`.

Per person: one row per label (area = probability, strong where it is above its threshold), the utterances
with their words, and the modalities (hatched where one was missing).
"""

from __future__ import annotations

import io
import textwrap
import warnings
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from core.labels import MODALITIES
from realtime.sinks.base import purpose_text
from realtime.sinks.downsampled_series import runs
from realtime.summary.wording import natural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from realtime.sinks.timeline_data import Speech, TimelineData

Array = NDArray[np.float64]

# Okabe and Ito's palette, which people with colour blindness can tell apart; the same as on the page.
COLOURS: Final = {
    "anger": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happiness": "#E69F00",
    "sadness": "#0072B2",
    "surprise": "#56B4E9",
    "neutral": "#7A7A7A",
}
FALLBACK: Final = tuple(COLOURS.values())

MAX_PEOPLE: Final = 12
ROW_PITCH: Final = 1.25
CHARACTER_IN: Final = 0.062
"""Mean width of a character at the size of the words, in inches."""
INK: Final = "#222222"
QUIET: Final = "#8A8A8A"


def png(data: TimelineData) -> bytes:
    """Draw the data."""
    people, others = shown_people(data)
    end_s = data.end_s
    width_in = float(np.clip(9.0 + end_s / 40.0, 12.0, 26.0))
    panel_in = 0.3 * len(data.hello.labels) + 1.5
    height_in = 1.5 + max(len(people), 1) * panel_in
    figure = Figure(figsize=(width_in, height_in), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    _head(figure, data, others, height_in)
    grid = figure.add_gridspec(
        max(len(people), 1), 1, left=1.25 / width_in, right=1 - 0.35 / width_in,
        top=1 - 0.95 / height_in, bottom=0.5 / height_in, hspace=0.16,
    )  # fmt: skip
    for index, person in enumerate(people):
        _person(figure, grid[index], data, person, end_s, last=index == len(people) - 1)
    if not people:
        figure.text(0.5, 0.4, "No one was seen or heard in this run.", ha="center", color=QUIET)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def shown_people(data: TimelineData) -> tuple[list[str], list[str]]:
    """Those who are drawn, in natural order, and the others. Who speaks comes before who is only seen."""
    spoken_s: dict[str, float] = {}
    for speech in data.speech.values():
        spoken_s[speech.person] = spoken_s.get(speech.person, 0.0) + speech.t1_s - speech.t0_s
    everybody = dict.fromkeys([*spoken_s, *data.curves])
    seen = {person: curve.number for person, curve in data.curves.items()}
    ranked = sorted(everybody, key=lambda p: (-spoken_s.get(p, 0.0), -seen.get(p, 0)))
    return sorted(ranked[:MAX_PEOPLE], key=natural), sorted(ranked[MAX_PEOPLE:], key=natural)


def _head(figure: Figure, data: TimelineData, others: list[str], height_in: float) -> None:
    hello = data.hello
    left = 0.15 / figure.get_size_inches()[0]
    top = 1 - 0.32 / height_in
    title = f"{hello.source}    checkpoint {hello.model.name}    Whisper {hello.whisper}"
    title += f"    {purpose_text(hello)}"
    if others:
        title += textwrap.shorten(f"    not shown: {', '.join(others)}", 80, placeholder="…")
    figure.text(left, top, title, fontsize=12, color=INK, weight="bold", parse_math=False)
    handles = [
        Patch(facecolor=QUIET, alpha=0.3, label="probability"),
        Patch(facecolor=QUIET, label="above its threshold (dotted)"),
        Patch(facecolor="#C9D6DF", label="utterance, with its final labels and words"),
        Patch(facecolor="#E4E9EC", label="modality used"),
        Patch(facecolor="white", edgecolor="#9A9A9A", hatch="////", label="modality missing"),
    ]
    if data.warning_times_s:
        handles.append(Patch(facecolor="#B00020", label="warning"))
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(left, 1 - 0.42 / height_in), ncol=len(handles),
        frameon=False, fontsize=8, borderaxespad=0, handlelength=1.6, columnspacing=1.6,
    )  # fmt: skip


def _person(figure: Figure, slot: Any, data: TimelineData, person: str, end_s: float, *, last: bool) -> None:  # noqa: ANN401
    rows = slot.subgridspec(3, 1, height_ratios=[0.3 * len(data.hello.labels), 0.62, 0.36], hspace=0.06)
    curves, words, presence = (figure.add_subplot(rows[i]) for i in range(3))
    for axes in (curves, words, presence):
        axes.set_xlim(0, end_s)
        axes.tick_params(length=0, labelsize=8, labelcolor=INK, labelbottom=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    across = curves.get_xaxis_transform()
    curves.vlines(data.warning_times_s, 0, 1, transform=across, color="#B00020", linewidth=0.8)
    curves.set_title(person, loc="left", fontsize=10, weight="bold", color=INK, pad=3)
    if person in data.curves:
        times_s, probabilities, present = data.curves[person].points()
        _curves(curves, times_s, probabilities, data)
        _presence(presence, times_s, present)
    else:
        curves.set_yticks([])
        presence.set_yticks([])
    spoken = [speech for speech in data.speech.values() if speech.person == person]
    _words(words, spoken, end_s, figure.get_size_inches()[0] - 1.6)
    if last:
        presence.tick_params(labelbottom=True)
    presence.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 1.5, 2, 3, 6, 10], integer=True))
    presence.xaxis.set_major_formatter(FuncFormatter(lambda t_s, _: f"{int(t_s) // 60}:{int(t_s) % 60:02d}"))


def _curves(axes: Axes, times_s: Array, probabilities: Array, data: TimelineData) -> None:
    labels = data.hello.labels
    bottoms = [ROW_PITCH * (len(labels) - 1 - row) for row in range(len(labels))]
    for row, (label, bottom) in enumerate(zip(labels, bottoms, strict=True)):
        values = probabilities[:, row]
        threshold = data.hello.thresholds.get(label, 0.5)
        colour = COLOURS.get(label, FALLBACK[row % len(FALLBACK)])
        axes.fill_between(times_s, bottom, bottom + values, color=colour, alpha=0.28, linewidth=0)
        strong = np.where(values >= threshold, values, np.nan)
        axes.fill_between(times_s, bottom, bottom + strong, color=colour, alpha=0.95, linewidth=0)
        axes.plot(times_s, bottom + values, color=colour, linewidth=0.9)
        axes.axhline(bottom, color="#D8D8D8", linewidth=0.6, zorder=0)
        axes.axhline(bottom + threshold, color=QUIET, linewidth=0.6, linestyle=(0, (1, 3)))
    axes.set_ylim(-0.05, bottoms[0] + 1.1)
    axes.set_yticks([bottom + 0.4 for bottom in bottoms], labels)


def _presence(axes: Axes, times_s: Array, present: Array) -> None:
    step_s = float(times_s[1] - times_s[0])
    axes.set_ylim(0, len(MODALITIES))
    for row, shares in enumerate(present.T):
        y = len(MODALITIES) - 1 - row + 0.12
        used, missing = shares >= 0.5, shares < 0.5
        axes.broken_barh(_spans(used, times_s, step_s), (y, 0.76), facecolor="#E4E9EC")
        axes.broken_barh(
            _spans(missing, times_s, step_s), (y, 0.76), facecolor="white", edgecolor="#9A9A9A",
            hatch="//////", linewidth=0,
        )  # fmt: skip
    axes.set_yticks([len(MODALITIES) - 0.5 - row for row in range(len(MODALITIES))], MODALITIES)
    axes.tick_params(axis="y", labelsize=6.5, labelcolor=QUIET)


def _spans(mask: NDArray[np.bool_], times_s: Array, step_s: float) -> list[tuple[float, float]]:
    """(start, length) in seconds of every stretch where `mask` holds; a point ends its step."""
    return [(float(times_s[a]) - step_s, (b - a) * step_s) for a, b in runs(mask)]


def _words(axes: Axes, spoken: list[Speech], end_s: float, width_in: float) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([0.8], ["speech"])
    axes.tick_params(axis="y", labelsize=7, labelcolor=QUIET)
    axes.broken_barh([(s.t0_s, s.t1_s - s.t0_s) for s in spoken], (0.64, 0.32), facecolor="#C9D6DF")
    spoken = sorted(spoken, key=lambda speech: speech.t0_s)
    for speech, following in zip_longest(spoken, spoken[1:]):
        room_s = (following.t0_s if following else end_s) - speech.t0_s
        columns = int(room_s / end_s * width_in / CHARACTER_IN) - 1
        if columns < 6:
            continue  # a word would not fit; the events and the transcript have them all
        labels = textwrap.shorten(", ".join(speech.labels), columns, placeholder="…")
        lines = textwrap.wrap(speech.text, columns, max_lines=2, placeholder="…")
        style: dict[str, Any] = {"fontsize": 7.5, "color": INK, "parse_math": False, "clip_on": True}
        axes.text(speech.t0_s, 0.8, f" {labels}", va="center", **style)
        axes.text(speech.t0_s, 0.58, "\n".join(lines), va="top", linespacing=1.05, **style)
