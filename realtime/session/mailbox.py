"""What waits for the engine of a live run: all sound, all results, and each camera's newest pictures."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.engine.engine import Input
from core.events import Event
from core.inputs import VideoFrame

KEPT_FRAMES: Final = 2
"""Pictures of one stream that may wait: the newest, and the one before it to see motion."""


@dataclass(slots=True)
class _Entry:
    at_s: float
    item: Input | Event | None


class Mailbox:
    """Filled by any thread, emptied by the session.

    Pictures are dropped when newer ones of their stream wait; nothing else ever is.

    Args:
        clock: monotonic seconds.

    Attributes:
        dropped: stream -> pictures dropped so far.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[_Entry] = deque()
        self._frames: dict[str, deque[_Entry]] = {}
        self._changed = threading.Condition()
        self.dropped: dict[str, int] = {}

    def put(self, item: Input | Event) -> None:
        """Add something; never waits."""
        entry = _Entry(self._clock(), item)
        with self._changed:
            if isinstance(item, VideoFrame):
                self._make_room(item.stream)
                self._frames[item.stream].append(entry)
            self._entries.append(entry)
            self._changed.notify()

    def take(self, timeout_s: float) -> list[Input | Event]:
        """Everything that waits, in the order in which it came; waits at most `timeout_s` for the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._entries, timeout_s)
            taken = [entry.item for entry in self._entries if entry.item is not None]
            self._entries.clear()
            for frames in self._frames.values():
                frames.clear()
        return taken

    def age_s(self) -> float:
        """Seconds since the oldest thing came that waits, 0 when nothing does."""
        with self._changed:
            return self._clock() - self._entries[0].at_s if self._entries else 0.0

    def _make_room(self, stream: str) -> None:
        frames = self._frames.setdefault(stream, deque())
        while len(frames) >= KEPT_FRAMES:
            frames.popleft().item = None
            self.dropped[stream] = self.dropped.get(stream, 0) + 1
