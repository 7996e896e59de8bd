"""Repeated faults, said seldom: a broken worker must not fill the feed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class FaultLimiter:
    """Lets one fault of a kind through in `every_s`, and counts those in between.

    Attributes:
        every_s: stream seconds between two messages of one kind.
    """

    every_s: float = 10.0
    _said: dict[str, tuple[float, int]] = field(default_factory=dict)

    def admit(self, kind: str, reason: str, t_s: float) -> str | None:
        """What to say of a fault now, or None. It tells how many of its kind were left unsaid."""
        last_s, unsaid = self._said.get(kind, (float("-inf"), 0))
        if t_s - last_s < self.every_s:
            self._said[kind] = (last_s, unsaid + 1)
            return None
        self._said[kind] = (t_s, 0)
        return reason if unsaid == 0 else f"{reason} ({unsaid} more since the last message)"
