"""The time that a timeline shows, and where in it a moment lies."""

from __future__ import annotations

from typing import Final

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
