"""The events of a run that are kept: for clients that join late, and for clients that resume."""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import Any, Final

from realtime.feed.codec import Message
from realtime.feed.limits import Limits

MAX_ROLLING: Final = 64


class History:
    """The run so far, in two forms, both bounded; a hello makes all before it forgotten.

    The snapshot is the hello, then the newest transcript and state of each utterance, final estimates and
    whatever else does not roll (the oldest go first), and the newest rolling estimate of each person. The log
    is every message that does not roll.

    Args:
        limits: `max_history`, `max_log` and `max_log_bytes` count.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hello: list[Message] = []
        self._kept: dict[tuple[str, str], Message] = {}
        self._rolling: dict[tuple[str, str], Message] = {}
        self._log: deque[Message] = deque()
        self._log_bytes = 0
        self._snapshot: list[Message] | None = None
        self.known_from = 0

    def add(self, message: Message) -> None:
        """Take in the next message."""
        self._snapshot = None
        if message.kind == "hello":
            self._begin(message)
        elif message.rolling:
            _renew(self._rolling, message, MAX_ROLLING)
        else:
            _renew(self._kept, message, self._limits.max_history)
            self._remember(message)

    def snapshot(self) -> list[Message]:
        """What somebody who joins is told, in the order in which it was said. Not to be changed."""
        if self._snapshot is None:
            entries = [*self._hello, *self._kept.values(), *self._rolling.values()]
            self._snapshot = sorted(entries, key=attrgetter("seq"))
        return self._snapshot

    def since(self, seq: int) -> list[Message] | None:
        """What was said after the message `seq`, less rolling estimates that newer ones replaced.

        Returns:
            The messages in their order, or None when not all of them are known any more: `known_from`.
        """
        if seq + 1 < self.known_from:
            return None
        missed = [message for message in self._rolling.values() if message.seq > seq]
        for message in reversed(self._log):
            if message.seq <= seq:
                break
            missed.append(message)
        return sorted(missed, key=attrgetter("seq"))

    def forget(self) -> None:
        """Remember nothing of what was said. Who comes back is told that there is a gap."""
        said = [*self._hello, *self._kept.values(), *self._rolling.values(), *self._log]
        self._clear()
        self._hello, self._snapshot = [], None
        self.known_from = max((message.seq + 1 for message in said), default=self.known_from)

    def _begin(self, hello: Message) -> None:
        self._hello = [hello]
        self._clear()
        self.known_from = hello.seq
        self._remember(hello)

    def _clear(self) -> None:
        self._kept.clear()
        self._rolling.clear()
        self._log.clear()
        self._log_bytes = 0

    def _remember(self, message: Message) -> None:
        self._log.append(message)
        self._log_bytes += len(message.frame)
        while len(self._log) > self._limits.max_log or self._log_bytes > self._limits.max_log_bytes:
            oldest = self._log.popleft()
            self._log_bytes -= len(oldest.frame)
            self.known_from = oldest.seq + 1


def _renew(entries: dict[Any, Message], message: Message, length: int) -> None:
    """Put the message last, in place of the older one of its subject; dictionaries keep the order."""
    entries.pop(message.subject, None)
    entries[message.subject] = message
    while len(entries) > length:
        del entries[next(iter(entries))]
