"""What a source is: named streams, and their inputs in the order in which they would arrive live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from core.events import StreamInfo
from core.inputs import SAMPLE_RATE, AudioChunk, Gap, SourceInput


class Recording(Protocol):
    """What can be read once through from its beginning: an opened file, or what stands for one."""

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """The streams that `inputs` speaks of."""
        ...

    @property
    def duration_s(self) -> float | None:
        """In seconds; None where it is not known beforehand."""
        ...

    def inputs(self) -> Iterator[SourceInput]:
        """Everything, merged in order of time; every stream ends with one `EndOfStream`."""
        ...


OpenRecording = Callable[[Path], AbstractContextManager[Recording]]
"""Opens a recording and closes it at the end of the block. Raises SourceError."""


@runtime_checkable
class Source(Protocol):
    """Where inputs come from. A source is a context manager and closes itself at the end of the block.

    Attributes:
        name: what is being read, for people: a file's name or a device's, never a full path.
        streams: the streams that `inputs` will speak of.
        duration_s: length in seconds of stream time as far as it is known beforehand, else None.
        faults: sentences about what could not be read. Filled while iterating, complete at the end, empty
            when all went well.
    """

    name: str
    streams: tuple[StreamInfo, ...]
    duration_s: float | None
    faults: list[str]

    def inputs(self) -> Iterator[SourceInput]:
        """Iterate over all streams, merged by `available_s`.

        Within an audio stream the samples are contiguous from sample 0 except for announced `Gap`s; within
        a video stream time never decreases; every stream ends with exactly one `EndOfStream`.

        Raises:
            SourceError: nothing more can be read and nothing sensible can be said instead.
        """
        ...

    def close(self) -> None:
        """Release files and devices and end a running iteration. Closing twice is allowed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def available_s(item: SourceInput) -> float:
    """Stream second at which an input is complete, so the earliest at which a live source could give it."""
    if isinstance(item, AudioChunk):
        return item.end_sample / SAMPLE_RATE
    if isinstance(item, Gap):
        return item.t1_s
    return item.t_s
