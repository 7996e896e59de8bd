"""One client that follows a session: what it wants, what waits for it, and its accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from realtime.feed.client_messages import Subscription
from realtime.feed.close_codes import Close
from realtime.feed.connection import Verdict
from realtime.feed.limits import Limits
from realtime.feed.message import Message
from realtime.feed.outbox import Outbox
from realtime.feed.subscription_filter import Wanted


class Wire(Protocol):
    """The part of a `Line` that a viewer uses."""

    paused: bool

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        ...

    def end(self, verdict: Verdict) -> None:
        """Let the connection end."""
        ...


class Viewer:
    """Sends frames to one client at the client's pace, without ever making the others wait.

    It needs no task: what finds room is written at once, the rest when there is room again.

    Args:
        wire: the open connection.
        limits: `max_backlog` and `flush_s` count.
        clock: monotonic seconds.
    """

    __slots__ = ("_clock", "_drained", "_limits", "_outbox", "_wanted", "_wire", "filtered")

    def __init__(self, wire: Wire, limits: Limits, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._limits = limits
        self._clock = clock
        self._outbox = Outbox()
        self._wanted = Wanted()
        self._drained: asyncio.Event | None = None
        self.filtered = 0

    @property
    def sent(self) -> int:
        """News sent since the last snapshot or replay began."""
        return self._outbox.sent

    @property
    def conflated(self) -> int:
        """Rolling estimates since then that newer ones replaced."""
        return self._outbox.conflated

    @property
    def waiting(self) -> int:
        """News since then that wait."""
        return self._outbox.waiting

    def subscribe(self, subscription: Subscription | None) -> None:
        """Want something else from now on. What waits is forgotten: a snapshot is to tell it anew."""
        self._wanted = Wanted(subscription)
        self._outbox.drop_events()

    def wanted(self, messages: Sequence[Message]) -> list[bytes]:
        """Frames of those messages that the client wants, whatever their rate."""
        return [message.frame for message in messages if self._wanted.admits(message)]

    def begin(self, announcement: bytes, past: list[bytes]) -> None:
        """Announce a snapshot or a replay, let it follow, and open new accounts."""
        self._outbox.restart()
        self.filtered = 0
        self._outbox.answer(announcement)
        self._outbox.past(past)
        self.writable()

    def offer(self, message: Message) -> None:
        """An event has happened. Returns at once; a client too far behind is disconnected."""
        if not self._wanted.takes(message, self._clock()):
            self.filtered += 1
        elif self._wire.paused or self._outbox:
            self._outbox.news(message)
            self._check()
        else:
            self._wire.write(message.frame)
            self._outbox.sent += 1

    def answer(self, frame: bytes) -> None:
        """Say something that is no event, in its turn."""
        if self._wire.paused or self._outbox:
            self._outbox.answer(frame)
            self._check()
        else:
            self._wire.write(frame)

    def writable(self) -> None:
        """Send what waits, as far as there is room."""
        while not self._wire.paused:
            frame = self._outbox.pop()
            if frame is None:
                if self._drained is not None:
                    self._drained.set()
                return
            self._wire.write(frame)

    async def finish(self) -> None:
        """Give the client a bounded time to take what waits."""
        if not self._outbox:
            return
        self._drained = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.flush_s):
                await self._drained.wait()

    def _check(self) -> None:
        if self._outbox.backlog > self._limits.max_backlog:
            self._wire.end((Close.TOO_SLOW, "too many messages are waiting for this client."))
