"""A live run without devices: a source that gives what it is told to, and lanes on fake workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from core.inputs import SourceInput
from core.media.source import available_s
from realtime.session.live import LiveSession
from realtime.session.worker_threads import WorkerThreads
from realtime.sources.memory import MemorySource
from tests.core import fakes
from tests.core.conversations import LIVE, engine


class ScriptedSource(MemorySource):
    """Gives its inputs one after the other, each when the session has taken in the one before.

    Stream time is as far as what was given. `pause_at` is called before an input is given.
    """

    def __init__(self, inputs: Iterable[SourceInput], **options) -> None:
        super().__init__(inputs, **options)
        self.session: LiveSession | None = None
        self.pause_at: Callable[[SourceInput], None] = lambda item: None
        self.stopped = threading.Event()
        self._reached_s = 0.0

    def inputs(self):
        for item in super().inputs():
            if self.stopped.is_set():
                return
            self.pause_at(item)
            self._reached_s = max(self._reached_s, available_s(item))
            yield item
            while self.session is not None and self.session._mailbox.age_s() and not self.stopped.is_set():
                threading.Event().wait(0.0002)

    def now_s(self) -> float:
        return self._reached_s

    def behind_s(self) -> float:
        return 0.0

    def stop(self) -> None:
        self.stopped.set()


class ListSink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.events, self.seqs = [], []

    def write(self, event, seq) -> None:
        self.events.append(event)
        self.seqs.append(seq)

    def close(self) -> None:
        pass


def session_of(source, sink, *, workers=None, clock=None, **options) -> LiveSession:
    """A session for a source on fake workers."""
    clocks = {} if clock is None else {"clock": clock}

    def lanes(deliver, stamp):
        return WorkerThreads(
            workers or fakes.WORKERS, deliver=deliver, stamp=stamp, finals_first=True, **clocks
        )

    session = LiveSession(source, engine(source.streams, LIVE), lanes, sink, **clocks, **options)
    source.session = session
    return session


def play_live(source, hello, **options):
    """Run to the end; returns the events and the end."""
    sink = ListSink()
    session = session_of(source, sink, **options)
    try:
        end = session.run(hello)
    finally:
        session.threads.close()
    assert sink.events[-1] is end
    assert sink.seqs == list(range(len(sink.events)))
    return sink.events, end
