"""The timeline of one person as an SVG that fills its place: a lane for each label, and rows below.

Lanes and rows have fixed heights, times are percentages, so that letters and shapes keep their form whatever
the width; only the curves are stretched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from realtime.report.markup import node
from realtime.report.person import Person, Series
from realtime.report.reading import Report, Speech
from realtime.report.rows import (
    APART,
    ROW_PX,
    ROWS,
    WIDE,
    Span,
    noted_moments,
    sign_at,
    signs,
    speech_row,
    state_rows,
)
from realtime.report.signs import glyph, hue, names
from realtime.report.wording import clock, percent, ticks
from realtime.sinks.downsampled_series import runs

LANE_PX: Final = 38
AXIS_PX: Final = 20
TALL: Final = 100
"""Height of the box in which the curves of a lane are drawn before they are stretched."""

Floats = NDArray[np.float32]


def timeline(report: Report, person: Person, max_bins: int) -> Element:
    """The names of the lanes, and the picture."""
    series = person.series(max_bins)
    span = Span(max(report.end_s, 1.0))
    said = [speech for speech in report.speech.values() if speech.person == person.name]
    picture: list[Element] = [*_grid(span, len(person.labels))]
    for place, label in enumerate(person.labels):
        lane = _lane(series, place, span, report.hello.thresholds.get(label))
        top = place * LANE_PX
        picture.append(
            node("g", lane, *_finals(said, label, person, span, top), class_=hue(label, person.labels))
        )
    top = len(person.labels) * LANE_PX + 4
    picture.append(speech_row(said, span, top))
    picture += state_rows(series, span, top + ROW_PX)
    noted = list(noted_moments(report, said))
    if noted:
        picture += signs(noted, span, top + len(ROWS) * ROW_PX)
    rows = [*ROWS, "noted"] if noted else [*ROWS]
    bottom = top + len(rows) * ROW_PX
    picture += _axis(span, bottom)
    height = bottom + AXIS_PX
    drawn = node(
        "svg", *picture, class_="plot", role="img", aria_label=told(person), width="100%", height=height
    )
    return node("div", _names(report, person, rows), drawn, class_="timeline")


def told(person: Person) -> str:
    """The picture in a sentence."""
    rolling = person.rolling
    ranked = sorted(zip(rolling.present, person.labels, strict=True), reverse=True)
    most = [f"{label} {percent(rolling.share(weight))}" for weight, label in ranked[:3] if weight > 0]
    return (
        f"Timeline of {person.name}: the probability of each label over time. Present most of the time: "
        f"{', '.join(most) or 'no label'}. Not enough evidence: "
        f"{percent(rolling.share(rolling.abstained))} of the time. The tables below have the numbers."
    )


def _names(report: Report, person: Person, rows: Sequence[str]) -> Element:
    lanes = []
    for label in person.labels:
        threshold = report.hello.thresholds.get(label)
        least = None if threshold is None else node("small", f"≥ {percent(threshold)}")
        lanes.append(node("li", glyph(label, person.labels), node("span", label), least, class_="lane"))
    below = [node("li", row, class_="row") for row in rows]
    return node("ul", *lanes, *below, class_="names", aria_hidden="true")


def _grid(span: Span, lanes: int) -> Iterator[Element]:
    for t_s in ticks(span.end_s, 6):
        yield node("line", x1=span.at(t_s), x2=span.at(t_s), y1=0, y2=lanes * LANE_PX, class_="grid")


def _lane(series: Series, place: int, span: Span, threshold: float | None) -> Element:
    """Band, curve and feet of one label, in a box that is stretched to the width."""
    whole = runs(series.filled)
    thin = series.abstained >= 0.5
    draw = _Pen(series.step_s, span)
    band = "".join(draw.area(a, b, series.lowest[:, place], series.highest[:, place]) for a, b in whole)
    peaks = ""
    if (
        float(np.max(series.high[series.filled, place] - series.low[series.filled, place], initial=0.0))
        > 0.01
    ):
        peaks = "".join(draw.area(a, b, series.low[:, place], series.high[:, place]) for a, b in whole)
    sure, unsure = (
        "".join(draw.line(a, b, series.mean[:, place]) for a, b in runs(series.filled & mask))
        for mask in (~thin, thin)
    )
    feet = "".join(draw.foot(a, b) for a, b in runs(series.filled & (series.active[:, place] >= 0.5)))
    paths = {"band": band, "peaks": peaks, "line": sure, "line thin": unsure, "foot": feet}
    rule = None if threshold is None else node(
        "line", x1=0, x2=WIDE, y1=_y(threshold), y2=_y(threshold), class_="threshold"
    )  # fmt: skip
    base = node("line", x1=0, x2=WIDE, y1=TALL, y2=TALL, class_="base")
    return node(
        "svg", base, rule, *(node("path", d=d, class_=kind) for kind, d in paths.items() if d),
        y=place * LANE_PX + 3, width="100%", height=LANE_PX - 4,
        attributes={"viewBox": f"0 0 {WIDE} {TALL}", "preserveAspectRatio": "none"},
    )  # fmt: skip


class _Pen:
    """Writes paths: whole tenths, each point relative to the one before it, because that is short."""

    def __init__(self, step_s: float, span: Span) -> None:
        self._step = step_s / span.end_s * WIDE

    def line(self, first: int, after: int, values: Floats) -> str:
        return _path(self._points(first, after, values))

    def area(self, first: int, after: int, low: Floats, high: Floats) -> str:
        back = self._points(first, after, high)
        return _path([*self._points(first, after, low), *reversed(back)]) + "z"

    def foot(self, first: int, after: int) -> str:
        left, right = (round(min(index * self._step, WIDE), 1) for index in (first, after))
        return f"M{left:g} {TALL - 10}H{right:g}V{TALL}H{left:g}z"

    def _points(self, first: int, after: int, values: Floats) -> list[tuple[float, float]]:
        places = [first, *(np.arange(first, after) + 0.5), after]
        heights = [values[first], *values[first:after], values[after - 1]]
        return [(min(x * self._step, WIDE), _y(float(v))) for x, v in zip(places, heights, strict=True)]


def _path(points: Iterable[tuple[float, float]]) -> str:
    tenths = [(round(10 * x), round(y)) for x, y in points]
    (x, y), *rest = tenths
    text = [f"M{x / 10:g} {y}"]
    for before, now in zip(tenths, rest, strict=False):
        x, y = now[0] - before[0], now[1] - before[1]
        text.append(f"l{x / 10:g}{'' if y < 0 else ' '}{y}")
    return "".join(text)


def _y(value: float) -> float:
    return round(TALL * (1 - min(max(value, 0.0), 1.0)), 1)


def _finals(said: Iterable[Speech], label: str, person: Person, span: Span, top: int) -> Iterator[Element]:
    """The label's shape where a final estimate says that it is present."""
    after = -1.0
    for speech in sorted(said, key=lambda speech: speech.t1_s):
        found = dict(speech.verdict.labels) if speech.verdict else {}
        if label in found and span.part(speech.t1_s) >= after:
            height = top + 3 + (LANE_PX - 4) * _y(found[label] or 0.0) / TALL
            yield sign_at(names(person.labels)[label], span.at(speech.t1_s), height, "final")
            after = span.part(speech.t1_s) + APART


def _axis(span: Span, top: int) -> Iterator[Element]:
    yield node("line", x1=0, x2="100%", y1=top + 2, y2=top + 2, class_="base")
    for t_s in ticks(span.end_s, 6):
        place = span.part(t_s)
        anchor = "start" if place < 0.04 else "end" if place > 0.95 else "middle"
        yield node(
            "text", clock(t_s), x=span.at(t_s), y=top + AXIS_PX - 4, attributes={"text-anchor": anchor}
        )
