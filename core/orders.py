"""Where work orders are written: numbered, dated, and expected back."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.config import EngineConfig
from core.timeline import Timeline, microseconds
from core.work import Payload, Work, WorkKind


@dataclass(slots=True)
class OrderDesk:
    """Issues orders and keeps what has not been handed out yet.

    Attributes:
        config: how much stream time each kind of work is given.
        timeline: told what to expect.
        issued: orders since the last `collect`.
    """

    config: EngineConfig
    timeline: Timeline
    issued: list[Work] = field(default_factory=list)
    _count: int = 0

    def order(self, kind: WorkKind, payload: Payload, now_s: float) -> int:
        """Ask for `payload` to be computed; returns the order's id."""
        self._count += 1
        due_s = now_s + self.config.latency_s[kind]
        self.timeline.expect(self._count, microseconds(due_s))
        self.issued.append(Work(self._count, kind, payload, now_s, due_s))
        return self._count

    def collect(self) -> list[Work]:
        """Hand out what was issued since the last call."""
        issued, self.issued = self.issued, []
        return issued
