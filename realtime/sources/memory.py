"""A source over inputs that are already in memory: for tests and for embedding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from core.errors import SourceError, StreamGap
from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.media.source import available_s


class MemorySource:
    """Gives the inputs of a list, in the list's order.

    Args:
        inputs: what to give. A stream without an `EndOfStream` gets one at its end.
        name: what it is called towards people.
        streams: the streams; by default those that carry audio or pictures in `inputs`, by first appearance.
        faults: sentences to report as if something could not be read.

    Raises:
        StreamGap: audio jumps without a `Gap` that announces it.
        SourceError: time goes back within a stream, or something follows a stream's end.
    """

    def __init__(
        self,
        inputs: Iterable[SourceInput],
        *,
        name: str = "memory",
        streams: tuple[StreamInfo, ...] | None = None,
        faults: Iterable[str] = (),
    ) -> None:
        self.name = name
        given = list(inputs)
        self.streams = _streams(given) if streams is None else streams
        self.faults = list(faults)
        self._inputs = [*given, *_missing_ends(given, self.streams)]
        _check(self._inputs)
        self.duration_s: float | None = max((available_s(item) for item in self._inputs), default=0.0)
        self._closed = False

    def inputs(self) -> Iterator[SourceInput]:
        """The inputs in the order in which they were given."""
        for item in self._inputs:
            if self._closed:
                return
            yield item

    def close(self) -> None:
        """End a running iteration before its next input."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _streams(inputs: list[SourceInput]) -> tuple[StreamInfo, ...]:
    found: dict[str, StreamInfo] = {}
    for item in inputs:
        if isinstance(item, AudioChunk):
            found.setdefault(item.stream, StreamInfo(item.stream, "audio"))
        elif isinstance(item, VideoFrame):
            found.setdefault(item.stream, StreamInfo(item.stream, "video"))
    return tuple(found.values())


def _missing_ends(inputs: list[SourceInput], streams: tuple[StreamInfo, ...]) -> list[SourceInput]:
    ended = {item.stream for item in inputs if isinstance(item, EndOfStream)}
    last = {stream.name: 0.0 for stream in streams}
    for item in inputs:
        last[item.stream] = max(last.get(item.stream, 0.0), available_s(item))
    missing = [EndOfStream(name, t_s) for name, t_s in last.items() if name not in ended]
    return sorted(missing, key=available_s)


def _check(inputs: list[SourceInput]) -> None:
    reached: dict[str, float] = {}
    ended: set[str] = set()
    for item in inputs:
        stream = item.stream
        if stream in ended:
            raise SourceError("an input follows the end of its stream.", where=stream)
        position = reached.get(stream, 0.0)
        if isinstance(item, AudioChunk):
            if item.start_sample != round(position * SAMPLE_RATE):
                raise StreamGap(
                    f"audio continues at sample {item.start_sample}, not at {round(position * SAMPLE_RATE)}.",
                    where=stream,
                    fix="Announce the hole with a Gap.",
                )
        elif (item.t0_s if isinstance(item, Gap) else item.t_s) < position - 0.5 / SAMPLE_RATE:
            raise SourceError(f"time goes back before {position:.3f} s.", where=stream)
        if isinstance(item, EndOfStream):
            ended.add(stream)
        reached[stream] = available_s(item)
