"""Recorded live runs, read to the last whole chunk: as they were fed, or as a recording like any other."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from core.engine.engine import Input
from core.errors import FeedError, SourceError
from core.events import End, StreamInfo
from core.inputs import EndOfStream, SourceInput
from core.media.source import available_s
from core.wire import decode
from realtime.recording.checks import InputChecks
from realtime.recording.codec import unpack
from realtime.recording.header import streams_from
from realtime.recording.recorder import FILE_NAME, HEADER, TRAILER

_NANOSECONDS: Final = 1_000_000_000
BREAKS_OFF: Final = "the recording breaks off: the run was not ended in order."
_BEHIND_S: Final = 2.0
"""Streams of a live run lie less than this apart."""
_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one chunk, unpacked: a file that claims more is damaged, or meant to harm."""


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """One input and the stream second at which the engine was given it."""

    at_s: float
    item: Input


def is_recorded_run(path: Path) -> bool:
    """Whether `path` is a folder that `--record` wrote."""
    return (path / FILE_NAME).is_file()


class RecordedRun:
    """A folder that `--record` wrote.

    Attributes:
        header: what the recorder was given.
        end: the run's last message, once `inputs` has come to its end; None when the run was killed.

    Raises:
        SourceError: there is no such file, or it is none of ours.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self.end: End | None = None
        self.header: dict[str, str] = {}
        for record in self._records():
            if type(record).__name__ == "Metadata" and record.name == HEADER:
                self.header = dict(record.metadata)
                break
        if not self.header:
            raise SourceError("holds no recorded run.", where=str(self._path), fix="Name another folder.")

    def inputs(self) -> Iterator[RecordedInput]:
        """All inputs in the order in which the engine was given them.

        A file that ends in the middle (the run was killed) is read up to its last whole chunk.

        Raises:
            SourceError: an input is damaged, or speaks of a stream or a time that cannot be.
        """
        self.end = None
        checks = InputChecks([stream.name for stream in streams_from(self.header)])
        for record in self._records():
            name = type(record).__name__
            if name == "Message":
                at_s, item = record.log_time / _NANOSECONDS, unpack(record.data)
                checks.check(at_s, item)
                yield RecordedInput(at_s, item)
            elif name == "Metadata" and record.name == TRAILER:
                self.end = _end_of(record.metadata)

    def length_s(self) -> float:
        """Stream second of the last whole chunk's end, found without unpacking anything."""
        ends = [record.message_end_time for record in self._records(unpacked=False) if _is_chunk(record)]
        return max(ends, default=0) / _NANOSECONDS

    def _records(self, *, unpacked: bool = True) -> Iterator[Any]:
        """Records of the file; those of chunks by themselves if `unpacked`."""
        from mcap.exceptions import McapError
        from mcap.records import Chunk
        from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk

        try:
            with self._path.open("rb") as file:
                reader = StreamReader(file, emit_chunks=True, record_size_limit=_MOST_BYTES)
                for record in reader.records:
                    if not isinstance(record, Chunk) or not unpacked:
                        yield record
                    elif not record.compression:  # the recorder compresses nothing
                        yield from breakup_chunk(record, validate_crc=True)
        except OSError as error:
            raise SourceError(f"cannot be read ({error.strerror}).", where=str(self._path)) from error
        except (McapError, CRCValidationError, EOFError, ValueError, struct.error):
            return  # the end of what can be read: nothing behind it can be trusted


def _end_of(metadata: dict[str, str]) -> End | None:
    try:
        event, _ = decode(metadata["end"])
    except (FeedError, KeyError, RecursionError):  # damaged: the run counts as one that was killed
        return None
    return event if isinstance(event, End) else None


def _is_chunk(record: object) -> bool:
    return type(record).__name__ == "Chunk"


class RecordedSource:
    """A recorded run as a source: its sound and pictures, to be tracked anew.

    Args:
        folder: which `--record` wrote.

    Raises:
        SourceError: there is no run in it.
    """

    def __init__(self, folder: Path) -> None:
        self._run = RecordedRun(folder)
        self.name = f"recorded run {folder.name}"
        self.streams: tuple[StreamInfo, ...] = streams_from(self._run.header)
        self.duration_s: float | None = self._run.length_s()
        self.faults: list[str] = []
        self._closed = False

    def inputs(self) -> Iterator[SourceInput]:
        """Sound, pictures, holes, states and ends, as they were recorded."""
        self.faults.clear()
        for item in _merged(self._given()):
            if self._closed:
                return
            yield item

    def _given(self) -> Iterator[SourceInput]:
        reached = {stream.name: 0.0 for stream in self.streams}
        for recorded in self._run.inputs():
            item = recorded.item
            if isinstance(item, SourceInput):
                reached[item.stream] = max(reached[item.stream], available_s(item))
                if isinstance(item, EndOfStream):
                    del reached[item.stream]
                yield item
        if reached:
            self.faults.append(BREAKS_OFF)
        end_s = max(reached.values(), default=0.0)
        for stream in reached:
            yield EndOfStream(stream, end_s)

    def close(self) -> None:
        """End a running iteration."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _merged(inputs: Iterator[SourceInput]) -> Iterator[SourceInput]:
    """In the order of time over all streams: live, a stream may be a little behind another."""
    waiting: list[tuple[float, int, SourceInput]] = []
    for number, item in enumerate(inputs):
        heapq.heappush(waiting, (available_s(item), number, item))
        while waiting[0][0] < available_s(item) - _BEHIND_S:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]
