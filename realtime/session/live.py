"""The live session: devices in, events out, for hours, at the pace of the world."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol, cast

import numpy as np

from core.engine.engine import Engine, Input
from core.engine.load_shedding import QueueAges
from core.errors import EmotrackError
from core.events import End, Event, Hello, Status
from core.inputs import AudioChunk, SourceInput, Tick, VideoFrame
from core.media.source import Source
from core.work import Failed, WorkResult
from realtime.session.device_check import DeviceCheck
from realtime.session.loop import SessionLoop
from realtime.session.mailbox import Mailbox
from realtime.session.muting import Muting
from realtime.session.run_summary import EndReason
from realtime.session.worker_threads import WorkerThreads
from realtime.sinks.base import Sink

log = logging.getLogger(__name__)

TICK_S: Final = 0.1
TICK_LAG_S: Final = 0.25
"""Ticks stay this far behind the clock, so that sound on its way is not overtaken."""
MEASURE_S: Final = 0.25
GIVE_UP_S: Final = 30.0
"""An order that takes longer than this will not be answered."""
FINISH_S: Final = 15.0
"""How long the orders of the last words may take when the run ends, while they are computed one by one."""
HUNG_S: Final = 5.0
"""A worker that is at one order for longer than this when the run ends is not waited for."""
STOP_S: Final = 3.0
"""How long devices may take to give what they still hold."""
PUMP_S: Final = 1.0
"""How long the thread that reads the source may take to end once the source is closed."""

_LEVELS: Final = 32_768.0


class TimedSource(Source, Protocol):
    """A source that plays by itself: its inputs come when they come."""

    def now_s(self) -> float:
        """Present stream time in seconds; 0 before the first input."""
        ...

    def behind_s(self) -> float:
        """How long what the devices gave last had waited for this program; 0 where that is not known."""
        ...

    def stop(self) -> None:
        """End in order: what was captured is still given, then every stream ends."""
        ...


class InputTape(Protocol):
    """Keeps what the engine is fed."""

    def write(self, at_s: float, item: Input) -> None:
        """Keep one input with the stream time at which it was handed over; never waits."""
        ...


class LiveSession:
    """One live run from hello to end.

    Args:
        source: plays by itself; the session stops and closes it.
        engine: decides; not deterministic.
        start_threads: makes the threads that deliver to the given function and stamp with the given clock.
        sink: takes the events, numbered from 0.
        interrupted: set it (from a signal handler, say) to end the run in order.
        tape: keeps the inputs, if any.
        seconds: stream time at which the run ends by itself; None = when the source ends.
        muted: what is left out from the beginning, as `mute` does later.
        purge: called when consent is withdrawn, before that is said: deletes what the run has written, and
            returns what it did as a clause for people.
        clock: monotonic seconds.
        wall: present wall-clock time.
    """

    def __init__(
        self,
        source: TimedSource,
        engine: Engine,
        start_threads: Callable[[Callable[[WorkResult], None], Callable[[], float]], WorkerThreads],
        sink: Sink,
        interrupted: threading.Event | None = None,
        *,
        tape: InputTape | None = None,
        seconds: float | None = None,
        muted: Iterable[Literal["audio", "video"]] = (),
        purge: Callable[[], str] = lambda: "nothing of this session is kept",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._tape = tape
        self._seconds = seconds
        self._muted = tuple(muted)
        self._purge = purge
        self._clock = clock
        self._wall = wall
        self._interrupted = interrupted if interrupted is not None else threading.Event()
        self._mailbox = Mailbox(clock)
        self._threads = start_threads(self._mailbox.put, source.now_s)
        self._source = source
        self._loop = SessionLoop(engine, self._threads.submit, sink, source.streams)
        self._fed = threading.Event()
        self._broken: str | None = None
        self._withdrawn = threading.Event()
        self._muting, self._device_check = Muting(source.streams), DeviceCheck(source.streams)
        self._next_tick_s = self._next_measure_s = self._oldest_s = 0.0

    @property
    def threads(self) -> WorkerThreads:
        """The threads that compute."""
        return self._threads

    def say(self, status: Status) -> None:
        """Let a status appear in the run, from any thread."""
        self._mailbox.put(status)

    def mute(self, kind: Literal["audio", "video"], *, muted: bool) -> None:
        """Leave out what is heard or seen from now on, or take it in again; from any thread."""
        for state in self._muting.change(kind, self.now_s(), muted=muted):
            self._mailbox.put(state)

    def withdraw(self) -> None:
        """End at once: what was captured and not yet handled is dropped, and nothing more is said of it.

        From any thread; who calls it closes the source, too (`realtime.consent.gate`).
        """
        self._withdrawn.set()

    def now_s(self) -> float:
        """Present stream time."""
        return self._source.now_s()

    def run(self, hello: Hello) -> End:
        """Play the source until it ends or the run is interrupted; hello first, the returned end last."""
        source = self._source
        for kind in self._muted:
            self.mute(kind, muted=True)
        pump = threading.Thread(target=self._feed, name="pump", daemon=True)
        pump.start()
        self._wait_for_the_beginning()
        begun = self._wall() - timedelta(seconds=source.now_s())
        started_at = begun.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._loop.emit(replace(hello, started_at=started_at))
        while pump.is_alive() and not self._is_over():
            self._turn(TICK_S)
        self._let_go(pump)
        if hello.capturing:
            self._loop.emit(
                Status(self.now_s(), "capture", "info", "nothing is captured any more", value="off")
            )
        self._finish()
        if self._withdrawn.is_set():
            message = f"consent was withdrawn: {self._purge()}"
            self._loop.emit(Status(self.now_s(), "consent", "warning", message, value="withdrawn"))
        reason = self._reason()
        end = self._loop.end(reason, [*source.faults, *self._losses()])
        self._loop.emit(end)
        return end

    # -- inputs ---------------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Runs on a thread of its own: what devices give goes into the mailbox."""
        try:
            for item in self._source.inputs():
                self._mailbox.put(item)
                self._fed.set()
        except EmotrackError as error:
            self._broken = str(error)
        finally:
            self._fed.set()

    def _is_over(self) -> bool:
        if self._broken is None and self._device_check.failed(self.now_s()):
            self._broken = (
                f"no device can be used: {self._device_check.reasons()}. `emotrack doctor` says more."
            )
        late = self._seconds is not None and self.now_s() >= self._seconds
        told = self._interrupted.is_set() or self._withdrawn.is_set()
        return late or self._broken is not None or told

    def _wait_for_the_beginning(self) -> None:
        while not self._fed.wait(TICK_S):
            if self._interrupted.is_set() or self._withdrawn.is_set():
                return

    def _turn(self, timeout_s: float) -> None:
        """Take in what waits, and let time pass."""
        self._oldest_s = max(self._oldest_s, self._mailbox.age_s())
        for item in self._mailbox.take(timeout_s):
            self._take(item)
        now_s = self.now_s()
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S
            self._push(Tick(max(0.0, now_s - TICK_LAG_S)))
        if now_s >= self._next_measure_s:
            self._next_measure_s = now_s + MEASURE_S
            ages_s = {**self._threads.ages_s(), "input": self._oldest_s, "capture": self._source.behind_s()}
            self._oldest_s = 0.0
            self._push(QueueAges(now_s, ages_s))
            self._give_up(self._threads.give_up(GIVE_UP_S), f"within {GIVE_UP_S:.0f} s")

    def _take(self, item: Input | Event) -> None:
        if isinstance(item, Status):
            self._loop.emit(item)
        elif not isinstance(item, SourceInput):
            self._push(cast(Input, item))
        elif self._loop.note(item):  # else it was ended already
            self._take_source(item)

    def _take_source(self, item: SourceInput) -> None:
        self._device_check.note(item)
        passed = self._muting.passed(item)
        if isinstance(passed, AudioChunk):
            passed = _quantised(passed)
        if isinstance(passed, VideoFrame) and not self._engine.policy.allows("visual"):
            passed = None  # not even into a recording
        if passed is not None:
            self._push(passed)

    def _give_up(self, orders: Iterable[int], when: str) -> None:
        for number in orders:
            self._push(WorkResult(number, Failed(f"overload: no answer {when}")))

    # -- the end --------------------------------------------------------------------------------------

    def _let_go(self, pump: threading.Thread) -> None:
        """Take what the devices still hold, then end the streams that did not end by themselves."""
        self._source.stop()
        limit_s = self._clock() + STOP_S
        while pump.is_alive() and self._clock() < limit_s and not self._withdrawn.is_set():
            self._turn(TICK_S)
        self._source.close()
        pump.join(PUMP_S)  # else it would outlive the run; one that hangs in a source is left behind
        for item in self._mailbox.take(0.0):
            self._take(item)
        for ending in self._loop.unended():
            self._take(ending)

    def _finish(self) -> None:
        """Wait for the last words; what is not there in time is done without."""
        limit_s = self._clock() + 2 * FINISH_S
        while not self._engine.finished and not self._withdrawn.is_set():
            taken = self._mailbox.take(TICK_S)
            for item in taken:
                self._take(item)
            late = self._clock() >= limit_s
            self._give_up(self._threads.give_up_hung(HUNG_S), f"within {HUNG_S:.0f} s at the end of the run")
            when = "before the end of the run" if late else f"within {FINISH_S:.0f} s"
            self._give_up(self._threads.give_up(0.0 if late else FINISH_S), when)
            if late and not taken and not any(self._threads.ages_s().values()):
                return

    def _reason(self) -> EndReason:
        if self._interrupted.is_set() or self._withdrawn.is_set():
            return "interrupted"
        return "finished" if self._broken is None else "failed"

    def _losses(self) -> Iterable[str]:
        if self._broken is not None:
            yield self._broken
        for stream, count in self._mailbox.dropped.items():
            if count:
                yield f"{stream}: {count} pictures were left out because newer ones had come."

    # -- outputs --------------------------------------------------------------------------------------

    def _push(self, item: Input) -> None:
        if self._withdrawn.is_set():  # nothing is looked at or kept any more
            return
        at_s = self.now_s()
        if self._tape is not None:
            self._tape.write(at_s, item)
        self._loop.carry(item, at_s)


def _quantised(chunk: AudioChunk) -> AudioChunk:
    """Samples on a 16-bit grid, as devices give them: a recording of them is exact."""
    levels = np.clip(np.round(chunk.samples * _LEVELS), -_LEVELS, _LEVELS - 1)
    return replace(chunk, samples=(levels / _LEVELS).astype(np.float32))
