"""The live source: all devices of a session, one stream time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from core.events import StreamInfo
from core.inputs import SourceInput
from core.media.source import available_s
from realtime.sources.capture import Capture, DeviceReader
from realtime.sources.clock_jumps import ClockJumpDetector
from realtime.sources.echo_stage import EchoStage

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.05
"""The longest wait for news: time-outs need time to pass."""


class LiveSource:
    """Gives what the devices say, as it comes. It never ends by itself: see `stop` and `close`.

    Stream second 0 is the moment at which `inputs` begins. A device that is not there is retried for ever and
    told as a `DeviceState`; it is no error. `inputs` may be iterated once.

    Args:
        captures: one per stream.
        name: what is being read, for people.
        echo: keeps the loudspeaker out of the microphone; None = there is no loopback to compare with.
        clock: steady seconds. `perf_counter` is the best steady clock of each system.
        wall: wall-clock seconds, to notice that the machine slept.
        permit: raises an error when no device may be opened.
    """

    def __init__(
        self,
        captures: Sequence[Capture],
        *,
        name: str = "live",
        echo: EchoStage | None = None,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
        permit: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.streams: tuple[StreamInfo, ...] = tuple(capture.info for capture in captures)
        self.duration_s: float | None = None
        self.faults: list[str] = []
        self.zero_s = 0.0
        self._echo = echo
        self._clock = clock
        self._wall = wall
        self._permit = permit
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._closed = threading.Event()
        self._readers = tuple(DeviceReader(capture, self.now_s, self._news.set) for capture in captures)

    def now_s(self) -> float:
        """The present stream time in seconds; 0 is when `inputs` began."""
        return self._clock() - self.zero_s

    def behind_s(self) -> float:
        """How long the newest sound had waited before it was taken: what a busy machine owes its devices."""
        return max((reader.behind_s for reader in self._readers), default=0.0)

    def inputs(self) -> Iterator[SourceInput]:
        """Open the devices and give what they say until `stop` or `close`; see `Source.inputs`.

        Raises:
            EmotrackError: no device may be opened.
        """
        if self._permit is not None:
            self._permit()
        if self._closed.is_set():
            return
        self.zero_s = self._clock()
        watch = ClockJumpDetector()
        for reader in self._readers:
            reader.start()
        try:
            while not self._stopping.is_set() and not self._closed.is_set():
                self._news.wait(_LOOK_S)
                self._news.clear()
                yield from self._gathered(watch)
        finally:
            self._release()
        if not self._closed.is_set():
            yield from self._ended()

    def stop(self) -> None:
        """End in order, from any thread: what was captured is given, then each stream's end."""
        self._stopping.set()
        self._news.set()

    def close(self) -> None:
        """Release the devices and end a running iteration."""
        self._closed.set()
        self.stop()
        self._release()

    def counters(self) -> dict[str, dict[str, int]]:
        """Stream -> what was dropped, came too late, and how often the device was opened again."""
        counted = {reader.info.name: reader.counters() for reader in self._readers}
        if self._echo is not None:
            counted["echo"] = self._echo.counters()
        return counted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- gathering ------------------------------------------------------------------------------------

    def _gathered(self, watch: ClockJumpDetector) -> list[SourceInput]:
        now_s = self.now_s()
        jump = watch.look(now_s, self._wall())
        if jump is not None and jump.set_s:
            log.warning("the wall clock moved by %.1f s; stream time goes on", jump.set_s)
        silent_s = jump.silent_s if jump is not None else 0.0
        batches = [reader.advance(now_s, silent_s=silent_s) for reader in self._readers]
        return self._merged(batches, now_s)

    def _ended(self) -> list[SourceInput]:
        batches = [reader.finish(self.now_s()) for reader in self._readers]
        self._tell_losses()
        return self._merged(batches, None)

    def _merged(self, batches: list[list[SourceInput]], now_s: float | None) -> list[SourceInput]:
        if self._echo is not None:
            batches = [self._echo.carry(batches, now_s)]
        # Sorting is stable and each lane is in order, so a lane keeps its order.
        return sorted((item for batch in batches for item in batch), key=available_s)

    def _tell_losses(self) -> None:
        for stream, counted in self.counters().items():
            for what, count in counted.items():
                if count and what in ("overflow_samples", "late_samples"):
                    self.faults.append(f"{stream}: {count / 16_000:.2f} s of sound were lost ({what[:-8]}).")

    def _release(self) -> None:
        for reader in self._readers:
            reader.request_stop()
        for reader in self._readers:
            reader.stop()
