"""Everything that an engine remembers, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.config import EngineConfig
from core.engine.devices import Devices
from core.engine.estimator import Estimator
from core.engine.load_shedding import LoadShedder
from core.engine.scheduler import Scheduler
from core.engine.speech import SpeechStream
from core.engine.timeline import Timeline
from core.engine.utterance import Utterance
from core.engine.vision import VisionStream
from core.engine.windows import FaceTokens
from core.stages.baseline import Baselines
from core.stages.conversation import ConversationFigures


@dataclass(slots=True)
class FaultLimiter:
    """Repeated faults, said seldom: a broken worker must not fill the feed.

    Lets one fault of a kind through in `every_s`, and counts those in between.

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


@dataclass(slots=True)
class EngineState:
    """All of an engine. A deep copy is a snapshot.

    Attributes:
        config: behaviour of the stages.
        timeline: what is to come, in order.
        scheduler: submits jobs and knows whose they are.
        speech, vision: stream -> its stages and what they remember.
        estimator: says estimates.
        faces: visual tokens of the recent past.
        utterances: by id, until they are done and too old to lie in any window.
        opened: utterances so far.
        hop: number of the next hop.
        ended: streams that are over.
        load: what is computed at present.
        baselines: how each person usually sounds.
        conversation: how people talk with each other.
        devices: which streams are lost, and how their clocks run.
        faults: which faults were said lately.
    """

    config: EngineConfig
    timeline: Timeline
    scheduler: Scheduler
    speech: dict[str, SpeechStream]
    vision: dict[str, VisionStream]
    estimator: Estimator
    faces: FaceTokens
    load: LoadShedder
    baselines: Baselines
    conversation: ConversationFigures = field(default_factory=ConversationFigures)
    devices: Devices = field(default_factory=Devices)
    faults: FaultLimiter = field(default_factory=FaultLimiter)
    utterances: dict[str, Utterance] = field(default_factory=dict)
    opened: int = 0
    hop: int = 0
    ended: set[str] = field(default_factory=set)

    @property
    def now_s(self) -> float:
        """Stream time up to which the engine has acted."""
        return self.timeline.now_us / 1_000_000
