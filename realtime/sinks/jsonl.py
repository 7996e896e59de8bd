"""`events.jsonl`: every event of the run, one line each, exactly as on the feed."""

from __future__ import annotations

from pathlib import Path

from core.events import Event
from core.wire import encode
from realtime.sinks.files import TextFile


class JsonlSink:
    """Writes `events.jsonl`. A line is on disk as soon as `write` returns.

    Args:
        folder: the run folder.

    Raises:
        SinkError: the file cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TextFile(folder / "events.jsonl")

    def write(self, event: Event, seq: int) -> None:
        """Append one line. Raises SinkError when it cannot be written."""
        self._file.append(encode(event, seq) + "\n")

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        self._file.close()
