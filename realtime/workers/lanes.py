"""Lanes: the threads on which work orders are computed.

Each kind of work has its lane, each lane is one thread and computes in the order of the orders. So a slow
recogniser never delays a face, and workers that remember something (the language of the conversation)
see the same orders in the same order on every run.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.errors import EmotrackError
from core.work import Failed, Outcome, Work, WorkKind, WorkResult

log = logging.getLogger(__name__)

LANES: Final[Mapping[WorkKind, str]] = {
    "transcribe": "words",
    "faces": "sight",
    "encode_visual": "sight",
    "encode_audio": "sound",
    "encode_text": "sound",
    "fuse": "sound",
}

Run = Callable[[Any], Outcome]
"""Computes one payload of the kind that the worker is for."""


@dataclass(slots=True)
class Timings:
    """How long each kind of work took, in milliseconds, and how long it waited for its lane."""

    run_ms: dict[WorkKind, list[float]] = field(default_factory=dict)
    wait_ms: dict[WorkKind, list[float]] = field(default_factory=dict)

    def note(self, kind: WorkKind, wait_s: float, run_s: float) -> None:
        """Add one order."""
        self.wait_ms.setdefault(kind, []).append(wait_s * 1000)
        self.run_ms.setdefault(kind, []).append(run_s * 1000)


class Lanes:
    """Computes orders on threads of its own.

    Args:
        workers: kind -> function of the payload. A kind without a worker fails politely.
        clock: monotonic seconds, for the timings.
    """

    def __init__(
        self, workers: Mapping[WorkKind, Run], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._workers = dict(workers)
        self._clock = clock
        self._results: queue.SimpleQueue[WorkResult] = queue.SimpleQueue()
        self._queues: dict[str, queue.SimpleQueue[tuple[Work, float] | None]] = {}
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self.timings = Timings()
        for lane in dict.fromkeys(LANES.values()):
            self._queues[lane] = queue.SimpleQueue()
            thread = threading.Thread(target=self._work, args=(lane,), name=f"lane-{lane}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, work: Work) -> None:
        """Queue an order; never waits."""
        self._queues[LANES[work.kind]].put((work, self._clock()))

    def result(self, timeout_s: float | None = 0.0) -> WorkResult | None:
        """The next result; waits at most `timeout_s` (None: as long as it takes), then None."""
        try:
            return self._results.get(block=timeout_s != 0.0, timeout=timeout_s or None)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Let every lane finish the order it is at, drop the others, and end. Closing again does nothing."""
        self._closing.set()
        for lane in self._queues.values():
            lane.put(None)
        while self._threads:
            self._threads.pop().join()

    def _work(self, lane: str) -> None:
        while (entry := self._queues[lane].get()) is not None and not self._closing.is_set():
            work, queued_at = entry
            started_at = self._clock()
            outcome = self._compute(work)
            self.timings.note(work.kind, started_at - queued_at, self._clock() - started_at)
            self._results.put(WorkResult(work.id, outcome))

    def _compute(self, work: Work) -> Outcome:
        worker = self._workers.get(work.kind)
        if worker is None:
            return Failed(f"{work.kind}: nothing is set up to compute this")
        try:
            return worker(work.payload)
        except EmotrackError as error:
            return Failed(f"{work.kind}: {error}")
        except Exception as error:
            # one broken network degrades one modality; the traceback names code, never content
            log.exception("%s failed on order %d", work.kind, work.id)
            return Failed(f"{work.kind}: {type(error).__name__}")
