"""Where work orders are written: numbered, dated, and expected back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.config import EngineConfig
from core.engine.load_shedding import ComputeBudget
from core.engine.timeline import Timeline, microseconds
from core.policy import Policy, policy_of
from core.work import Payload, Work, WorkKind


@dataclass(slots=True)
class Scheduler:
    """Issues orders and keeps what has not been handed out yet.

    Everything that is ever computed is ordered here, so here is refused what the run's purpose withholds.
    Stages do not ask: they order what `budget` leaves them.

    Attributes:
        config: how much stream time each kind of work is given.
        timeline: told what to expect.
        policy: what may never be ordered, by the purpose in `config`.
        issued: orders since the last `collect`.
        left_out: how often something was not ordered because the one before it was not answered yet.
    """

    config: EngineConfig
    timeline: Timeline
    policy: Policy = field(init=False)
    issued: list[Work] = field(default_factory=list)
    left_out: dict[WorkKind, int] = field(default_factory=dict)
    _budget: ComputeBudget = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.policy = policy_of(self.config.purpose)
        self.budget = ComputeBudget()

    @property
    def budget(self) -> ComputeBudget:
        """What may be ordered at present: what the machine is able to do, less what is withheld."""
        return self._budget

    @budget.setter
    def budget(self, able: ComputeBudget) -> None:
        allows = self.policy.allows
        self._budget = replace(
            able, faces=able.faces and allows("visual"), voices=able.voices and allows("audio")
        )

    def submit(self, kind: WorkKind, payload: Payload, now_s: float) -> int:
        """Ask for `payload` to be computed; returns the order's id.

        Raises:
            PolicyError: it is withheld. A stage that comes here with it has a defect, and goes no further.
        """
        self.policy.check(kind, payload)
        self._count += 1
        due_s = now_s + self.config.latency_s.of(kind)
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
