"""Windows out of recordings, by the stages that cut them live: the one cutter.

For every labelled stretch a deterministic engine hears and sees the recording from a little before to a
little after. The stretch's borders are given; everything else is the engine's own doing: which blocks of
sound are encoded with which context, when words are recognised, which faces are tracked, and which tokens
fall into the window.

`core.workers.loading` opens recordings and loads what computes the orders; tests hand in their own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.config import EngineConfig, EstimateConfig
from core.encoders.silero import FRAME_SAMPLES, VoiceState
from core.engine.engine import Engine, Input
from core.errors import ModelError, SourceError
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, Samples, SourceInput
from core.media.source import OpenRecording
from core.spec import ModelSpec
from core.stages.vad import Vad, VadFrame, VadNetwork
from core.window import Window
from core.work import Failed, Fuse, Fused, FusionOutput, Outcome, Work, WorkKind, WorkResult

LEAD_S: Final = 2.0
"""Heard before a stretch: the longest context of an encoder, and time for faces to be tracked."""

TAIL_S: Final = 1.5
"""Heard after a stretch: more than a pause that ends a turn."""

LONGEST_S: Final = 25.0
"""The engine forgets tokens after 30 s."""

_TOLERANCE_S: Final = 0.5


Workers = Mapping[WorkKind, Callable[[Any], Outcome]]
"""Kind of order -> function of its payload. "fuse" is not needed: windows are cut, not judged."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording to be cut: t0_s < t1_s in seconds; t1_s None means up to the end."""

    t0_s: float
    t1_s: float | None
    speaker: str


@dataclass(frozen=True, slots=True)
class Cutter:
    """Cuts recordings as a checkpoint's live loop would.

    Attributes:
        open_recording: opens a file.
        workers: compute the orders.
        spec: of the checkpoint whose encoders the workers run.
        config: of the stages; estimates are not made, so only the rest of it matters.
        voice: tells speech from pauses within a stretch, as live; None takes all of a stretch for speech.
    """

    open_recording: OpenRecording
    workers: Workers
    spec: ModelSpec
    config: EngineConfig = field(default_factory=EngineConfig)
    voice: VadNetwork | None = None

    def cut(self, path: Path, stretches: Sequence[Stretch]) -> list[Window]:
        """Cut windows out of one recording, reading it once.

        Args:
            path: the recording.
            stretches: what to cut; they may overlap.

        Returns:
            One window per stretch, in their order. A modality of which there is nothing is absent; there may
            be none at all (silence, nobody in the picture). Visual tokens are those of the face whose mouth
            moves with the speech, else of the face that is seen most.

        Raises:
            SourceError: the recording cannot be read, ends before a stretch does, or a stretch is too long.
            ModelError: a worker could not compute an order.
        """
        windows = self.cut_each(path, stretches)
        for window in windows:
            if isinstance(window, SourceError):
                raise window
        return [window for window in windows if isinstance(window, Window)]

    def cut_each(self, path: Path, stretches: Sequence[Stretch]) -> list[Window | SourceError]:
        """Like `cut`, but a stretch that cannot be cut costs the others nothing.

        Returns:
            One window per stretch, or the error that it has.

        Raises:
            SourceError: the recording cannot be read.
            ModelError: a worker could not compute an order.
        """
        with self.open_recording(path) as recording:
            hearings = [_Hearing(self, recording.streams, path, stretch) for stretch in stretches]
            reached_s = 0.0
            for item in recording.inputs():
                reached_s = max(reached_s, _end_s(item))
                for hearing in hearings:
                    hearing.take(item)
            return [hearing.window(reached_s) for hearing in hearings]


class GivenVoice(Vad):
    """The voice stage with borders: outside of a stretch nobody speaks.

    Args:
        network: tells speech from pauses within; None says that everything within is speech.
        t0_s, t1_s: the borders in stream seconds; a frame belongs to the stretch if its middle does.
    """

    def __init__(self, network: VadNetwork | None, t0_s: float, t1_s: float) -> None:
        super().__init__(network or _AlwaysSpeech())
        self._t0_s, self._t1_s = t0_s, t1_s

    def push(self, chunk: AudioChunk) -> list[VadFrame]:
        """As in the stage; raises as there."""
        return [self._bordered(frame) for frame in super().push(chunk)]

    def _bordered(self, frame: VadFrame) -> VadFrame:
        middle_s = (frame.start_sample + FRAME_SAMPLES / 2) / SAMPLE_RATE
        inside = self._t0_s <= middle_s <= self._t1_s
        return frame if inside else VadFrame(frame.start_sample, 0.0)


class _AlwaysSpeech:
    """A voice network for stretches of which every frame counts as speech."""

    def initial_state(self) -> VoiceState:
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame: Samples, state: VoiceState) -> tuple[float, VoiceState]:
        return 1.0, state


