"""The echo guard between two streams: the microphone waits for the loudspeaker's sound of the same time.

Usually that is a few hundredths of a second. Once, when the loudspeaker begins to play, it waits up to
`HOLD_S` until it is known whether there is an echo: so not even the other side's first word becomes mine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from core.inputs import (
    SAMPLE_RATE,
    AudioChunk,
    ClockState,
    DeviceState,
    EndOfStream,
    Gap,
    Samples,
    SourceInput,
)
from realtime.sources.echo_canceller import EchoCanceller
from realtime.sources.echo_filter import BLOCK

HOLD_S: Final = 2.5
PATIENCE_S: Final = 0.35
"""A loudspeaker's sound that is later than this counts as silence; the microphone goes on."""

_KEEP: Final = 5 * SAMPLE_RATE


class EchoStage:
    """Carries all inputs; those of the microphone come out cleaned and a little later, in their order.

    Args:
        near: stream of the microphone.
        far: stream of the loudspeaker.
    """

    def __init__(self, near: str, far: str) -> None:
        self._near = near
        self._far = far
        self._canceller = EchoCanceller()
        self._played: Samples = np.zeros(0, np.float32)
        self._played_end = 0
        self._pending: Samples = np.zeros(0, np.float32)
        self._position = 0  # of the first pending sample
        self._observed = 0
        self._marks: deque[DeviceState | ClockState] = deque()
        self._unguarded = 0

    def carry(self, batches: Sequence[Sequence[SourceInput]], now_s: float | None) -> list[SourceInput]:
        """What came on all streams, each in its order; None as the time gives out all that is held."""
        out: list[SourceInput] = []
        near: list[SourceInput] = []
        for item in (item for batch in batches for item in batch):
            if item.stream == self._near:
                near.append(item)
                continue
            if item.stream == self._far and isinstance(item, AudioChunk):
                self._hear(item)
            out.append(item)
        for item in near:
            out += self._take(item)
        return [*out, *self._advance(now_s)]

    def counters(self) -> dict[str, int]:
        """Samples that were silenced, and that passed without being compared because `them` was late."""
        return {
            "silenced_samples": round(self._canceller.silenced_s * SAMPLE_RATE),
            "unguarded_samples": self._unguarded,
        }

    # -- what comes in --------------------------------------------------------------------------------

    def _hear(self, chunk: AudioChunk) -> None:
        hole = max(0, chunk.start_sample - self._played_end)
        pieces = [self._played, np.zeros(min(hole, _KEEP), np.float32), chunk.samples]
        self._played = np.concatenate(pieces)[-_KEEP:]
        self._played_end = chunk.end_sample

    def _take(self, item: SourceInput) -> list[SourceInput]:
        if isinstance(item, AudioChunk):
            if not len(self._pending):
                self._position = item.start_sample
            self._pending = np.concatenate([self._pending, item.samples])
            return []
        if isinstance(item, Gap | EndOfStream):
            return [*self._flush(), *self._passed_marks(), item]
        if isinstance(item, DeviceState | ClockState):
            self._marks.append(item)
        return []

    # -- what goes out --------------------------------------------------------------------------------

    def _advance(self, now_s: float | None) -> list[SourceInput]:
        if now_s is None:
            return [*self._flush(), *self._passed_marks()]
        self._observe(now_s)
        if self._holds():
            return []
        ready = 0
        while len(self._pending) - ready >= BLOCK and self._is_ready(self._position + ready + BLOCK, now_s):
            ready += BLOCK
        out = self._cleaned(ready)
        return [*out, *self._passed_marks()]

    def _observe(self, now_s: float) -> None:
        """Look for the delay in what has come of both."""
        at = max(self._observed, self._position)
        end = self._position + len(self._pending)
        while at + BLOCK <= end and self._is_ready(at + BLOCK, now_s):
            near = self._pending[at - self._position :][:BLOCK]
            before = self._canceller.verdict
            if self._canceller.observe(self._playing(at, BLOCK), near) and before == "unknown":
                known = (at + BLOCK - self._position) // BLOCK * BLOCK
                far = self._playing(self._position - self._canceller.delay, known)
                self._canceller.learn(far, self._pending[:known])
            at += BLOCK
        self._observed = at

    def _holds(self) -> bool:
        undecided = self._canceller.verdict == "unknown" and self._canceller.listening
        return undecided and len(self._pending) < HOLD_S * SAMPLE_RATE

    def _is_ready(self, end: int, now_s: float) -> bool:
        needed = end + max(0, -self._canceller.delay)
        return self._played_end >= needed or now_s - end / SAMPLE_RATE > PATIENCE_S

    def _flush(self) -> list[SourceInput]:
        whole = len(self._pending) // BLOCK * BLOCK
        out = self._cleaned(whole)
        rest = len(self._pending)
        if rest:
            padded = np.concatenate([self._pending, np.zeros(BLOCK - rest, np.float32)])
            far = self._playing(self._position - self._canceller.delay, BLOCK)
            out.append(AudioChunk(self._near, self._position, self._canceller.clean(far, padded)[:rest]))
            self._position += rest
            self._pending = self._pending[:0]
        return out

    def _cleaned(self, count: int) -> list[SourceInput]:
        if not count:
            return []
        blocks = []
        for at in range(0, count, BLOCK):
            start = self._position + at
            self._unguarded += BLOCK * (self._played_end < start + BLOCK)
            far = self._playing(start - self._canceller.delay, BLOCK)
            blocks.append(self._canceller.clean(far, self._pending[at : at + BLOCK]))
        chunk = AudioChunk(self._near, self._position, np.concatenate(blocks))
        self._pending = self._pending[count:]
        self._position = chunk.end_sample
        return [chunk]

    def _passed_marks(self) -> list[SourceInput]:
        """States whose time has come. They move to the end of the chunk that they fell into."""
        here_s = self._position / SAMPLE_RATE
        passed: list[SourceInput] = []
        while self._marks and (not len(self._pending) or self._marks[0].t_s <= here_s):
            mark = self._marks.popleft()
            passed.append(replace(mark, t_s=max(here_s, mark.t_s)))
        return passed

    def _playing(self, start: int, count: int) -> Samples:
        """What the loudspeaker played; zeros where that is not known."""
        first = self._played_end - len(self._played)
        begin, end = max(start, first), min(start + count, self._played_end)
        out = np.zeros(count, np.float32)
        if begin < end:
            out[begin - start : end - start] = self._played[begin - first : end - first]
        return out
