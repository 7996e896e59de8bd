"""Whether what a recording holds can have come from a run: it may be damaged, or made to harm.

The engine works through all the time that an input claims. So a time far ahead of the rest, of which one
damaged byte is enough, would keep it busy for years.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from core.engine.engine import Input
from core.engine.load_shedding import QueueAges
from core.errors import SourceError
from core.inputs import SAMPLE_RATE, AudioChunk, ClockState, DeviceState, EndOfStream, Gap, Tick, VideoFrame
from core.work import WorkResult

MOST_AHEAD_S: Final = 60.0
"""An input speaks of at most so much time after the moment at which the engine was given it."""
LONGEST_PAUSE_S: Final = 86_400.0
"""Between two inputs: a machine may sleep over night."""
LONGEST_RUN_S: Final = 366 * 86_400.0


class InputChecks:
    """Checks the inputs of one recording, in their order.

    Args:
        streams: names of the run's streams.
    """

    def __init__(self, streams: Collection[str]) -> None:
        self._streams = frozenset(streams)
        self._at_s = 0.0

    def check(self, at_s: float, item: Input) -> None:
        """Let an input pass.

        Args:
            at_s: stream time at which the engine was given it.
            item: the input.

        Raises:
            SourceError: it names a stream that there is not, or a time that cannot be.
        """
        if at_s > LONGEST_RUN_S or at_s - self._at_s > LONGEST_PAUSE_S:
            raise _damaged(f"an input is said to have come at {at_s:.0f} s")
        self._at_s = max(self._at_s, at_s)
        stream = getattr(item, "stream", None)
        if stream is not None and stream not in self._streams:
            raise _damaged(f"there is no stream {str(stream)[:40]!r}")
        for t_s in _times_s(item):
            if not (math.isfinite(t_s) and -MOST_AHEAD_S <= t_s <= at_s + MOST_AHEAD_S):
                raise _damaged(f"a {type(item).__name__} that came at {at_s:.1f} s speaks of {t_s:.6g} s")


def _times_s(item: Input) -> list[float]:
    """All times of an input, in seconds of the stream."""
    match item:
        case AudioChunk():
            return [item.start_sample / SAMPLE_RATE, item.end_sample / SAMPLE_RATE]
        case Gap():
            return [item.t0_s, item.t1_s]
        case VideoFrame() | Tick() | EndOfStream() | DeviceState() | ClockState() | QueueAges():
            return [item.t_s]
        case WorkResult():
            return [] if item.done_s is None else [item.done_s]


def _damaged(what: str) -> SourceError:
    return SourceError(f"is damaged: {what}.", where="recorded inputs")
