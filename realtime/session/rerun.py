"""A recorded live run, had again: equal inputs, ticks and results in equal order, so equal events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from core.engine.engine import Engine, Input
from core.errors import SourceError
from core.events import End, Event, Hello
from core.inputs import EndOfStream, SourceInput
from core.media.source import available_s
from core.work import Failed, Work, WorkResult
from realtime.recording.recorded_inputs import BREAKS_OFF, RecordedRun
from realtime.session.live import stamped
from realtime.session.run_summary import RunSummary
from realtime.sinks.base import Sink
from realtime.sources.pacing import Pace, Pacer

log = logging.getLogger(__name__)


class Rerun:
    """Feeds an engine what another was fed. Nothing is computed but voice activity: results are recorded.

    Args:
        engine: built as the one of the run was.
        sink: takes the events, numbered from 0.
        pace: how fast.
        interrupted: set it to end early.
    """

    def __init__(
        self, engine: Engine, sink: Sink, pace: Pace, interrupted: threading.Event | None = None
    ) -> None:
        self._engine = engine
        self._sink = sink
        self._interrupted = interrupted if interrupted is not None else threading.Event()
        self._pacer = Pacer(pace, interrupted=self._interrupted)
        self._open: dict[str, float] = {}
        self._owed: set[int] = set()
        self._summary = RunSummary()
        self._seq = 0

    def run(self, recorded: RecordedRun, hello: Hello) -> End:
        """Play the run to its end; one that was killed is ended in order where it breaks off."""
        self._open = {stream.name: 0.0 for stream in hello.streams}
        self._emit(hello)
        fault = self._play(recorded)
        end = recorded.end
        if fault is not None:
            end = self._summary.end(self._engine.now_s, "failed", [fault])
        elif self._interrupted.is_set():
            end = self._summary.end(self._engine.now_s, "interrupted", [])
        elif end is None:
            end = self._summary.end(self._engine.now_s, "failed", [BREAKS_OFF])
        self._emit(end)
        return end

    def _play(self, recorded: RecordedRun) -> str | None:
        """Feed the engine; returns why that could not go on, if so. What was said until then is kept."""
        try:
            for at_s, item in self._inputs(recorded):
                self._push(at_s, item)
        except SourceError as error:
            return str(error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # The engine trusts its inputs; these come from a file. What fails names code, never content.
            log.debug("the engine failed on a recorded input", exc_info=True)
            return f"the recording does not fit its own header ({type(error).__name__})."
        return None

    def _inputs(self, recorded: RecordedRun) -> Iterator[tuple[float, Input]]:
        at_s = 0.0
        for entry in recorded.inputs():
            at_s = entry.at_s
            if not self._pacer.wait_until(at_s):
                break
            self._note(entry.item)
            yield at_s, entry.item
        end_s = max(self._open.values(), default=0.0)
        for stream in list(self._open):
            yield at_s, EndOfStream(stream, end_s)
        while self._owed and not self._engine.finished:
            yield at_s, WorkResult(min(self._owed), Failed("recording: the result was not recorded"))

    def _note(self, item: Input) -> None:
        if isinstance(item, EndOfStream):
            self._open.pop(item.stream, None)
        elif isinstance(item, SourceInput) and item.stream in self._open:
            self._open[item.stream] = max(self._open[item.stream], available_s(item))

    def _push(self, at_s: float, item: Input) -> None:
        if isinstance(item, WorkResult):
            self._owed.discard(item.id)
        for output in self._engine.push(item):
            if isinstance(output, Work):
                self._owed.add(output.id)
            else:
                self._emit(stamped(output, at_s))

    def _emit(self, event: Event) -> None:
        self._summary.count(event)
        self._sink.write(event, self._seq)
        self._seq += 1
