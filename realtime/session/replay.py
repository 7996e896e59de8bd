"""A replay: inputs of a recording as fast as the pace says, held back while the engine waits for results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from core.engine.engine import Engine
from core.errors import SourceError
from core.events import End, Hello
from core.inputs import SourceInput
from core.media.source import Source
from realtime.session.loop import SessionLoop
from realtime.session.run_summary import EndReason
from realtime.session.worker_threads import WorkerThreads
from realtime.sinks.base import Sink
from realtime.sources.pacing import Pace, Pacer, paced

log = logging.getLogger(__name__)

MAX_BACKLOG: Final = 256
"""Inputs that may lie before a waiting engine (about 5 s); then the source is held back."""


class ReplaySession:
    """One run from hello to end.

    Args:
        engine: decides.
        threads: compute.
        sink: takes the events, numbered from 0.
        pace: how fast the source is played.
        interrupted: set it (from a signal handler, say) to end the run early and in order.
        clock: monotonic seconds, for the pace.
    """

    def __init__(
        self,
        engine: Engine,
        threads: WorkerThreads,
        sink: Sink,
        pace: Pace,
        interrupted: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._sink = sink
        self._interrupted = interrupted if interrupted is not None else threading.Event()
        self._pace = pace
        self._clock = clock

    def run(self, source: Source, hello: Hello) -> End:
        """Play `source` to its end; says `hello` first and the returned `End` last.

        A source that fails half-way ends the run with reason "failed" and the fault; what was read before
        is worked off and kept.
        """
        loop = SessionLoop(self._engine, self._threads.submit, self._sink, source.streams)
        loop.emit(hello)
        reason, faults = self._play(source, loop)
        for ending in loop.unended():  # an interrupt or a fault came first
            loop.carry(ending)
        while not self._engine.finished:
            self._take_results(loop, None)
        end = loop.end(reason, [*source.faults, *faults])
        loop.emit(end)
        return end

    def _play(self, source: Source, loop: SessionLoop) -> tuple[EndReason, list[str]]:
        take_results = partial(self._take_results, loop)
        pacer = Pacer(self._pace, self._clock, sleep=take_results, interrupted=self._interrupted)
        try:
            self._carry_all(paced(source.inputs(), pacer), loop)
        except SourceError as error:
            return "failed", [str(error)]
        return ("interrupted" if self._interrupted.is_set() else "finished"), []

    def _carry_all(self, inputs: Iterable[SourceInput], loop: SessionLoop) -> None:
        for item in inputs:
            loop.note(item)
            loop.carry(item)
            self._take_results(loop, 0.0)
            while self._engine.waiting and self._engine.backlog > MAX_BACKLOG:
                self._take_results(loop, None)

    def _take_results(self, loop: SessionLoop, timeout_s: float | None) -> None:
        """Wait up to `timeout_s` (None: as long as it takes) for a result, and take all in that there are."""
        result = self._threads.result(timeout_s)
        while result is not None:
            loop.carry(result)
            result = self._threads.result(0.0)
