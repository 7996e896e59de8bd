"""What waits to be sent to one client."""

from __future__ import annotations

from collections import deque

from realtime.feed.message import Message

_REPLY = -1
_PAST = -2


class SendQueue:
    """A queue that forgets rolling estimates which a newer one has replaced, and nothing else.

    Frames leave in the order in which they came. News are counted in accounts; `restart` opens a new one.

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
        """Let an event wait."""
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
        """Let a frame wait that is no event."""
        self._order += 1
        self._undroppable += 1
        self._lasting.append((self._order, frame, _REPLY))

    def put_past(self, frames: list[bytes]) -> None:
        """Let the frames of a snapshot or replay wait; none of them may be replaced."""
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
        """Forget all but answers."""
        self._rolling.clear()
        self._lasting = deque(entry for entry in self._lasting if entry[2] == _REPLY)
        self._undroppable = len(self._lasting)
