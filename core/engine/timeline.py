"""One ordered timeline out of many streams, whatever the order and size of what is delivered.

Items are released in the order (time, rank, number) and only when nothing earlier can still arrive: up to
the least time that every open stream has reached, and not past an outstanding work order. At exactly that
time only audio is complete: a picture, a gap or an end may still follow there. So the engine behind it
cannot tell how its input was chunked or how fast the workers were.

A live run cannot afford that: a camera that is late would hold up the voice. There time is as far as the
foremost stream, and what comes later is released at once.
Times are whole microseconds here, because equal times must compare equal.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from core.inputs import Gap, VideoFrame
from core.stages.vad import VadFrame
from core.work import Outcome

NEVER: Final = 1 << 62


def microseconds(t_s: float) -> int:
    """Seconds as whole microseconds, rounded: equal times must compare equal."""
    return round(t_s * 1_000_000)


class Rank(IntEnum):
    """Order of items that fall on the same microsecond.

    A gap begins where the last chunk or picture ended, so it comes after both.
    """

    AUDIO = 0
    VIDEO = 1
    GAP = 2
    RESULT = 3
    HOP = 4
    END = 5


@dataclass(frozen=True, slots=True)
class VadItem:
    """512 samples of one stream and how likely they hold speech."""

    stream: str
    frame: VadFrame


@dataclass(frozen=True, slots=True)
class GapItem:
    """A stream has a hole."""

    gap: Gap


@dataclass(frozen=True, slots=True, eq=False)
class ResultItem:
    """The result of a work order; `done_s` as in `WorkResult`."""

    work_id: int
    outcome: Outcome
    done_s: float | None = None


@dataclass(frozen=True, slots=True)
class HopItem:
    """A point of the grid on which rolling estimates are made."""

    number: int


@dataclass(frozen=True, slots=True)
class EndItem:
    """A stream is over: nothing of it follows."""

    stream: str


Item = VadItem | VideoFrame | GapItem | ResultItem | HopItem | EndItem


@dataclass(order=True, slots=True)
class _Entry:
    t_us: int
    rank: int
    number: tuple[int, int]
    item: Item | None = field(compare=False)


@dataclass(slots=True)
class Timeline:
    """The merge. All of it is state: copy it deeply to snapshot it.

    Attributes:
        deterministic: hold at outstanding orders (see the module's docstring).
        reached_us: stream -> time up to which everything of it has been delivered; NEVER once it has ended.
        now_us: time of the newest item released.
    """

    deterministic: bool
    reached_us: dict[str, int]
    now_us: int = 0
    _heap: list[_Entry] = field(default_factory=list)
    _expected: dict[int, _Entry] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def deliver(self, t_us: int, rank: Rank, item: Item, *, stream: str = "") -> None:
        """Park an item at its time. Equal times: by rank, then by stream, then as the stream came."""
        count = self._counts[stream] = self._counts.get(stream, 0) + 1
        stream_number = list(self.reached_us).index(stream) if stream else 0
        heapq.heappush(self._heap, _Entry(t_us, rank, (stream_number, count), item))

    def reach(self, stream: str, t_us: int) -> None:
        """Everything of `stream` before `t_us` has been delivered, and its audio that ends at `t_us`."""
        self.reached_us[stream] = max(self.reached_us[stream], t_us)

    def expect(self, work_id: int, due_us: int) -> None:
        """A result will come; a deterministic run takes it in at exactly `due_us`."""
        entry = _Entry(due_us, Rank.RESULT, (0, work_id), None)
        self._expected[work_id] = entry
        if self.deterministic:
            heapq.heappush(self._heap, entry)

    def arrive(self, work_id: int, outcome: Outcome, done_s: float | None = None) -> bool:
        """Take a result in; False when no such order is outstanding (late, repeated or foreign)."""
        entry = self._expected.pop(work_id, None)
        if entry is None:
            return False
        entry.item = ResultItem(work_id, outcome, done_s)
        if not self.deterministic:  # at once, before anything that is parked
            entry.t_us, entry.rank = self.now_us, Rank.AUDIO
            heapq.heappush(self._heap, entry)
        return True

    def release(self) -> Item | None:
        """The next item in order, or None when something earlier may still come."""
        if not self._heap or self._heap[0].item is None:
            return None
        entry = self._heap[0]
        if (entry.t_us, entry.rank) > (self.watermark_us, Rank.AUDIO):
            return None
        heapq.heappop(self._heap)
        self.now_us = max(self.now_us, entry.t_us)
        return entry.item

    @property
    def watermark_us(self) -> int:
        """Time up to which items are released: that of the last open stream, live that of the foremost."""
        if self.deterministic:
            return min(self.reached_us.values(), default=NEVER)
        return max((t_us for t_us in self.reached_us.values() if t_us != NEVER), default=NEVER)

    @property
    def quiet_until_us(self) -> int:
        """Time up to which all has been delivered and nothing is parked."""
        return min(self.watermark_us, self._heap[0].t_us if self._heap else NEVER)

    def cancel_hops(self) -> None:
        """No hop will come any more; one that is parked must not move time beyond the end."""
        self._heap = [entry for entry in self._heap if entry.rank != Rank.HOP]
        heapq.heapify(self._heap)

    @property
    def outstanding(self) -> int:
        """Number of orders whose results have not come."""
        return len(self._expected)

    @property
    def backlog(self) -> int:
        """Number of items parked, results to come not counted."""
        return len(self._heap) - (len(self._expected) if self.deterministic else 0)
