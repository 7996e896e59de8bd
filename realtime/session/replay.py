"""The session: carries inputs to the engine, orders to the workers, results back, and events to the sinks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from core.engine.engine import Engine
from core.errors import SourceError
from core.events import End, Event, Hello
from core.inputs import EndOfStream, SourceInput
from core.media.source import Source, available_s
from core.work import Work
from realtime.session.run_summary import EndReason, RunSummary
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
        self._pacer = Pacer(pace, clock, sleep=self._serve, interrupted=self._interrupted)
        self._open: dict[str, float] = {}
        self._seq = 0
        self._summary = RunSummary()

    def run(self, source: Source, hello: Hello) -> End:
        """Play `source` to its end; says `hello` first and the returned `End` last.

        A source that fails half-way ends the run with reason "failed" and the fault; what was read before
        is worked off and kept.
        """
        self._open = {stream.name: 0.0 for stream in source.streams}
        self._emit(hello)
        reason, faults = self._play(source)
        self._finish_streams()
        self._work_off()
        end = self._summary.end(self._engine.now_s, reason, [*source.faults, *faults])
        self._emit(end)
        return end

    # -- inputs ---------------------------------------------------------------------------------------

    def _play(self, source: Source) -> tuple[EndReason, list[str]]:
        try:
            self._carry_all(paced(source.inputs(), self._pacer))
        except SourceError as error:
            return "failed", [str(error)]
        return ("interrupted" if self._interrupted.is_set() else "finished"), []

    def _carry_all(self, inputs: Iterable[SourceInput]) -> None:
        for item in inputs:
            self._note_progress(item)
            self._carry(self._engine.push(item))
            self._serve(0.0)
            while self._engine.waiting and self._engine.backlog > MAX_BACKLOG:
                self._serve(None)

    def _note_progress(self, item: SourceInput) -> None:
        if isinstance(item, EndOfStream):
            self._open.pop(item.stream, None)
        elif item.stream in self._open:
            self._open[item.stream] = max(self._open[item.stream], available_s(item))

    def _finish_streams(self) -> None:
        """End the streams that did not end by themselves: an interrupt or a fault came first."""
        end_s = max(self._open.values(), default=0.0)
        for stream in list(self._open):
            self._carry(self._engine.push(EndOfStream(stream, end_s)))
        self._open.clear()

    def _work_off(self) -> None:
        while not self._engine.finished:
            self._serve(None)

    # -- outputs --------------------------------------------------------------------------------------

    def _serve(self, timeout_s: float | None) -> None:
        """Wait up to `timeout_s` (None: as long as it takes) for a result, and take all in that there are."""
        result = self._threads.result(timeout_s)
        while result is not None:
            self._carry(self._engine.push(result))
            result = self._threads.result(0.0)

    def _carry(self, outputs: Iterable[Event | Work]) -> None:
        for output in outputs:
            if isinstance(output, Work):
                self._threads.submit(output)
            else:
                self._emit(output)

    def _emit(self, event: Event) -> None:
        self._summary.count(event)
        self._sink.write(event, self._seq)
        self._seq += 1
