"""The way of every input in every run: to the engine; its jobs to who computes them, its events to the sink.

A replay, a live run and a rerun differ in where inputs come from and when (source, pace, clock), and in who
computes jobs. What happens to an input then is here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from core.engine.engine import Engine, Input
from core.events import EmotionEstimate, End, Event, StreamInfo
from core.inputs import EndOfStream, SourceInput
from core.media.source import available_s
from core.work import Work
from realtime.session.run_summary import EndReason, RunSummary
from realtime.sinks.base import Sink


class SessionLoop:
    """Carries inputs, jobs and events of one run. For the thread of the session alone.

    Args:
        engine: decides.
        submit: is given each job, at once; must not wait. Results come back through `carry`, as inputs.
        sink: takes the events, numbered from 0 without holes.
        streams: of the run. Those that have not ended by themselves are in `unended`.
    """

    def __init__(
        self, engine: Engine, submit: Callable[[Work], None], sink: Sink, streams: Iterable[StreamInfo]
    ) -> None:
        self._engine = engine
        self._submit = submit
        self._sink = sink
        self._open = {stream.name: 0.0 for stream in streams}
        self._summary = RunSummary()
        self._seq = 0

    def note(self, item: Input) -> bool:
        """Keep how far the item's stream has come, or that it has ended.

        Returns:
            False when it is of a stream that has ended already, or that the run does not have; True for
            everything else, also for what belongs to no stream.
        """
        if not isinstance(item, SourceInput):
            return True
        if item.stream not in self._open:
            return False
        if isinstance(item, EndOfStream):
            del self._open[item.stream]
        else:
            self._open[item.stream] = max(self._open[item.stream], available_s(item))
        return True

    def carry(self, item: Input, at_s: float | None = None) -> None:
        """Push one input into the engine and hand on all that comes out of it.

        Args:
            item: of a source, of a worker, or of the clock.
            at_s: stream time in seconds, with which estimates are stamped as sent; None leaves the stamp out,
                as runs that are to be the same every time need it.
        """
        for output in self._engine.push(item):
            if isinstance(output, Work):
                self._submit(output)
            else:
                self.emit(output if at_s is None else _stamped(output, at_s))

    def emit(self, event: Event) -> None:
        """Count an event and write it under the next number."""
        self._summary.count(event)
        self._sink.write(event, self._seq)
        self._seq += 1

    def unended(self) -> list[EndOfStream]:
        """An end for every stream without one, all where the farthest has come; give them to `carry`."""
        end_s = max(self._open.values(), default=0.0)
        return [EndOfStream(stream, end_s) for stream in self._open]

    def end(self, reason: EndReason, faults: Iterable[str]) -> End:
        """The run's last message as the counts have it; `faults` come before those of the networks.

        It is not written yet: `emit` it.
        """
        return self._summary.end(self._engine.now_s, reason, faults)


def _stamped(event: Event, at_s: float) -> Event:
    """The event; an estimate with the time at which it is sent."""
    if not isinstance(event, EmotionEstimate):
        return event
    sent_s = max(at_s, event.stages.fused_s)
    return replace(event, stages=replace(event.stages, sent_s=sent_s))
