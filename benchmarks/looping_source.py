"""A recording played over and over: short recordings say little about speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.media.recording import RecordingSource
from core.media.source import available_s


class LoopingSource:
    """Plays a recording `times` times in a row, decoding it anew each time.

    Where one round's sound ends before its pictures, silence fills the rest, so that there is no gap.

    Args:
        recording: the source to repeat; it is closed with this one.
        times: how often, >= 1.
    """

    def __init__(self, recording: RecordingSource, times: int) -> None:
        self._recording = recording
        self._times = times
        self.name = recording.name
        self.streams: tuple[StreamInfo, ...] = recording.streams
        self.duration_s: float | None = None
        self.faults = recording.faults

    def inputs(self) -> Iterator[SourceInput]:
        """All rounds, one after the other on one timeline."""
        start = 0
        ends: dict[str, int] = {stream.name: 0 for stream in self.streams}
        for _ in range(self._times):
            for item in self._recording.inputs():
                ends[item.stream] = start + round(available_s(item) * SAMPLE_RATE)
                if not isinstance(item, EndOfStream):
                    yield _later(item, start)
            start = max(ends.values())
            for stream in self.streams:
                if stream.kind == "audio" and ends[stream.name] < start:
                    silence = _silence(start - ends[stream.name])
                    yield AudioChunk(stream.name, ends[stream.name], silence)
        self.duration_s = start / SAMPLE_RATE
        for stream in self.streams:
            yield EndOfStream(stream.name, self.duration_s)

    def close(self) -> None:
        """Close the recording."""
        self._recording.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _later(item: AudioChunk | VideoFrame | Gap, samples: int) -> SourceInput:
    shift_s = samples / SAMPLE_RATE
    match item:
        case AudioChunk():
            return replace(item, start_sample=item.start_sample + samples)
        case VideoFrame():
            return replace(item, t_s=item.t_s + shift_s)
        case Gap():
            return replace(item, t0_s=item.t0_s + shift_s, t1_s=item.t1_s + shift_s)


def _silence(samples: int):  # noqa: ANN202
    import numpy as np

    return np.zeros(samples, np.float32)
