"""One client that follows a session: its subscription, its queue, and its counts of events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from realtime.feed.client_messages import Subscription
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import Message
from realtime.feed.connection import CloseReason
from realtime.feed.limits import Limits

ALWAYS_SENT: Final = frozenset({"hello", "end"})
ABOUT_PERSONS: Final = frozenset({"estimate", "transcript", "utterance", "correction"})

_REPLY: Final = -1
"""In place of an account: a frame that is no event."""
_PAST: Final = -2
"""In place of an account: a frame of a snapshot or replay."""


class SubscriptionFilter:
    """A client's subscription at work.

    Args:
        subscription: what the client asked for; None means all.
    """

    __slots__ = ("_due_s", "_kinds", "_period_s", "_persons", "_rolling")

    def __init__(self, subscription: Subscription | None = None) -> None:
        asked = subscription if subscription is not None else Subscription()
        self._kinds = None if asked.kinds is None else ALWAYS_SENT.union(asked.kinds)
        self._persons = None if asked.persons is None else frozenset(asked.persons)
        self._rolling = asked.rolling
        self._period_s = None if asked.rate_hz is None else 1.0 / asked.rate_hz
        self._due_s: dict[str, float] = {}

    def matches(self, message: Message) -> bool:
        """Whether the message is wanted, the rate aside."""
        if self._kinds is not None and message.kind not in self._kinds:
            return False
        if (
            self._persons is not None
            and message.kind in ABOUT_PERSONS
            and message.person not in self._persons
        ):
            return False
        return self._rolling or not message.rolling

    def accepts(self, message: Message, now_s: float) -> bool:
        """Whether the message is wanted now.

        The rate is kept on the average: an estimate that comes a little early still counts for its turn, and
        a pause does not save up turns.
        """
        if not self.matches(message):
            return False
        if self._period_s is None or not message.rolling or message.person is None:
            return True
        due_s = self._due_s.get(message.person, now_s)
        if now_s < due_s - 1e-3:
            return False
        self._due_s[message.person] = max(due_s, now_s - self._period_s) + self._period_s
        return True


class SendQueue:
    """A queue that drops rolling estimates which a newer one has replaced, and nothing else.

    Frames leave in the order in which they came. Events are counted from each snapshot or replay on:
    `restart` begins such an account anew.

    Attributes:
        sent, conflated: news of the present account that left, or were replaced by newer ones.
    """

    __slots__ = ("_account", "_lasting", "_order", "_rolling", "_undroppable", "conflated", "sent")

    def __init__(self) -> None:
        self._order = 0
        self._account = 0
        self._undroppable = 0
        self._lasting: deque[tuple[int, bytes, int]] = deque()
        self._rolling: dict[str, tuple[int, bytes, int]] = {}
        self.sent = 0
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._lasting) + len(self._rolling)

    @property
    def waiting(self) -> int:
        """News of the present account that wait."""
        rolling = sum(account == self._account for _, _, account in self._rolling.values())
        return rolling + sum(account == self._account for _, _, account in self._lasting)

    @property
    def backlog(self) -> int:
        """Frames that may not be dropped, except those of snapshots and replays."""
        return self._undroppable

    def restart(self) -> None:
        """Open a new account; what was put in before is not counted any more."""
        self._account += 1
        self.sent = self.conflated = 0

    def put_event(self, message: Message) -> None:
        """Queue an event; a rolling estimate replaces the older one of the same person."""
        self._order += 1
        entry = (self._order, message.frame, self._account)
        if message.rolling and message.person is not None:
            replaced = self._rolling.pop(message.person, None)
            if replaced is not None and replaced[2] == self._account:
                self.conflated += 1
            self._rolling[message.person] = entry
        else:
            self._undroppable += 1
            self._lasting.append(entry)

    def put_reply(self, frame: bytes) -> None:
        """Queue a frame that is no event, such as a `pong`."""
        self._order += 1
        self._undroppable += 1
        self._lasting.append((self._order, frame, _REPLY))

    def put_past(self, frames: list[bytes]) -> None:
        """Queue the frames of a snapshot or replay; none of them may be replaced."""
        for frame in frames:
            self._order += 1
            self._lasting.append((self._order, frame, _PAST))

    def pop(self) -> bytes | None:
        """Take out the oldest frame, None when nothing waits."""
        oldest = next(iter(self._rolling), None)  # dictionaries keep the order of insertion
        if oldest is not None and (not self._lasting or self._rolling[oldest][0] < self._lasting[0][0]):
            _, frame, account = self._rolling.pop(oldest)
        elif self._lasting:
            _, frame, account = self._lasting.popleft()
            self._undroppable -= account != _PAST
        else:
            return None
        self.sent += account == self._account
        return frame

    def drop_events(self) -> None:
        """Drop what waits except replies: a new snapshot will hold it."""
        self._rolling.clear()
        self._lasting = deque(entry for entry in self._lasting if entry[2] == _REPLY)
        self._undroppable = len(self._lasting)


class FrameWriter(Protocol):
    """The part of a `Connection` that a viewer uses."""

    paused: bool

    def write(self, frame: bytes) -> None:
        """Send a complete websocket frame at once."""
        ...

    def request_close(self, reason: CloseReason) -> None:
        """Close the connection with a code and a reason, soon."""
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