class _Hearing:
    """One engine that hears one stretch."""

    def __init__(self, cutter: Cutter, streams: tuple[StreamInfo, ...], path: Path, stretch: Stretch) -> None:
        estimates = EstimateConfig(hop_s=5.0)  # nobody reads them
        config = cutter.config.model_copy(update={"deterministic": True, "estimates": estimates})
        end_s = math.inf if stretch.t1_s is None else stretch.t1_s
        voice = cutter.voice or _AlwaysSpeech()
        self._engine = Engine(
            config,
            cutter.spec,
            voice,
            streams,
            vad=lambda _: GivenVoice(cutter.voice, stretch.t0_s, end_s),
        )
        self._workers, self._labels = cutter.workers, len(cutter.spec.labels)
        self._path, self._stretch, self._end_s = path, stretch, end_s
        self._error: SourceError | None = None
        self._open = {stream.name for stream in streams}
        if stretch.t1_s is not None and stretch.t1_s - stretch.t0_s > LONGEST_S:
            self._refuse(stretch.t1_s)
        # on the grid of the voice stage's frames, so that its decisions fall where they fall live
        self._first = (
            max(0, math.floor((stretch.t0_s - LEAD_S) * SAMPLE_RATE / FRAME_SAMPLES)) * FRAME_SAMPLES
        )
        self._last = None if stretch.t1_s is None else math.ceil((stretch.t1_s + TAIL_S) * SAMPLE_RATE)

    def take(self, item: SourceInput) -> None:
        """Hear one input, if it is near enough to the stretch."""
        if item.stream not in self._open:
            return
        if isinstance(item, EndOfStream):
            self._finish(item.stream, item.t_s)
        elif _start_s(item) > self._end_s + TAIL_S:
            self._finish(item.stream, self._end_s + TAIL_S)
        elif isinstance(item, AudioChunk):
            trimmed = _trimmed(item, self._first, self._last)
            if len(trimmed.samples):
                self._push(trimmed)
        elif _end_s(item) >= self._first / SAMPLE_RATE:
            self._push(item)
        if self._stretch.t1_s is None and _end_s(item) - self._stretch.t0_s > LONGEST_S:
            self._refuse(_end_s(item))

    def _refuse(self, reached_s: float) -> None:
        self._error = _too_long(self._path, self._stretch.t0_s, reached_s)
        self._open.clear()  # hears no more

    def window(self, reached_s: float) -> Window | SourceError:
        """What was heard, or why nothing can be. `reached_s` is the end of the recording."""
        if self._error is not None:
            return self._error
        t0_s = self._stretch.t0_s
        t1_s = reached_s if self._stretch.t1_s is None else self._stretch.t1_s
        if t0_s >= reached_s or t1_s > reached_s + _TOLERANCE_S:
            return SourceError(
                f"ends at {reached_s:.2f} s, before the stretch from {t0_s:.2f} s to {t1_s:.2f} s does.",
                where=str(self._path),
            )
        for name in sorted(self._open):
            self._finish(name, min(reached_s, self._end_s + TAIL_S))
        return self._engine.cut(t0_s, t1_s, person=self._stretch.speaker)

    def _finish(self, stream: str, t_s: float) -> None:
        self._open.discard(stream)
        self._push(EndOfStream(stream, t_s))

    def _push(self, item: Input) -> None:
        """Push, and work off every order that follows, one after the other."""
        orders = deque(self._orders(item))
        while orders:
            work = orders.popleft()
            orders.extend(self._orders(WorkResult(work.id, self._compute(work))))

    def _orders(self, item: Input) -> list[Work]:
        return [output for output in self._engine.push(item) if isinstance(output, Work)]

    def _compute(self, work: Work) -> Outcome:
        if isinstance(work.payload, Fuse):
            nothing = FusionOutput(np.zeros(self._labels, np.float32), {}, {}, None, None, 0.0, True)
            return Fused((nothing,) * len(work.payload.windows))
        outcome = self._workers[work.kind](work.payload)
        if isinstance(outcome, Failed):
            raise ModelError(f"{work.kind}: {outcome.reason}", where=str(self._path))
        return outcome


def _trimmed(chunk: AudioChunk, first: int, last: int | None) -> AudioChunk:
    """The samples from `first` up to, but without, `last`."""
    start = max(0, first - chunk.start_sample)
    end = len(chunk.samples) if last is None else max(0, last - chunk.start_sample)
    return AudioChunk(chunk.stream, chunk.start_sample + start, chunk.samples[start:end])


def _start_s(item: SourceInput) -> float:
    if isinstance(item, AudioChunk):
        return item.start_sample / SAMPLE_RATE
    return item.t0_s if isinstance(item, Gap) else item.t_s


def _end_s(item: SourceInput) -> float:
    if isinstance(item, AudioChunk):
        return item.end_sample / SAMPLE_RATE
    return item.t1_s if isinstance(item, Gap) else item.t_s


def _too_long(path: Path, t0_s: float, t1_s: float) -> SourceError:
    return SourceError(
        f"the stretch from {t0_s:.2f} s is {t1_s - t0_s:.1f} s or longer; {LONGEST_S:.0f} s are allowed.",
        where=str(path),
        fix="Label it utterance by utterance.",
    )
