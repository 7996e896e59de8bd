"""The networks of a server: loaded once, used by all sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from core.encoders.silero import SileroVoice
from core.policy import policy_of
from core.spec import ModelSpec
from core.stages.diarization import SpeakerHead
from core.stages.vad import VadNetwork
from core.work import Outcome, WorkKind
from core.workers.loading import load_speakers, load_voice, load_whisper
from core.workers.networks import NetworkWorkers
from core.workers.speakers import SpeakerWorker
from core.workers.whisper import Whisper
from realtime.config import LiveTrackingConfig
from realtime.runs.build import (
    load_checkpoint,
    load_faces,
    smaller_transcriber_of,
    speaker_head,
    tells_speakers_apart,
    transcriber_of,
)
from realtime.runs.whisper_fallback import WhisperFallback, fallback_config
from realtime.session.worker_threads import Worker

T = TypeVar("T")


class SessionNetworks(Protocol):
    """What a session needs of the networks."""

    @property
    def spec(self) -> ModelSpec:
        """Of the checkpoint."""
        ...

    @property
    def voice(self) -> VadNetwork:
        """The voice network, which remembers nothing."""
        ...

    @property
    def speakers(self) -> SpeakerHead | None:
        """Embeds voices; None = speakers are not told apart."""
        ...

    @property
    def falls_back(self) -> bool:
        """Whether there is a smaller recogniser to fall back to."""
        ...

    def workers(self) -> dict[WorkKind, Worker]:
        """Kind of order -> who computes it, for one session."""
        ...


@dataclass(frozen=True, slots=True)
class SharedNetworks:
    """One copy of every network. What a session has of its own is the memory of its language, and a detector.

    Attributes:
        spec: of the checkpoint.
        config: how the networks are run.
        encoders: kind of order -> who computes it, one order at a time.
        whisper: the recogniser, which lets its callers wait for each other.
        smaller: gives the one that sessions fall back to, and loads it before the first has to; None = none.
        voice: the voice network.
        speakers: embeds voices; None = they are not told apart.
    """

    spec: ModelSpec
    config: LiveTrackingConfig
    encoders: Mapping[WorkKind, Worker]
    whisper: Whisper
    voice: SileroVoice
    smaller: Callable[[], Whisper] | None = None
    speakers: SpeakerHead | None = None

    @classmethod
    def load(cls, spec: ModelSpec, export: Path, config: LiveTrackingConfig) -> SharedNetworks:
        """Load all. Raises WeightsError when a weight was not pulled, ModelError when one is damaged."""
        with ThreadPoolExecutor(2) as pool:
            loading = pool.submit(load_whisper, config.whisper.size, config.whisper.threads)
            networks = NetworkWorkers(load_checkpoint(spec, export, config))
            if "faces" not in policy_of(config.engine.purpose).forbidden:
                load_faces(spec, config)  # sessions load their own; whether it is there has to be known now
            encoders: dict[WorkKind, Worker] = {
                "encode_visual": one_at_a_time(networks.encode_visual),
                "encode_audio": one_at_a_time(networks.encode_audio),
                "encode_text": one_at_a_time(networks.encode_text),
                "fuse": one_at_a_time(networks.fuse),
            }
            if tells_speakers_apart(config.engine):
                encoders["encode_speaker"] = one_at_a_time(SpeakerWorker(load_speakers()).run)
            smaller = fallback_config(config)
            late = None if smaller is None else once(partial(load_whisper, smaller.size, smaller.threads))
            heads = speaker_head(config.engine)
            return cls(spec, config, encoders, loading.result(), load_voice(), late, heads)

    @property
    def falls_back(self) -> bool:
        """Whether there is a smaller recogniser to fall back to."""
        return self.smaller is not None

    def workers(self) -> dict[WorkKind, Worker]:
        """Kind of order -> who computes it, for one session."""
        policy = policy_of(self.config.engine.purpose)
        workers: dict[WorkKind, Worker] = {**self.encoders, "transcribe": self._transcribe()}
        if "faces" not in policy.forbidden:
            workers["faces"] = load_faces(self.spec, self.config).run
        return policy.permitted(workers)

    def _transcribe(self) -> Worker:
        """The recogniser for one session, with the memory of its language."""
        transcriber = transcriber_of(self.whisper, self.config.whisper, self.voice)
        load = self.smaller
        if load is None:
            return transcriber.run
        small = once(lambda: smaller_transcriber_of(load(), self.config.whisper, self.voice))
        return WhisperFallback(transcriber, small).run


def once(make: Callable[[], T]) -> Callable[[], T]:
    """The same for many threads: made when it is first asked for, by whichever thread comes first."""
    lock = threading.Lock()
    made: list[T] = []

    def get() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get


def one_at_a_time(run: Worker) -> Worker:
    """The same for many threads: some back ends compute into buffers that they have once."""
    lock = threading.Lock()

    def guarded(payload: Any) -> Outcome:  # noqa: ANN401  (as `Worker` has it)
        with lock:
            return run(payload)

    return guarded
