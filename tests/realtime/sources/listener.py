"""Runs a live source in a thread and lets a test wait for what it gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np

from core.inputs import SAMPLE_RATE, AudioChunk, DeviceState, EndOfStream, Gap, Samples, SourceInput
from core.media.source import available_s
from realtime.sources.live import LiveSource


class Listener:
    """Everything that a source has given so far, with the stream time at which it came."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self.heard: list[tuple[float, SourceInput]] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.stop()
        self._thread.join(5)
        self.source.close()
        assert not self._thread.is_alive()

    def _listen(self) -> None:
        for item in self.source.inputs():
            with self._news:
                self.heard.append((self.source.now_s(), item))
                self._news.notify_all()

    def wait_for(
        self, wanted: Callable[[SourceInput], bool], within_s: float, *, since: int = 0
    ) -> tuple[float, SourceInput]:
        """The first input like that, and when it came; the test fails when it does not come in time."""
        deadline_s = time.monotonic() + within_s
        with self._news:
            while True:
                for entry in self.heard[since:]:
                    if wanted(entry[1]):
                        return entry
                left_s = deadline_s - time.monotonic()
                assert left_s > 0, f"it did not come; what came: {self.told()}"
                self._news.wait(left_s)

    def state(
        self, stream: str, reason: str, within_s: float, *, since: int = 0
    ) -> tuple[float, DeviceState]:
        """The first state of that stream with that reason ("" = present)."""
        at_s, item = self.wait_for(
            lambda item: isinstance(item, DeviceState) and (item.stream, item.reason) == (stream, reason),
            within_s,
            since=since,
        )
        assert isinstance(item, DeviceState)
        return at_s, item

    def mark(self) -> int:
        """How much has come so far."""
        return len(self.heard)

    def told(self) -> list[DeviceState]:
        """All states so far."""
        return [item for _, item in self.heard if isinstance(item, DeviceState)]

    def sound(self, stream: str) -> Samples:
        """The stream's samples on its time line, holes as zeros."""
        chunks = [i for _, i in self.heard if isinstance(i, AudioChunk) and i.stream == stream]
        out = np.zeros(chunks[-1].end_sample if chunks else 0, np.float32)
        for chunk in chunks:
            out[chunk.start_sample : chunk.end_sample] = chunk.samples
        return out


def check_contract(items: list[SourceInput]) -> None:
    """What every source promises: contiguous but for gaps, time never back, one end at most."""
    reached: dict[str, float] = {}
    ended: set[str] = set()
    for item in items:
        assert item.stream not in ended
        at_s = reached.get(item.stream, 0.0)
        if isinstance(item, AudioChunk):
            assert item.start_sample == round(at_s * SAMPLE_RATE)
            assert np.isfinite(item.samples).all()
            assert np.abs(item.samples).max(initial=0) <= 1
        elif isinstance(item, Gap):
            assert abs(item.t0_s - at_s) < 1e-9 + 0.5 / SAMPLE_RATE
            assert item.t1_s > item.t0_s
        else:
            assert item.t_s >= at_s - 1e-9
        if isinstance(item, EndOfStream):
            ended.add(item.stream)
        reached[item.stream] = max(at_s, available_s(item))
