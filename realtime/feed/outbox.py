"""What waits to be sent to one viewer."""

from __future__ import annotations

from collections import deque

from realtime.feed.message import Message


class Outbox:
    """A bounded queue that forgets rolling estimates which a newer one has replaced, and nothing else.

    Messages leave in the order in which they came.

    Args:
        max_backlog: messages that may not be dropped and may wait at the same time, >= 1.
    """

    def __init__(self, max_backlog: int) -> None:
        self._max_backlog = max_backlog
        self._clock = 0
        self._lasting: deque[tuple[int, Message]] = deque()
        self._rolling: dict[str, tuple[int, Message]] = {}

    def __len__(self) -> int:
        return len(self._lasting) + len(self._rolling)

    @property
    def overflows(self) -> bool:
        """More is waiting than the bound allows."""
        return len(self._lasting) > self._max_backlog

    def put(self, message: Message) -> None:
        """Let a message wait."""
        self._clock += 1
        entry = (self._clock, message)
        if message.rolling is None:
            self._lasting.append(entry)
        else:
            self._rolling.pop(message.rolling, None)
            self._rolling[message.rolling] = entry

    def pop(self) -> Message | None:
        """Take out the oldest message, None when nothing waits."""
        oldest = next(iter(self._rolling), None)  # dictionaries keep the order of insertion
        if oldest is not None and (not self._lasting or self._rolling[oldest][0] < self._lasting[0][0]):
            return self._rolling.pop(oldest)[1]
        return self._lasting.popleft()[1] if self._lasting else None

    def clear(self) -> None:
        """Forget all."""
        self._lasting.clear()
        self._rolling.clear()
