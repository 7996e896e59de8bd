"""One client that follows a session: what it wants, what waits for it, and its accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from realtime.feed.client_messages import Subscription
from realtime.feed.close_codes import CloseCode
from realtime.feed.connection import CloseReason
from realtime.feed.limits import Limits
from realtime.feed.message import Message
from realtime.feed.outbox import SendQueue
from realtime.feed.subscription_filter import SubscriptionFilter


class FrameWriter(Protocol):
    """The part of a `Connection` that a viewer uses."""

    paused: bool

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        ...

    def request_close(self, reason: CloseReason) -> None:
        """Let the connection end."""
        ...


class Viewer:
    """Sends frames to one client at the client's pace, without ever making the others wait.

    It needs no task: what finds room is written at once, the rest when there is room again.

    Args:
        wire: the open connection.
        limits: `max_backlog` and `flush_s` count.
        clock: monotonic seconds.

    Attributes:
        filtered: news that the subscription left out since the last snapshot or replay began.
        wants_lag: whether the client asked to be told how far the run is behind.
    """

    __slots__ = ("_clock", "_drained", "_filter", "_limits", "_queue", "_writer", "filtered", "wants_lag")

    def __init__(self, writer: FrameWriter, limits: Limits, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._limits = limits
        self._clock = clock
        self._queue = SendQueue()
        self._filter = SubscriptionFilter()
        self._drained: asyncio.Event | None = None
        self.filtered = 0
        self.wants_lag = False

    @property
    def sent(self) -> int:
        """News sent since the last snapshot or replay began."""
        return self._queue.sent

    @property
    def conflated(self) -> int:
        """Rolling estimates since then that newer ones replaced."""
        return self._queue.conflated

    @property
    def waiting(self) -> int:
        """News since then that wait."""
        return self._queue.waiting

    def subscribe(self, subscription: Subscription | None) -> None:
        """Want something else from now on. What waits is forgotten: a snapshot is to tell it anew."""
        self._filter = SubscriptionFilter(subscription)
        self._queue.drop_events()

    def select(self, messages: Sequence[Message]) -> list[bytes]:
        """Frames of those messages that the client wants, whatever their rate."""
        return [message.frame for message in messages if self._filter.matches(message)]

    def begin(self, announcement: bytes, past: list[bytes]) -> None:
        """Announce a snapshot or a replay, let it follow, and open new accounts."""
        self._queue.restart()
        self.filtered = 0
        self._queue.put_reply(announcement)
        self._queue.put_past(past)
        self.writable()

    def offer(self, message: Message) -> None:
        """An event has happened. Returns at once; a client too far behind is disconnected."""
        if not self._filter.accepts(message, self._clock()):
            self.filtered += 1
        elif self._writer.paused or self._queue:
            self._queue.put_event(message)
            self._check()
        else:
            self._writer.write(message.frame)
            self._queue.sent += 1

    def reply(self, frame: bytes) -> None:
        """Say something that is no event, in its turn."""
        if self._writer.paused or self._queue:
            self._queue.put_reply(frame)
            self._check()
        else:
            self._writer.write(frame)

    def writable(self) -> None:
        """Send what waits, as far as there is room."""
        while not self._writer.paused:
            frame = self._queue.pop()
            if frame is None:
                if self._drained is not None:
                    self._drained.set()
                return
            self._writer.write(frame)

    async def finish(self) -> None:
        """Give the client a bounded time to take what waits."""
        if not self._queue:
            return
        self._drained = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.flush_s):
                await self._drained.wait()

    def _check(self) -> None:
        if self._queue.backlog > self._limits.max_backlog:
            self._writer.request_close((CloseCode.TOO_SLOW, "too many messages are waiting for this client."))
