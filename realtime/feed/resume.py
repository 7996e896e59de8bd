"""What a client remembers between connections: the last event it received, and whether to try again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from core.events import Event
from realtime.feed.client_messages import Resume
from realtime.feed.close_codes import CloseCode
from realtime.feed.server_messages import Replay, Snapshot

LOST: Final = 1006
"""What libraries call a connection that ended without a close frame."""

_PERMANENT: Final = frozenset(
    {
        CloseCode.UNSUPPORTED_DATA, CloseCode.INVALID_DATA, CloseCode.BAD_MESSAGE, CloseCode.IDENTIFY_TIMEOUT,
        CloseCode.AUTHENTICATION_FAILED, CloseCode.FORBIDDEN, CloseCode.OUT_OF_TURN,
        CloseCode.UNSUPPORTED_VERSION,
    }
)  # fmt: skip


class AfterClose(Enum):
    """What a client does after its connection has ended."""

    END = "end"
    """What was followed is over."""
    FAIL = "fail"
    """Trying again would give the same."""
    AGAIN = "again"
    """Connect again."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as a client received it.

    Attributes:
        event: what.
        seq: its number within the run.
        run: the run's name.
    """

    event: Event
    seq: int
    run: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a client tries again.

    Attributes:
        first_s, longest_s: the pause doubles from the first to the longest. Each is drawn between half of it
            and one and a half, so that clients that lost a feed together do not come back together.
        patience_s: how long attempts may fail in a row before it gives up; infinite by default.
        chance: draws from [0, 1).
    """

    first_s: float = 0.5
    longest_s: float = 15.0
    patience_s: float = math.inf
    chance: Callable[[], float] = random.random

    def pause_s(self, attempt: int) -> float:
        """How long to wait before the next attempt; `attempt` counts those that failed in a row, from 1."""
        longest_s = min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        return longest_s * (0.5 + self.chance())


class ResumePosition:
    """The last event that a client has received. Lets every event through once and in order.

    Args:
        session: the session that was asked for; None = the newest.
    """

    def __init__(self, session: str | None = None) -> None:
        self._session = session
        self._run: str | None = None
        self._seq = -1

    @property
    def resume(self) -> Resume | None:
        """What to say to go on from here."""
        return Resume(self._run, self._seq) if self._run is not None and self._seq >= 0 else None

    def begin(self, announcement: Snapshot | Replay) -> None:
        """A snapshot or a replay begins."""
        if announcement.run != self._run:
            self._run, self._seq = announcement.run, -1

    def accept(self, event: Event, seq: int) -> ReceivedEvent | None:
        """The event, unless it was told before: a snapshot after a gap repeats some."""
        if self._run is None or seq <= self._seq:
            return None
        self._seq = seq
        return ReceivedEvent(event, seq, self._run)

    def decide(self, code: int) -> AfterClose:
        """What to do when the connection has ended with `code`."""
        if code in {CloseCode.NORMAL, CloseCode.SESSION_OVER}:
            return AfterClose.END
        if code == CloseCode.RESUME_REFUSED:
            self._run, self._seq = None, -1
        if code == CloseCode.UNKNOWN_SESSION and self._session is not None:
            return AfterClose.END if self._run is not None else AfterClose.FAIL
        return AfterClose.FAIL if code in _PERMANENT else AfterClose.AGAIN
