"""When an engine that has failed is started again."""

from __future__ import annotations

from typing import Final

PAUSES_S: Final = (1.0, 2.0, 4.0)
WELL_S: Final = 60.0
"""An engine that has run for so long was well: what fails now is something new."""


class Backoff:
    """Counts failures in a row.

    Args:
        pauses_s: before the first, second... attempt; after the last it is given up.
    """

    def __init__(self, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._failures = 0

    def reset(self) -> None:
        """Somebody has started it by hand."""
        self._failures = 0

    def pause_s(self, ran_s: float) -> float | None:
        """It has failed after `ran_s`: how long to wait before it is started again; None = it is given up."""
        if ran_s >= WELL_S:
            self._failures = 0
        self._failures += 1
        return self._pauses_s[self._failures - 1] if self._failures <= len(self._pauses_s) else None
