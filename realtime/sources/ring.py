"""A bounded hand-over from a device's thread or callback to the one reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from realtime.sources.device_items import DeviceItem


class RingBuffer:
    """First in, first out. Who puts never waits: when it is full the oldest item gives way and is counted.

    `put` appends to a deque, which the interpreter makes atomic, so an audio callback takes no lock but that
    of the event that wakes the reader. The reader sees from `Block.first_frame` how much sound is missing.

    Args:
        capacity: items that fit, >= 1.
        notify: called after each `put`; must not block.
    """

    def __init__(self, capacity: int, notify: Callable[[], None]) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one item")
        self._items: deque[DeviceItem] = deque()
        self._capacity = capacity
        self._notify = notify
        self._full = threading.Lock()
        self.dropped = 0

    def put(self, item: DeviceItem) -> None:
        """Hand an item over, from any thread; never waits, and drops the oldest when full."""
        self._items.append(item)
        if len(self._items) > self._capacity:
            self._drop_oldest()
        self._notify()

    def drain(self) -> list[DeviceItem]:
        """Everything that has been put and not been taken, oldest first."""
        taken = []
        # Not "while self._items": a fast writer must not keep the reader here for ever.
        for _ in range(len(self._items)):
            try:
                taken.append(self._items.popleft())
            except IndexError:  # the writer has dropped one meanwhile
                break
        return taken

    def _drop_oldest(self) -> None:
        with self._full:
            if len(self._items) > self._capacity:
                try:
                    self._items.popleft()
                except IndexError:  # the reader has emptied it meanwhile
                    return
                self.dropped += 1
