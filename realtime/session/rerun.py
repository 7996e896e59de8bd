"""A recorded live run, had again: equal inputs, ticks and results in equal order, so equal events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from core.engine.engine import Engine, Input
from core.errors import SourceError
from core.events import End, Hello
from core.work import Failed, Work, WorkResult
from realtime.recording.recorded_inputs import BREAKS_OFF, RecordedRun
from realtime.session.loop import SessionLoop
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
        self._owed: set[int] = set()

    def run(self, recorded: RecordedRun, hello: Hello) -> End:
        """Play the run to its end; one that was killed is ended in order where it breaks off."""
        loop = SessionLoop(self._engine, self._owe, self._sink, hello.streams)
        loop.emit(hello)
        fault = self._play(recorded, loop)
        end = recorded.end
        if fault is not None:
            end = loop.end("failed", [fault])
        elif self._interrupted.is_set():
            end = loop.end("interrupted", [])
        elif end is None:
            end = loop.end("failed", [BREAKS_OFF])
        loop.emit(end)
        return end

    def _play(self, recorded: RecordedRun, loop: SessionLoop) -> str | None:
        """Feed the engine; returns why that could not go on, if so. What was said until then is kept."""
        try:
            for at_s, item in self._inputs(recorded, loop):
                if isinstance(item, WorkResult):
                    self._owed.discard(item.id)
                loop.carry(item, at_s)
        except SourceError as error:
            return str(error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # The engine trusts its inputs; these come from a file. What fails names code, never content.
            log.debug("the engine failed on a recorded input", exc_info=True)
            return f"the recording does not fit its own header ({type(error).__name__})."
        return None

    def _inputs(self, recorded: RecordedRun, loop: SessionLoop) -> Iterator[tuple[float, Input]]:
        at_s = 0.0
        for entry in recorded.inputs():
            at_s = entry.at_s
            if not self._pacer.wait_until(at_s):
                break
            loop.note(entry.item)
            yield at_s, entry.item
        for ending in loop.unended():
            yield at_s, ending
        while self._owed and not self._engine.finished:
            yield at_s, WorkResult(min(self._owed), Failed("recording: the result was not recorded"))

    def _owe(self, job: Work) -> None:
        """Nothing computes the job: its result is among the recorded inputs, or was never recorded."""
        self._owed.add(job.id)
