"""Where work orders are written: numbered, dated, and expected back."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.config import EngineConfig
from core.stages.load_ladder import Effort
from core.timeline import Timeline, microseconds
from core.work import Payload, Work, WorkKind


@dataclass(slots=True)
class OrderDesk:
    """Issues orders and keeps what has not been handed out yet.

    Attributes:
        config: how much stream time each kind of work is given.
        timeline: told what to expect.
        effort: what may be ordered at present.
        issued: orders since the last `collect`.
        left_out: how often something was not ordered because the one before it was not answered yet.
    """

    config: EngineConfig
    timeline: Timeline
    effort: Effort = field(default_factory=Effort)
    issued: list[Work] = field(default_factory=list)
    left_out: dict[WorkKind, int] = field(default_factory=dict)
    _count: int = 0

    def order(self, kind: WorkKind, payload: Payload, now_s: float) -> int:
        """Ask for `payload` to be computed; returns the order's id."""
        self._count += 1
        due_s = now_s + self.config.latency_s[kind]
        self.timeline.expect(self._count, microseconds(due_s))
        self.issued.append(Work(self._count, kind, payload, now_s, due_s))
        return self._count

    def congested(self, kind: WorkKind, *, outstanding: bool) -> bool:
        """Whether to leave this one out: live, the newest counts, and nothing may pile up behind the last.

        In a deterministic run time waits for the answers, so nothing is left out.
        """
        if self.config.deterministic or not outstanding:
            return False
        self.left_out[kind] = self.left_out.get(kind, 0) + 1
        return True

    def collect(self) -> list[Work]:
        """Hand out what was issued since the last call."""
        issued, self.issued = self.issued, []
        return issued
