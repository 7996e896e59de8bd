"""Every job is numbered, dated and checked by the scheduler, which knows whose it is until it is done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.config import EngineConfig
from core.engine.estimator import EstimateRequest
from core.engine.load_shedding import ComputeBudget
from core.engine.timeline import Timeline, microseconds
from core.engine.utterance import Utterance
from core.policy import Policy, policy_of
from core.work import Payload, Work, WorkKind


@dataclass(frozen=True, slots=True, eq=False)
class SpeechOwner:
    """A job of an audio stream, for one of its utterances."""

    stream: str
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class VoiceOwner:
    """A job of an audio stream, for telling its speakers apart."""

    stream: str


@dataclass(frozen=True, slots=True)
class VisionOwner:
    """A job of a video stream, for a picture of `size` = (width, height) pixels."""

    stream: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class EstimationOwner:
    """A job of the fusion network: what its windows are for, one request each."""

    requests: tuple[EstimateRequest, ...]

    @property
    def rolling(self) -> bool:
        """Whether it is about a hop, not about an utterance that has ended."""
        return not any(request.final for request in self.requests)


Owner = SpeechOwner | VoiceOwner | VisionOwner | EstimationOwner


@dataclass(slots=True)
class Scheduler:
    """Submits jobs and keeps those that have not been handed out yet.

    Everything that is ever computed is submitted here, so here is refused what the run's purpose withholds.
    Stages need not ask: they submit what `budget` leaves them.

    Attributes:
        config: how much stream time each kind of work is given.
        timeline: told which results to expect.
        policy: what may never be computed, by the purpose in `config`.
        issued: jobs since the last `collect`.
        left_out: how often something was not submitted because the one before it was not done yet.
        owners: id of each outstanding job -> kind, and whose it is.
    """

    config: EngineConfig
    timeline: Timeline
    policy: Policy = field(init=False)
    issued: list[Work] = field(default_factory=list)
    left_out: dict[WorkKind, int] = field(default_factory=dict)
    owners: dict[int, tuple[WorkKind, Owner]] = field(default_factory=dict)
    _budget: ComputeBudget = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        self.policy = policy_of(self.config.purpose)
        self.budget = ComputeBudget()

    @property
    def budget(self) -> ComputeBudget:
        """What may be submitted at present: what the machine is able to do, less what is withheld."""
        return self._budget

    @budget.setter
    def budget(self, able: ComputeBudget) -> None:
        allows = self.policy.allows
        self._budget = replace(
            able,
            faces=able.faces and allows("visual"),
            voices=able.voices and allows("audio"),
            speakers=able.speakers and allows("audio"),
        )

    def submit(self, kind: WorkKind, payload: Payload, now_s: float, owner: Owner) -> int:
        """Have `payload` computed.

        Args:
            kind: which worker.
            payload: what to compute on.
            now_s: stream time.
            owner: who takes the result in.

        Returns:
            The job's id.

        Raises:
            PolicyError: it is withheld. A stage that comes here with it has a defect, and goes no further.
        """
        self.policy.check(kind, payload)
        self._count += 1
        due_s = now_s + self.config.latency_s.of(kind)
        self.timeline.expect(self._count, microseconds(due_s))
        self.owners[self._count] = (kind, owner)
        self.issued.append(Work(self._count, kind, payload, now_s, due_s))
        return self._count

    def release(self, work_id: int) -> tuple[WorkKind, Owner]:
        """A job is done: its kind, and whose it was. Raises KeyError when no such job is outstanding."""
        return self.owners.pop(work_id)

    def outstanding(self, kind: WorkKind, stream: str | None = None) -> bool:
        """Whether a job of a kind is under way: of one video stream, or a rolling one where none is named."""
        return any(
            known == kind
            and (
                isinstance(owner, VisionOwner) and owner.stream == stream
                if stream is not None
                else isinstance(owner, EstimationOwner) and owner.rolling
            )
            for known, owner in self.owners.values()
        )

    def congested(self, kind: WorkKind, stream: str | None = None) -> bool:
        """Whether to leave a job out: live, the newest counts, and nothing may pile up behind the last.

        In a deterministic run time waits for the results, so nothing is left out.

        Args:
            kind: of the job, "faces", "encode_visual" or "fuse".
            stream: the video stream; None for rolling estimates.
        """
        if self.config.deterministic or not self.outstanding(kind, stream):
            return False
        self.left_out[kind] = self.left_out.get(kind, 0) + 1
        return True

    def collect(self) -> list[Work]:
        """Hand out what was issued since the last call."""
        issued, self.issued = self.issued, []
        return issued
