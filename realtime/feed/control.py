"""What clients may do to the replay of a recording: stop it, mark a moment, correct an estimate."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from core.errors import FeedError, NotAvailable
from core.events import Correction, End, Event, Hello, Marker, Status
from realtime.feed.client_messages import Modality
from realtime.sinks.base import Sink

MAX_WAITING: Final = 256


class RunControl:
    """Carries out requests that concern a run, and lets markers and corrections in between its events.

    It is a `ControlTarget`, and a sink before another sink. Requests come from any thread; what they add is
    written by the thread that writes the events, before the next one, and all are numbered anew: numbers stay
    without holes. Without a request the events pass as they are.

    Args:
        interrupted: set to end the run in order.
    """

    def __init__(self, interrupted: threading.Event) -> None:
        self._sink: Sink | None = None
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._waiting: deque[Marker | Correction] = deque()
        self._labels: frozenset[str] = frozenset()
        self._running = False
        self._now_s = 0.0
        self._shift = 0

    # -- a sink ---------------------------------------------------------------------------------------

    def before(self, sink: Sink) -> Sink:
        """Stand before `sink` from now on; returns itself."""
        self._sink = sink
        return self

    def write(self, event: Event, seq: int) -> None:
        """Write what waits, then the event."""
        sink = self._sink
        assert sink is not None, "it stands before no sink"
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
            self._note(event)
        for added in waiting:
            sink.write(added, seq + self._shift)
            self._shift += 1
        if isinstance(event, Hello):
            self._shift = 0
        sink.write(event, seq + self._shift)

    def close(self) -> None:
        """Close the sink behind."""
        if self._sink is not None:
            self._sink.close()

    def _note(self, event: Event) -> None:
        match event:
            case Hello():
                self._labels, self._running, self._now_s = frozenset(event.labels), True, 0.0
            case End():
                self._running = False
            case Status() | Marker() | Correction():
                self._now_s = max(self._now_s, event.t_s)
            case _:
                self._now_s = max(self._now_s, event.t1_s)

    # -- a control target -----------------------------------------------------------------------------

    def start(self) -> None:
        """Not for a recording."""
        raise NotAvailable("A replay begins when its command does.")

    def stop(self) -> None:
        """End the run in order."""
        with self._lock:
            self._check_running()
        self._interrupted.set()

    def withdraw(self) -> None:
        """Not for a recording."""
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
