"""The rows below a person's curves: speech, evidence, modalities, and what was noted.

All stretches of one kind in a row are one path: a run of hours has thousands of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from core.labels import MODALITIES
from realtime.report.markup import node
from realtime.report.person import Series
from realtime.report.reading import Report, Speech
from realtime.sinks.downsampled_series import runs

WIDE: Final = 1000
"""Width of the boxes in which curves and rows are drawn before they are stretched."""


class Span:
    """The time that a picture shows, from 0 to `end_s` > 0."""

    def __init__(self, end_s: float) -> None:
        self.end_s = end_s

    def at(self, t_s: float) -> str:
        """The place of a time."""
        return f"{100 * self.part(t_s):.2f}%"

    def part(self, t_s: float) -> float:
        """The same as a share of the width."""
        return min(max(t_s / self.end_s, 0.0), 1.0)

    def across(self, t_s: float) -> float:
        """The place of a time in a box of `WIDE`."""
        return round(WIDE * self.part(t_s), 1)


ROW_PX: Final = 14
GLYPH_PX: Final = 11
APART: Final = 0.008
"""Signs closer together than this share of the width would lie on each other."""
ROWS: Final = ("speech", "evidence", *MODALITIES)

_TALL: Final = ROW_PX - 4


def speech_row(said: Iterable[Speech], span: Span, top: int) -> Element:
    """When the person spoke."""
    return _row({"speech": [(speech.t0_s, speech.t1_s) for speech in said]}, span, top)


def state_rows(series: Series, span: Span, top: int) -> Iterator[Element]:
    """Where there was enough evidence, and where each modality was used or missing."""
    there = np.column_stack([1 - series.abstained, series.used])
    for row, shares in enumerate(there.T):
        masks = {"used": shares >= 0.5, "missing" if row else "thin": shares < 0.5}
        stretches = {
            kind: [(a * series.step_s, b * series.step_s) for a, b in runs(series.filled & mask)]
            for kind, mask in masks.items()
        }
        yield _row(stretches, span, top + row * ROW_PX)


def _row(stretches: dict[str, list[tuple[float, float]]], span: Span, top: int) -> Element:
    """Stretches of time of each kind, in a box that is stretched to the width."""
    paths = []
    for kind, times in stretches.items():
        boxes = []
        for t0_s, t1_s in sorted(times):
            left = span.across(t0_s)
            boxes.append(f"M{left:g} 0H{max(span.across(t1_s), left + 1):g}V{_TALL}H{left:g}z")
        if boxes:
            paths.append(node("path", d="".join(boxes), class_=kind))
    return node(
        "svg", *paths, y=top + 2, width="100%", height=_TALL,
        attributes={"viewBox": f"0 0 {WIDE} {_TALL}", "preserveAspectRatio": "none"},
    )  # fmt: skip


def noted_moments(report: Report, said: Iterable[Speech]) -> Iterator[tuple[float, str]]:
    """Marks, corrections of what one person said, and warnings: when, and of what kind."""
    for mark in report.marks:
        yield mark.t_s, "mark"
    for speech in said:
        if speech.corrections:
            yield speech.t1_s, "wrong"
    for status in report.statuses:
        if status.level != "info":
            yield status.t_s, "warning"


def signs(noted: Iterable[tuple[float, str]], span: Span, top: int) -> Iterator[Element]:
    """Their shapes; those of a kind that would lie on each other are one."""
    after: dict[str, float] = {}
    for t_s, kind in sorted(noted):
        if span.part(t_s) >= after.get(kind, -1.0):
            yield sign_at(kind, span.at(t_s), top + ROW_PX / 2, kind)
            after[kind] = span.part(t_s) + APART


def sign_at(name: str, x: str, y: float, kind: str) -> Element:
    """A shape of the store, its middle at a place."""
    return node(
        "use", href=f"#{name}", x=x, y=f"{y:g}", width=GLYPH_PX, height=GLYPH_PX, class_=f"sign {kind}"
    )
