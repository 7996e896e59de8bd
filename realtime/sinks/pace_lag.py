"""How far a run is behind the pace it aims at: the terminal and the page say the same."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.events import (
    Conversation,
    Correction,
    EmotionEstimate,
    End,
    Event,
    Hello,
    Marker,
    Relabel,
    Status,
    Transcript,
    Utterance,
)


class PaceLag:
    """Compares the stream time that the events have reached with the time that has passed.

    It knows of time only when an event comes: while nothing happens in a recording nothing can be said.

    Args:
        pace: stream seconds per wall-clock second that are aimed at; None = as fast as possible.
        monotonic: clock in seconds.

    Attributes:
        stream_s: stream time that the events have reached.
    """

    def __init__(self, pace: float | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.stream_s = 0.0
        self._pace = pace
        self._monotonic = monotonic
        self._started_s: float | None = None

    def observe(self, event: Event) -> None:
        """Take in the next event. The time of the first one counts as the start."""
        if self._started_s is None or isinstance(event, Hello):
            self._started_s, self.stream_s = self._monotonic(), 0.0
        self.stream_s = max(self.stream_s, event_time_s(event))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start; 0 before it."""
        return 0.0 if self._started_s is None else self._monotonic() - self._started_s

    @property
    def behind_s(self) -> float | None:
        """Seconds behind the pace at this moment, negative when ahead; None where no pace is aimed at."""
        return None if self._pace is None else self.elapsed_s - self.stream_s / self._pace


def event_time_s(event: Event) -> float:
    """The stream time at which an event was decided, in seconds."""
    match event:
        case Hello():
            return 0.0
        case EmotionEstimate():
            return event.stages.fused_s
        case Transcript() | Utterance():
            return event.t1_s
        case Status() | Marker() | Correction() | Relabel() | Conversation() | End():
            return event.t_s
