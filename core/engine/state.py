"""Everything that an engine remembers, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.config import EngineConfig
from core.engine.devices import Devices
from core.engine.estimator import EstimateRequest, Estimator
from core.engine.load_shedding import LoadShedder
from core.engine.rate_limit import RateLimiter
from core.engine.scheduler import Scheduler
from core.engine.speech import SpeechBranch
from core.engine.timeline import Timeline
from core.engine.utterance import UtteranceRecord
from core.engine.vision import VisionBranch
from core.engine.windows import FaceTokens
from core.stages.baseline import Baselines
from core.stages.transcript import TranscriptAssembler


@dataclass(slots=True)
class EngineState:
    """All of an engine. A deep copy is a snapshot.

    Attributes:
        config: behaviour of the stages.
        timeline: what is to come, in order.
        scheduler: orders being written.
        speech, vision: one branch per stream.
        estimator: says estimates.
        faces: visual tokens of the recent past.
        transcripts: the commit rule's memory.
        utterances: by id, until they are done and too old to lie in any window.
        opened: utterances so far.
        hop: number of the next hop.
        ended: streams that are over.
        requests: what each outstanding fusion order is about.
        rolling: the newest fusion order for rolling estimates that was not answered yet.
        load: what is computed at present.
        baselines: how each person usually sounds.
        devices: which streams are lost, and how their clocks run.
        faults: which faults were said lately.
    """

    config: EngineConfig
    timeline: Timeline
    scheduler: Scheduler
    speech: dict[str, SpeechBranch]
    vision: dict[str, VisionBranch]
    estimator: Estimator
    faces: FaceTokens
    load: LoadShedder
    baselines: Baselines
    devices: Devices = field(default_factory=Devices)
    faults: RateLimiter = field(default_factory=RateLimiter)
    rolling: int | None = None
    transcripts: TranscriptAssembler = field(default_factory=TranscriptAssembler)
    utterances: dict[str, UtteranceRecord] = field(default_factory=dict)
    opened: int = 0
    hop: int = 0
    ended: set[str] = field(default_factory=set)
    requests: dict[int, tuple[EstimateRequest, ...]] = field(default_factory=dict)

    @property
    def now_s(self) -> float:
        """Stream time up to which the engine has acted."""
        return self.timeline.now_us / 1_000_000
