"""The load ladder: what is left out when the machine cannot keep up, decided by the age of what waits.

A session measures how old the oldest unanswered order of each lane is. While one is older than its limit, the
ladder goes down step by step; when all have been young for long enough, it goes up again. A step up that does
not last makes the next one wait twice as long, so the ladder cannot swing to and fro. Audio is heard, and
final estimates are made, on every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from core.config import EngineConfig, LoadConfig
from core.events import StreamInfo
from core.policy import Policy


class LoadStep(IntEnum):
    """The steps, downwards. Each leaves out what it says and all that the steps above it leave out."""

    FULL = 0
    FEWER_FACES = 1
    NO_PARTIALS = 2
    SMALL_WHISPER = 3
    NO_TEXT = 4
    AUDIO_ONLY = 5

    @property
    def label(self) -> str:
        """The step's name in messages: "full", "fewer_faces", ..."""
        return self.name.lower()


MEANING: Final[Mapping[LoadStep, str]] = {
    LoadStep.FULL: "everything is computed",
    LoadStep.FEWER_FACES: "faces are looked for less often",
    LoadStep.NO_PARTIALS: "words come when an utterance has ended",
    LoadStep.SMALL_WHISPER: "words come from a smaller recogniser",
    LoadStep.NO_TEXT: "no words are recognised, speakers are not told apart",
    LoadStep.AUDIO_ONLY: "voices are heard, faces are not looked for",
}
"""What each step means, for people."""


@dataclass(frozen=True, slots=True)
class ComputeBudget:
    """What is computed on one step.

    Attributes:
        face_share: part of the configured face rate, in (0, 1].
        partials: words before an utterance has ended.
        small_whisper: the smaller recogniser.
        text: words at all.
        faces: faces at all.
        voices: how something is said; on every step, but not for every purpose (`core.policy`).
        speakers: who speaks, by the sound of the voice; not for every purpose either.
    """

    face_share: float = 1.0
    partials: bool = True
    small_whisper: bool = False
    text: bool = True
    faces: bool = True
    voices: bool = True
    speakers: bool = True

    @classmethod
    def of(cls, step: LoadStep) -> ComputeBudget:
        """What is computed on `step`."""
        return cls(
            face_share=1.0 if step < LoadStep.FEWER_FACES else 0.4,
            partials=step < LoadStep.NO_PARTIALS,
            small_whisper=step >= LoadStep.SMALL_WHISPER,
            text=step < LoadStep.NO_TEXT,
            faces=step < LoadStep.AUDIO_ONLY,
            speakers=step < LoadStep.NO_TEXT,
        )


@dataclass(frozen=True, slots=True)
class QueueAges:
    """How old the oldest thing is that waits in each queue: an input of the engine.

    Attributes:
        t_s: stream time of the measurement.
        ages_s: queue ("words", "sight", "sound", "input", "capture") -> seconds since its oldest entry
            came; empty: 0.
    """

    t_s: float
    ages_s: dict[str, float]


@dataclass(slots=True)
class LoadShedder:
    """Decides the step. All of it is state: copy it deeply to snapshot it.

    Attributes:
        config: limits and times.
        steps: the steps that make a difference in this run, downwards; the first is FULL.
        patience_s: how long all queues must be young before the next step up.
    """

    config: LoadConfig
    steps: tuple[LoadStep, ...] = tuple(LoadStep)
    patience_s: float = field(init=False)
    _at: int = 0
    _over_since_s: float | None = None
    _calm_since_s: float | None = None
    _changed_s: float = float("-inf")
    _raised_s: float | None = None

    def __post_init__(self) -> None:
        self.patience_s = self.config.up_after_s

    @property
    def step(self) -> LoadStep:
        """What is left out at present; FULL leaves out nothing."""
        return self.steps[self._at]

    def observe(self, measured: QueueAges) -> bool:
        """Take one measurement in, in the order of time; True when the step changed."""
        t_s, pressure = measured.t_s, self.pressure(measured.ages_s)
        self._note(t_s, pressure)
        self._settle(t_s)
        if self._may_go_down(t_s, pressure):
            self._go_down(t_s)
            return True
        if self._may_go_up(t_s):
            self._at -= 1
            self._changed_s = self._raised_s = t_s
            self._calm_since_s = t_s
            return True
        return False

    def pressure(self, ages_s: Mapping[str, float]) -> float:
        """The largest age as a multiple of its limit; a queue without a limit counts for nothing."""
        limits = self.config.limit_s.model_dump()
        return max((age / limits[queue] for queue, age in ages_s.items() if queue in limits), default=0.0)

    def _note(self, t_s: float, pressure: float) -> None:
        if pressure > 1.0:
            self._over_since_s = t_s if self._over_since_s is None else self._over_since_s
        else:
            self._over_since_s = None
        if pressure < self.config.up_below:
            self._calm_since_s = t_s if self._calm_since_s is None else self._calm_since_s
        else:
            self._calm_since_s = None

    def _settle(self, t_s: float) -> None:
        """A step up that has lasted earns back half of the patience.

        Lasting means longer than what was waited for it: queues that grow slowly take that long to tell.
        """
        lasting_s = max(self.config.relapse_s, 2 * self.patience_s)
        if self._raised_s is not None and t_s - self._raised_s >= lasting_s:
            self._raised_s = None
            self.patience_s = max(self.config.up_after_s, self.patience_s / 2)

    def _may_go_down(self, t_s: float, pressure: float) -> bool:
        if self._over_since_s is None or self._at == len(self.steps) - 1:
            return False
        # far too old: waiting to see what the last step brought only makes it worse
        urgent = pressure > self.config.urgent
        settle_s = self.config.down_after_s if urgent else self.config.settle_s
        long_enough = t_s - self._over_since_s >= self.config.down_after_s
        return long_enough and t_s - self._changed_s >= settle_s

    def _go_down(self, t_s: float) -> None:
        if self._raised_s is not None:
            self.patience_s = min(2 * self.patience_s, self.config.patience_s)
            self._raised_s = None
        self._at += 1
        self._changed_s = t_s
        self._calm_since_s = None

    def _may_go_up(self, t_s: float) -> bool:
        if self._calm_since_s is None or self._at == 0:
            return False
        return t_s - max(self._calm_since_s, self._changed_s) >= self.patience_s


def load_steps(
    streams: tuple[StreamInfo, ...], config: EngineConfig, policy: Policy, *, smaller_whisper: bool
) -> tuple[LoadStep, ...]:
    """The load steps that make a difference for these streams; words stay where there is nothing else."""
    kinds = {stream.kind for stream in streams}
    heard, seen = "audio" in kinds, "video" in kinds and policy.allows("visual")
    possible = {
        LoadStep.FEWER_FACES: seen,
        LoadStep.NO_PARTIALS: heard and config.transcript.partials,
        LoadStep.SMALL_WHISPER: heard and smaller_whisper,
        LoadStep.NO_TEXT: heard and policy.allows("audio"),
        LoadStep.AUDIO_ONLY: seen and policy.allows("audio"),
    }
    return tuple(step for step in LoadStep if possible.get(step, True))
