"""Notices that the machine slept or that the wall clock was set, from two clocks read together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SLEPT_S: Final = 2.0
_SET_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ClockJump:
    """What happened since the last look.

    Attributes:
        silent_s: how long nobody looked, if that was unusually long; the machine slept, or the reader
            was held up: who has data from that time was awake.
        set_s: by how much the wall clock moved against the steady one: it was set, or the steady clock stood
            still while the machine slept. Stream time does not depend on it.
    """

    silent_s: float
    set_s: float


class ClockJumpDetector:
    """Compares a steady and a wall clock. Look often."""

    def __init__(self) -> None:
        self._steady_s: float | None = None
        self._distance_s = 0.0

    def look(self, steady_s: float, wall_s: float) -> ClockJump | None:
        """What happened since the last look, or None."""
        before_s, self._steady_s = self._steady_s, steady_s
        distance_s, self._distance_s = self._distance_s, wall_s - steady_s
        if before_s is None:
            return None
        silent_s = steady_s - before_s
        set_s = self._distance_s - distance_s
        jump = ClockJump(silent_s if silent_s > _SLEPT_S else 0.0, set_s if abs(set_s) > _SET_S else 0.0)
        return jump if jump.silent_s or jump.set_s else None
