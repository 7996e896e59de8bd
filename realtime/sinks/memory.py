"""Events kept in memory: for tests and for programs that embed the session."""

from __future__ import annotations

from pathlib import Path

from core.events import Event


class MemorySink:
    """Keeps every event with its number.

    Attributes:
        events: (event, seq) in the order of writing.
        closed: whether `close` was called.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is there because every sink takes one; nothing is written to it."""
        self.events: list[tuple[Event, int]] = []
        self.closed = False

    def write(self, event: Event, seq: int) -> None:
        """Keep the event."""
        self.events.append((event, seq))

    def close(self) -> None:
        """Note that the run is over."""
        self.closed = True
