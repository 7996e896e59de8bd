"""What clients may do to the replay of a recording: stop it, mark a moment, correct an estimate."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from core.errors import FeedError, NotAvailable
from core.events import Conversation, Correction, End, Event, Hello, Marker, Relabel, Status
from realtime.feed.client_messages import Modality
from realtime.sinks.base import Sink

MAX_WAITING: Final = 256


class RunControl:
    """Carries out requests that concern a run, and lets markers and corrections in between its events.

    It is a `ControlTarget`. Requests come from any thread; what they add is written by the thread that writes
    the events, through the sink that `before` gives.

    Args:
        interrupted: set to end the run in order.
    """

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._waiting: deque[Marker | Correction] = deque()
        self._labels: frozenset[str] = frozenset()
        self._running = False
        self._now_s = 0.0

    # -- events ---------------------------------------------------------------------------------------

    def before(self, sink: Sink) -> Sink:
        """A sink that writes to `sink` what clients add, each before the next event."""
        return _AddingSink(self, sink)

    def take(self, event: Event) -> list[Marker | Correction]:
        """Note what the next event says of the run, and give what has to be written before it."""
        with self._lock:
            added, self._waiting = list(self._waiting), deque()
            self._note(event)
        return added

    def _note(self, event: Event) -> None:
        match event:
            case Hello():
                self._labels, self._running, self._now_s = frozenset(event.labels), True, 0.0
            case End():
                self._running = False
            case Status() | Marker() | Correction() | Relabel() | Conversation():
                self._now_s = max(self._now_s, event.t_s)
            case _:
                self._now_s = max(self._now_s, event.t1_s)

    # -- a control target -----------------------------------------------------------------------------

    def start(self) -> None:
        """Refuse: a replay begins with its command and captures nobody (raises NotAvailable)."""
        raise NotAvailable("A replay begins when its command does.")

    def stop(self) -> None:
        """Ask the run to end in order. Raises FeedError when there is none."""
        with self._lock:
            self._check_running()
        self._interrupted.set()

    def withdraw(self) -> None:
        """Refuse: a replay begins with its command and captures nobody (raises NotAvailable)."""
        raise NotAvailable("A replay captures nobody.")

    def mute(self, modality: Modality, *, muted: bool) -> None:
        """Not for a recording: a replay always gives the same."""
        raise NotAvailable("A recording that is replayed cannot be muted.")

    def mark(self, label: str, t_s: float | None) -> None:
        """Let a marker appear before the next event."""
        with self._lock:
            self._check_running()
            if t_s is not None and t_s > self._now_s:
                raise FeedError("That moment has not come yet.")
            self._add(Marker(self._now_s if t_s is None else t_s, label))

    def correct(self, estimate: str, person: str, labels: tuple[str, ...] | None) -> None:
        """Let a correction appear before the next event."""
        with self._lock:
            self._check_running()
            unknown = self._labels and labels and set(labels) - self._labels
            if unknown:
                raise FeedError("There are labels among these that the model does not know.")
            self._add(Correction(self._now_s, estimate, person, labels))

    def _check_running(self) -> None:
        if not self._running:
            raise FeedError("There is no run at the moment.")

    def _add(self, event: Marker | Correction) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise FeedError("Too many requests wait already.")
        self._waiting.append(event)


class _AddingSink:
    """Writes events and what is added to them, numbered anew: numbers stay without holes."""

    def __init__(self, control: RunControl, sink: Sink) -> None:
        self._control = control
        self._sink = sink
        self._shift = 0

    def write(self, event: Event, seq: int) -> None:
        """Write what waits, then the event; without a request the events pass as they are."""
        for added in self._control.take(event):
            self._sink.write(added, seq + self._shift)
            self._shift += 1
        if isinstance(event, Hello):
            self._shift = 0
        self._sink.write(event, seq + self._shift)

    def close(self) -> None:
        """Close the sink that is written to."""
        self._sink.close()
