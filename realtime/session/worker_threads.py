"""The threads on which work orders are computed.

Each kind of work has its lane, each lane is one thread and computes in the order of the orders. So a slow
recogniser never delays a face, and workers that remember something (the language of the conversation)
see the same orders in the same order on every run. Live, final words go before partial ones.
"""

from __future__ import annotations

import heapq
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.errors import EmotrackError
from core.work import Failed, Outcome, Transcribe, Work, WorkKind, WorkResult

log = logging.getLogger(__name__)

LANES: Final[Mapping[WorkKind, str]] = {
    "transcribe": "words",
    "faces": "sight",
    "encode_visual": "sight",
    "encode_audio": "sound",
    "encode_text": "sound",
    "encode_speaker": "sound",
    "fuse": "sound",
}

Worker = Callable[[Any], Outcome]
"""Computes one payload of the kind that the worker is for."""

_KEPT: Final = 20_000

_SLOWER: Final = 3.0
"""An order that takes this many times as long as the slowest of its kind did is not merely slow."""


def _recent() -> deque[float]:
    return deque(maxlen=_KEPT)


@dataclass(slots=True)
class Timings:
    """How long each kind of work took, in milliseconds, and how long it waited for its lane.

    The newest 20 000 of each kind are kept: a run may last for days.
    """

    run_ms: dict[WorkKind, deque[float]] = field(default_factory=dict)
    wait_ms: dict[WorkKind, deque[float]] = field(default_factory=dict)

    def note(self, kind: WorkKind, wait_s: float, run_s: float) -> None:
        """Add one order."""
        self.wait_ms.setdefault(kind, _recent()).append(wait_s * 1000)
        self.run_ms.setdefault(kind, _recent()).append(run_s * 1000)


@dataclass(order=True, slots=True)
class _Waiting:
    rank: int
    number: int
    work: Work = field(compare=False)
    queued_at_s: float = field(compare=False)


class WorkerThreads:
    """Computes orders on threads of its own.

    Args:
        workers: kind -> function of the payload. A kind without a worker fails politely.
        clock: monotonic seconds, for timings and ages.
        deliver: is given every result on the lane's thread; by default results wait for `result`.
        stamp: stream time, for `WorkResult.done_s`; None leaves it out, as runs that are to be the same
            every time need it.
        finals_first: final words are computed before partial ones that wait.
    """

    def __init__(
        self,
        workers: Mapping[WorkKind, Worker],
        clock: Callable[[], float] = time.perf_counter,
        *,
        deliver: Callable[[WorkResult], None] | None = None,
        stamp: Callable[[], float] | None = None,
        finals_first: bool = False,
    ) -> None:
        self._workers = dict(workers)
        self._clock = clock
        self._results: queue.SimpleQueue[WorkResult] = queue.SimpleQueue()
        self._deliver = deliver if deliver is not None else self._results.put
        self._stamp = stamp
        self._finals_first = finals_first
        self._changed = threading.Condition()
        self._queues: dict[str, list[_Waiting]] = {lane: [] for lane in dict.fromkeys(LANES.values())}
        self._outstanding: dict[int, tuple[str, float]] = {}
        self._computing: dict[str, _Waiting] = {}
        self._begun_s: dict[str, float] = {}
        self._number = 0
        self._closing = threading.Event()
        self.timings = Timings()
        self._threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{lane}", daemon=True)
            for lane in self._queues
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> None:
        """Queue an order; never waits."""
        lane, now_s = LANES[work.kind], self._clock()
        with self._changed:
            self._number += 1
            waiting = _Waiting(self._rank(work), self._number, work, now_s)
            heapq.heappush(self._queues[lane], waiting)
            self._outstanding[work.id] = (lane, now_s)
            self._changed.notify_all()

    def result(self, timeout_s: float | None = 0.0) -> WorkResult | None:
        """The next result; waits at most `timeout_s` (None: as long as it takes), then None."""
        try:
            return self._results.get(block=timeout_s != 0.0, timeout=timeout_s or None)
        except queue.Empty:
            return None

    def ages_s(self) -> dict[str, float]:
        """Lane -> seconds since its oldest order came that is not answered yet, 0 without one."""
        now_s = self._clock()
        ages = dict.fromkeys(self._queues, 0.0)
        with self._changed:
            for lane, queued_at_s in self._outstanding.values():
                ages[lane] = max(ages[lane], now_s - queued_at_s)
        return ages

    def give_up(self, older_than_s: float) -> list[int]:
        """Drop the orders that are older, waiting or not; one that is being computed gets no answer.

        Returns:
            The ids of the orders that are dropped.
        """
        limit_s = self._clock() - older_than_s
        with self._changed:
            old = [i for i, (_, queued_at_s) in self._outstanding.items() if queued_at_s <= limit_s]
            return self._dropped(old)

    def give_up_hung(self, after_s: float) -> list[int]:
        """Drop all orders of the lanes whose worker hangs, and leave those alone that merely have much to do.

        Args:
            after_s: so long a worker may always compute one order. It may take longer where its slowest order
                of this kind was slow, too.

        Returns:
            The ids of the orders that are dropped.
        """
        with self._changed:
            hung = [lane for lane in self._computing if self._hangs(lane, after_s)]
            return self._dropped([i for i, (lane, _) in self._outstanding.items() if lane in hung])

    def close(self, timeout_s: float | None = None) -> None:
        """Let every lane finish the order it is at, drop the others, and end. Closing again does nothing.

        Args:
            timeout_s: how long to wait for orders that hang, all lanes together; their threads are left
                behind then.
        """
        limit_s = None if timeout_s is None else self._clock() + timeout_s
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        while self._threads:
            self._threads.pop().join(None if limit_s is None else max(0.0, limit_s - self._clock()))

    def _hangs(self, lane: str, after_s: float) -> bool:
        run_ms = self.timings.run_ms.get(self._computing[lane].work.kind, ())
        slowest_s = max(run_ms, default=0.0) / 1000
        return self._clock() - self._begun_s[lane] > max(after_s, _SLOWER * slowest_s)

    def _dropped(self, old: list[int]) -> list[int]:
        """The orders, which nobody waits for any more."""
        for lane, waiting in self._queues.items():
            self._queues[lane] = [entry for entry in waiting if entry.work.id not in old]
            heapq.heapify(self._queues[lane])
        for number in old:
            del self._outstanding[number]
        return old

    def _rank(self, work: Work) -> int:
        partial = isinstance(work.payload, Transcribe) and not work.payload.final
        return int(self._finals_first and partial)

    def _next(self, lane: str) -> _Waiting | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queues[lane] or self._closing.is_set())
            if self._closing.is_set():
                return None
            entry = self._computing[lane] = heapq.heappop(self._queues[lane])
            self._begun_s[lane] = self._clock()
            return entry

    def _work(self, lane: str) -> None:
        while (entry := self._next(lane)) is not None:
            started_at_s = self._begun_s[lane]
            outcome = self._compute(entry.work)
            done_s = None if self._stamp is None else self._stamp()
            with self._changed:
                wait_s = started_at_s - entry.queued_at_s
                self.timings.note(entry.work.kind, wait_s, self._clock() - started_at_s)
                del self._computing[lane]
                wanted = self._outstanding.pop(entry.work.id, None) is not None
            if wanted:
                self._deliver(WorkResult(entry.work.id, outcome, done_s))

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
