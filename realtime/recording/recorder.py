"""The recorder: everything that the engine of a live run is fed, kept so that the run can be had again.

`inputs.mcap` is an MCAP file: records in small checksummed chunks, each handed to the operating system when
it is full. A run that is killed can be read up to its last chunk, one second at most before the
end. A thread of its own writes, so that a slow disk costs pictures in the recording, never the run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from core.engine.engine import Input
from core.errors import EmotrackError
from core.events import End
from core.inputs import AudioChunk, VideoFrame
from core.wire import encode
from core.work import WorkResult
from realtime.recording.codec import pack
from realtime.sinks.base import as_sink_error
from realtime.sinks.files import create, make_folder, unwritable

log = logging.getLogger(__name__)

FILE_NAME: Final = "inputs.mcap"
HEADER: Final = "emotrack"
"""Name of the metadata record that comes first."""
TRAILER: Final = "emotrack.end"
"""Name of the one that comes last, when the run was ended in order."""

_CHUNK_BYTES: Final = 32_768
_MOST_PICTURES: Final = 60
_NANOSECONDS: Final = 1_000_000_000


class Recorder:
    """Writes one run. An `InputTape`.

    Args:
        folder: where; made if absent. An earlier recording in it is replaced.
        header: what is needed to have the run again, as text: configuration, specification, streams.
        on_fault: told once, on the recorder's thread, when nothing more can be written, for whatever reason.
        jpeg_quality: of pictures, 1 to 100.

    Raises:
        SinkError: the file cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        header: dict[str, str],
        on_fault: Callable[[EmotrackError], None],
        *,
        jpeg_quality: int = 85,
    ) -> None:
        self._path = folder / FILE_NAME
        self._on_fault = on_fault
        self._jpeg_quality = jpeg_quality
        self._queue: queue.SimpleQueue[tuple[float, Input] | None] = queue.SimpleQueue()
        self._pictures = 0
        self._channels: dict[str, int] = {}
        self._count = 0
        self._end: str | None = None
        self._discarded = False
        self.failure: EmotrackError | None = None
        """Why nothing more could be written."""
        self.lost_pictures = 0
        """Pictures that the disk was too slow for: they were tracked and are not in the recording."""
        try:
            make_folder(folder)
            self._file = os.fdopen(create(self._path), "wb")
            self._writer = self._begin(header)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._thread: threading.Thread | None = threading.Thread(
            target=self._write_all, name="recorder", daemon=True
        )
        self._thread.start()

    def write(self, at_s: float, item: Input) -> None:
        """Keep one input; never waits."""
        if isinstance(item, VideoFrame):
            if self._pictures >= _MOST_PICTURES:
                self.lost_pictures += 1
                return
            self._pictures += 1
        self._queue.put((at_s, item))

    def finish(self, end: End) -> None:
        """Write what waits, and that the run has ended in order."""
        self._end = encode(end, 0)
        self.close()

    def close(self) -> None:
        """Write what waits and finish the file. Closing again does nothing."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def discard(self) -> None:
        """Stop at once, without writing what waits: the file is about to be deleted."""
        self._discarded = True
        self.close()

    def _begin(self, header: dict[str, str]) -> Any:  # noqa: ANN401  (mcap is imported late)
        from mcap.writer import CompressionType, IndexType, Writer

        # No indexes: they would be kept in memory until the end. No compression: pictures are JPEG already,
        # and the noise of a microphone hardly gets smaller.
        writer = Writer(
            self._file,
            chunk_size=_CHUNK_BYTES,
            compression=CompressionType.NONE,
            index_types=IndexType.NONE,
        )
        writer.start(profile="", library="emotrack")
        writer.add_metadata(HEADER, header)
        self._file.flush()
        return writer

    def _write_all(self) -> None:
        """Runs on the recorder's thread."""
        entry: tuple[float, Input] | None = None
        try:
            while (entry := self._queue.get()) is not None and not self._discarded:
                self._write(*entry)
            if self._discarded:
                self._file.truncate(0)  # the pages that wait for the disk go, too: the file is gone sooner
            else:
                if self._end is not None:
                    self._writer.add_metadata(TRAILER, {"end": self._end})
                self._writer.finish()
            self._file.close()
        except Exception as error:  # noqa: BLE001  (whatever it is, the run goes on and is told)
            with contextlib.suppress(OSError):  # it flushes, and fails again
                self._file.close()
            if isinstance(error, OSError):
                self.failure = unwritable(self._path, error)
            else:
                self.failure = as_sink_error("recorder", error)
            self._on_fault(self.failure)
            while entry is not None:  # nothing may pile up
                entry = self._queue.get()

    def _write(self, at_s: float, item: Input) -> None:
        topic = _topic(item)
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(topic, "emotrack", 0)
        at_ns = max(0, round(at_s * _NANOSECONDS))
        data = pack(item, jpeg_quality=self._jpeg_quality)
        if isinstance(item, VideoFrame):
            self._pictures -= 1
        self._writer.add_message(self._channels[topic], at_ns, data, at_ns, self._count)
        self._count = (self._count + 1) % (1 << 32)
        self._file.flush()


def _topic(item: Input) -> str:
    """Where viewers of MCAP files list it."""
    if isinstance(item, AudioChunk):
        return f"/audio/{item.stream}"
    if isinstance(item, VideoFrame):
        return f"/video/{item.stream}"
    return "/results" if isinstance(item, WorkResult) else "/run"
