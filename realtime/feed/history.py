"""What a viewer who joins late is told first."""

from __future__ import annotations

from typing import Any, Final

from realtime.feed.message import Message

MAX_ROLLING: Final = 64


class History:
    """The conversation so far, at most the newest message of each subject.

    Kept are the hello, then the newest transcript and state of each utterance, final estimates, statuses and
    the end up to a bound (the oldest go first), and the newest rolling estimate of each person.

    Args:
        max_messages: the bound, >= 1.
    """

    def __init__(self, max_messages: int) -> None:
        self._max_messages = max_messages
        self._clock = 0
        self._hello: tuple[int, Message] | None = None
        self._kept: dict[tuple[str, str], tuple[int, Message]] = {}
        self._rolling: dict[str, tuple[int, Message]] = {}

    def add(self, message: Message) -> None:
        """Take in a message; a hello makes all before it forgotten."""
        self._clock += 1
        entry = (self._clock, message)
        if message.opens:
            self._hello = entry
            self._kept.clear()
            self._rolling.clear()
        elif message.rolling is not None:
            self._rolling.pop(message.rolling, None)
            self._rolling[message.rolling] = entry
            _shorten(self._rolling, MAX_ROLLING)
        else:
            self._kept.pop(message.subject, None)
            self._kept[message.subject] = entry
            _shorten(self._kept, self._max_messages)

    def snapshot(self) -> list[Message]:
        """What is kept, in the order in which it was said."""
        entries = [*self._kept.values(), *self._rolling.values()]
        if self._hello is not None:
            entries.append(self._hello)
        return [message for _, message in sorted(entries, key=lambda entry: entry[0])]


def _shorten(entries: dict[Any, tuple[int, Message]], length: int) -> None:
    """Drop the oldest entries; dictionaries keep the order of insertion."""
    while len(entries) > length:
        del entries[next(iter(entries))]
