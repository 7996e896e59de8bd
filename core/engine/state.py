"""Everything that an engine remembers, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.config import EngineConfig
from core.engine.devices import Devices
from core.engine.estimator import Estimator
from core.engine.load_shedding import LoadShedder
from core.engine.rate_limit import FaultLimiter
from core.engine.scheduler import Scheduler
from core.engine.speech import SpeechStream
from core.engine.timeline import Timeline
from core.engine.utterance import Utterance
from core.engine.vision import VisionStream
from core.engine.windows import FaceTokens
from core.stages.baseline import Baselines


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
