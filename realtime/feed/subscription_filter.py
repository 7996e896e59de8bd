"""Which events one client wants."""

from __future__ import annotations

from realtime.feed.client_messages import Subscription
from realtime.feed.message import Message

ALWAYS = frozenset({"hello", "end"})
OF_PERSONS = frozenset({"estimate", "transcript", "utterance", "correction"})


class SubscriptionFilter:
    """A client's subscription at work.

    Args:
        subscription: what the client asked for; None means all.
    """

    __slots__ = ("_due_s", "_kinds", "_period_s", "_persons", "_rolling")

    def __init__(self, subscription: Subscription | None = None) -> None:
        asked = subscription if subscription is not None else Subscription()
        self._kinds = None if asked.kinds is None else ALWAYS.union(asked.kinds)
        self._persons = None if asked.persons is None else frozenset(asked.persons)
        self._rolling = asked.rolling
        self._period_s = None if asked.rate_hz is None else 1.0 / asked.rate_hz
        self._due_s: dict[str, float] = {}

    def matches(self, message: Message) -> bool:
        """Whether the message is wanted, the rate aside."""
        if self._kinds is not None and message.kind not in self._kinds:
            return False
        if self._persons is not None and message.kind in OF_PERSONS and message.person not in self._persons:
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
