"""How fast a recording is played: as fast as possible, in real time, or at a multiple of it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from core.errors import ConfigError
from core.events import StreamInfo
from core.inputs import SourceInput
from core.media.source import Source, available_s

_CLOSE_ENOUGH_S = 1e-6
"""Below the resolution of sleeping; rounding of the clock must not make the wait spin."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Stream seconds per wall-clock second; `None` means as fast as possible."""

    factor: float | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "max", "realtime" or a positive number such as "2" or "0.5".

        Raises:
            ConfigError: it is none of these.
        """
        word = text.strip().lower()
        if word == "max":
            return cls(None)
        try:
            factor = 1.0 if word == "realtime" else float(word)
        except ValueError:
            factor = math.nan
        if not (math.isfinite(factor) and factor > 0):
            raise ConfigError(
                f"{text!r} is not a pace.", where="pace", fix='Use "max", "realtime", or a number above 0.'
            )
        return cls(factor)

    def __str__(self) -> str:
        if self.factor is None:
            return "max"
        return "realtime" if self.factor == 1.0 else f"{self.factor:g}"


class Pacer:
    """Holds a stream back to its pace. Who is late is not held back, and nothing is ever left out.

    Stream second 0 is tied to the clock at `start`, or else at the first `wait_until`.

    Args:
        pace: how fast.
        clock: monotonic seconds.
        sleep: waits for some seconds; by default it returns at once when `interrupted` is set.
        interrupted: when set, no wait is begun or continued and the stream ends.
    """

    def __init__(
        self,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        interrupted: threading.Event | None = None,
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._interrupted = interrupted if interrupted is not None else threading.Event()
        self._sleep = sleep if sleep is not None else self._interrupted.wait
        self._zero_s: float | None = None

    def start(self) -> None:
        """Tie stream second 0 to now. Later calls change nothing."""
        if self._zero_s is None:
            self._zero_s = self._clock()

    def lateness_s(self, stream_t_s: float) -> float:
        """Wall-clock seconds since that stream time was due; negative while it is still to come."""
        if self._pace.factor is None:
            return 0.0
        self.start()
        assert self._zero_s is not None
        return self._clock() - self._zero_s - stream_t_s / self._pace.factor

    def wait_until(self, stream_t_s: float) -> bool:
        """Wait for that stream time. False when interrupted, at once."""
        while not self._interrupted.is_set():
            remaining_s = -self.lateness_s(stream_t_s)
            if remaining_s <= _CLOSE_ENOUGH_S:
                return True
            self._sleep(remaining_s)
        return False


def paced(inputs: Iterable[SourceInput], pacer: Pacer) -> Iterator[SourceInput]:
    """Pass every input on when it is due, in the given order; stop when the pacer is interrupted."""
    pacer.start()
    for item in inputs:
        if not pacer.wait_until(available_s(item)):
            return
        yield item


class PacedSource:
    """A recording that is played as if it came from devices: each input when it is due.

    Args:
        source: what is played; it is closed with this one.
        clock: monotonic seconds.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = time.perf_counter) -> None:
        self._source = source
        self._stopped = threading.Event()
        self._pacer = Pacer(Pace(1.0), clock, interrupted=self._stopped)
        self._begun = False
        self.name = source.name
        self.streams: tuple[StreamInfo, ...] = source.streams
        self.duration_s = source.duration_s
        self.faults = source.faults

    def inputs(self) -> Iterator[SourceInput]:
        """The recording's inputs, in real time."""
        self._pacer.start()
        self._begun = True
        yield from paced(self._source.inputs(), self._pacer)

    def now_s(self) -> float:
        """Present stream time in seconds; 0 before the first input."""
        return self._pacer.lateness_s(0.0) if self._begun else 0.0

    def behind_s(self) -> float:
        """Zero: a recording does not mind waiting."""
        return 0.0

    def stop(self) -> None:
        """End a running iteration, from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """End a running iteration and close the recording."""
        self.stop()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
