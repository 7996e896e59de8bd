"""Time stamps of a file's packets, repaired where they cannot be true, before anything is decoded.

One `TimestampPlan` looks at the packets of all streams in the order of the file, some seconds ahead of what
is read, and says for each packet by how much its time is moved. Streams of one file belong together: parts
that were joined are moved as a whole, a hole is believed where the other stream has reached the same time,
and a stream whose clock has nothing to do with the other's begins together with it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, NamedTuple

JUMP_S: Final = 1.0
"""Reordering and jitter stay below this; what jumps further is looked at."""

STEP_BACK_S: Final = 0.1
"""A smaller step back counts as well where another stream starts again at the same place of the file."""

NEAR_S: Final = 10.0
"""Streams that are stored beside each other are at most this far apart in time."""

START_APART_S: Final = 60.0
"""Streams begin at most this far apart, unless one begins where the other has got to by then."""

LONGEST_HOLE_S: Final = 3_600.0
"""No hole is believed to be longer, whatever the file announces."""

LOOK_AHEAD: Final = 2_000
"""Packets: about half a minute of sound and pictures."""

_RETURNS_WITHIN: Final = 8
"""So many damaged times in a row are recognised by what follows them."""


class Stamp(NamedTuple):
    """What is known of one packet before it is decoded.

    Attributes:
        stream: its index.
        t_s: its decoding time, or its presentation time if it has no other.
        duration_s: 0 if unknown.
        in_order: it is the decoding time, which never goes back in a sound file.
    """

    stream: int
    t_s: float
    duration_s: float
    in_order: bool = True


class Move(NamedTuple):
    """What is done with the time of one packet.

    Attributes:
        t_s: the time it had.
        shift_s: is added.
        note: what to tell about it, with a place for the noun and one for the time; "" for nothing.
        at_s: the time that is told, moved already.
    """

    t_s: float
    shift_s: float
    note: str = ""
    at_s: float = 0.0


_DAMAGED: Final = "A damaged time stamp in the {} at {:.2f} s; its place follows from its neighbours."
_JOINED: Final = "The time stamps start again in the {} at {:.2f} s; the parts were joined."
_LEAPT: Final = "The time stamps of the {} leap ahead at {:.2f} s; they were joined on."
_APART: Final = "The time stamps of the {} have another beginning; they were made to begin at {:.2f} s."


@dataclass(slots=True)
class _Stream:
    """What the plan knows of one stream: where its next packet is expected, in moved time."""

    shift_s: float = 0.0
    start_s: float = 0.0
    last_s: float = 0.0
    expected_s: float | None = None
    interval_s: float = 0.0
    part: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a joined recording: its number, by how much its times are moved, and its earliest time."""

    number: int
    shift_s: float
    first_s: float


class TimestampPlan:
    """Says packet by packet how times have to be moved so that all streams have one time that goes on.

    - A few packets whose times differ from those before and after get the place that their neighbours leave.
    - Times that start again begin a part. It continues where the longest stream of the part before ended,
      and is moved as a whole.
    - Times that leap ahead are believed if the other stream has got there or leaps with it, or if the file
      has announced so much; else they continue where they were. No hole is longer than `LONGEST_HOLE_S`.
    - A stream that begins far from the others is made to begin with them.

    Anything smaller is left to the timelines.

    Args:
        stamps: of all streams that are used, in the order of the file.
        announced_s: duration that the file announces, None if it does not.
        wanted: streams that will be asked for.
    """

    def __init__(self, stamps: Iterable[Stamp], announced_s: float | None, wanted: Iterable[int]) -> None:
        self._stamps = iter(stamps)
        self._announced_s = announced_s
        self._ahead: deque[Stamp] = deque()
        self._streams: dict[int, _Stream] = {}
        self._moves: dict[int, deque[Move]] = {index: deque() for index in wanted}
        self._part: _Part | None = None
        self.disbelieved = False
        """Whether times were moved because they contradict each other: announced lengths do so, too, then."""

    def move(self, stream: int, t_s: float) -> Move:
        """What to do with the next packet of a stream, whose time is `t_s`."""
        moves = self._moves[stream]
        while not moves:
            if not self._advance():
                known = self._streams.get(stream)
                return Move(t_s, known.shift_s if known else 0.0)
        if moves[0].t_s != t_s:  # two readings of a damaged file may differ by some packets
            there = next((i for i, move in enumerate(islice(moves, 50)) if move.t_s == t_s), None)
            if there is None:
                return Move(t_s, moves[0].shift_s)
            for _ in range(there):
                moves.popleft()
        return moves.popleft()

    def close(self) -> None:
        """Release the file that the stamps come from."""
        if isinstance(self._stamps, Generator):
            self._stamps.close()

    def _advance(self) -> bool:
        self._ahead.extend(islice(self._stamps, LOOK_AHEAD + 1 - len(self._ahead)))
        if not self._ahead:
            return False
        stamp = self._ahead.popleft()
        stream = self._streams.setdefault(stamp.stream, _Stream())
        if not stamp.in_order:
            self._keep(stamp, self._out_of_order(stamp, stream))
            return True
        move = self._decide(stamp, stream)
        moved_s = stamp.t_s + move.shift_s
        if stream.expected_s is None:
            stream.start_s, stream.interval_s = moved_s, stamp.duration_s
        elif moved_s > stream.last_s:
            # one hole does not make a slow stream
            stream.interval_s = min(moved_s - stream.last_s, 2 * stream.interval_s or math.inf)
        stream.last_s = moved_s
        stream.expected_s = moved_s + (stamp.duration_s or stream.interval_s)
        self._keep(stamp, move)
        return True

    def _keep(self, stamp: Stamp, move: Move) -> None:
        if stamp.stream in self._moves:
            self._moves[stamp.stream].append(move)

    def _out_of_order(self, stamp: Stamp, stream: _Stream) -> Move:
        """A packet without a decoding time goes where its neighbours go."""
        if stream.expected_s is not None:
            return Move(stamp.t_s, stream.shift_s)
        judged = next(iter(self._following(stamp.stream, 1)), stamp)
        note = self._first(judged, stream)
        return Move(stamp.t_s, stream.shift_s, note.note, note.at_s)

    def _decide(self, stamp: Stamp, stream: _Stream) -> Move:
        if stream.expected_s is None:
            return self._first(stamp, stream)
        if self._belongs_to_newest_part(stamp, stream):
            return self._join(stamp, stream)
        jump_s = stamp.t_s + stream.shift_s - stream.expected_s
        if abs(jump_s) <= JUMP_S:
            if jump_s < -STEP_BACK_S and self._others_restart(stamp):
                return self._restart(stamp, stream, stream.expected_s)
            return Move(stamp.t_s, stream.shift_s)
        if self._returns(stamp, stream, stream.expected_s):
            return Move(stamp.t_s, stream.expected_s - stamp.t_s, _DAMAGED, stream.expected_s)
        if jump_s < 0:
            return self._restart(stamp, stream, stream.expected_s)
        return self._leap(stamp, stream, stream.expected_s)

    # --- the first packet of a stream ---

    def _first(self, stamp: Stamp, stream: _Stream) -> Move:
        begin_s, others = stamp.t_s, self._others(stamp.stream)
        following = [s.t_s for s in self._following(stamp.stream, _RETURNS_WITHIN)]
        if self._part is not None:
            stream.part, stream.shift_s = self._part.number, self._part.shift_s
        if following and self._first_is_damaged(stamp, following):
            begin_s = following[0] - stamp.duration_s
        moved_s = begin_s + stream.shift_s
        note = _DAMAGED if begin_s != stamp.t_s else ""
        if others:
            earliest_s = min(other.start_s for other in others)
            reached_s = max(other.expected_s or 0.0 for other in others)
            if not earliest_s - START_APART_S <= moved_s <= reached_s + START_APART_S:
                stream.shift_s += earliest_s - moved_s
                note, moved_s, self.disbelieved = _APART, earliest_s, True
        return Move(stamp.t_s, moved_s - stamp.t_s, note, moved_s)

    def _first_is_damaged(self, stamp: Stamp, following: list[float]) -> bool:
        step_s = following[0] - stamp.t_s
        if abs(step_s) <= JUMP_S or any(abs(t_s - stamp.t_s) <= JUMP_S for t_s in following):
            return False
        if step_s < 0:
            return True
        if step_s > LONGEST_HOLE_S:
            return True
        own = (other.start_s - other.shift_s for other in self._others(stamp.stream))
        beside = next(own, None)
        if beside is None:
            beside = next((s.t_s for s in self._ahead if s.stream != stamp.stream), None)
        return (
            beside is not None and abs(stamp.t_s - beside) > NEAR_S and abs(following[0] - beside) <= NEAR_S
        )

    # --- times that start again ---

    def _restart(self, stamp: Stamp, stream: _Stream, expected_s: float) -> Move:
        """Begin a part with this packet."""
        end_s, first_s, shared = expected_s, stamp.t_s, False
        for index, other in self._streams.items():
            if index == stamp.stream or other.expected_s is None:
                continue
            other_end_s, restart_s, goes_on = self._rest(index, other, stamp.t_s)
            if restart_s is not None or not goes_on:
                end_s, shared = max(end_s, other_end_s), True
                first_s = min(first_s, stamp.t_s if restart_s is None else restart_s)
        if not shared:
            stream.shift_s = expected_s - stamp.t_s
            return Move(stamp.t_s, stream.shift_s, _JOINED, expected_s)
        number = 1 if self._part is None else self._part.number + 1
        self._part = _Part(number, end_s - first_s, first_s)
        return self._join(stamp, stream)

    def _rest(self, index: int, other: _Stream, near_s: float) -> tuple[float, float | None, bool]:
        """Of another stream: where its part ends (moved), where it starts again, whether it goes on."""
        end_s, goes_on = other.expected_s or 0.0, False
        for stamp in self._ahead:
            if stamp.stream != index or not stamp.in_order:
                continue
            step_s = stamp.t_s + other.shift_s - end_s
            if (step_s < -STEP_BACK_S or step_s > JUMP_S) and abs(stamp.t_s - near_s) <= NEAR_S:
                return end_s, stamp.t_s, True
            if not -JUMP_S <= step_s <= NEAR_S:
                return end_s, None, True
            end_s, goes_on = stamp.t_s + other.shift_s + stamp.duration_s, True
        return end_s, None, goes_on

    def _belongs_to_newest_part(self, stamp: Stamp, stream: _Stream) -> bool:
        """Another stream has begun a part: whether this packet fits it better than the part before."""
        part, expected_s = self._part, stream.expected_s
        if part is None or stream.part >= part.number or expected_s is None:
            return False
        reached_s = max(other.expected_s or 0.0 for other in self._others(stamp.stream))
        new_s, old_s = stamp.t_s + part.shift_s, stamp.t_s + stream.shift_s
        fits = stamp.t_s >= part.first_s - NEAR_S and new_s >= expected_s - JUMP_S
        return fits and abs(new_s - reached_s) < abs(old_s - reached_s)

    def _join(self, stamp: Stamp, stream: _Stream) -> Move:
        assert self._part is not None
        stream.part, stream.shift_s = self._part.number, self._part.shift_s
        at_s = stamp.t_s + stream.shift_s
        return Move(stamp.t_s, stream.shift_s, _JOINED, at_s)

    def _others_restart(self, stamp: Stamp) -> bool:
        """Whether another stream starts again near this time within the next packets."""
        for index, other in self._streams.items():
            if index == stamp.stream or other.expected_s is None:
                continue
            soon = [s for s in islice(self._ahead, 200) if s.stream == index and s.in_order]
            steps = zip([other.expected_s - other.shift_s, *(s.t_s for s in soon)], soon, strict=False)
            if any(s.t_s < before_s - JUMP_S and abs(s.t_s - stamp.t_s) <= NEAR_S for before_s, s in steps):
                return True
        return False

    # --- times that leap ahead ---

    def _leap(self, stamp: Stamp, stream: _Stream, expected_s: float) -> Move:
        moved_s = stamp.t_s + stream.shift_s
        others = self._others(stamp.stream)
        if any(moved_s <= (other.expected_s or 0.0) + NEAR_S for other in others):
            return Move(stamp.t_s, stream.shift_s)  # the other stream has got there without a hole
        rests = [
            (other, *self._rest(index, other, stamp.t_s))
            for index, other in self._streams.items()
            if index != stamp.stream and other.expected_s is not None
        ]
        together = any(restart_s is not None for _, _, restart_s, _ in rests)
        alone = any(goes_on for *_, goes_on in rests) and not together
        if alone and not self._others_reach(stamp.stream, moved_s):
            return self._continue(stamp, stream, expected_s)
        if not self._unbelievable(moved_s, expected_s):
            return Move(stamp.t_s, stream.shift_s)
        if together:
            return self._restart(stamp, stream, expected_s)
        return self._continue(stamp, stream, expected_s)

    def _continue(self, stamp: Stamp, stream: _Stream, expected_s: float) -> Move:
        stream.shift_s, self.disbelieved = expected_s - stamp.t_s, True
        return Move(stamp.t_s, stream.shift_s, _LEAPT, expected_s)

    def _others_reach(self, index: int, moved_s: float) -> bool:
        return any(
            s.t_s + self._streams[s.stream].shift_s >= moved_s - NEAR_S
            for s in self._ahead
            if s.stream != index and s.stream in self._streams
        )

    def _unbelievable(self, moved_s: float, expected_s: float) -> bool:
        if moved_s - expected_s > LONGEST_HOLE_S:
            return True
        if self._announced_s is None:
            return False
        end_s = min(stream.start_s for stream in self._streams.values()) + self._announced_s
        # a stream that has gone beyond the announced end proves the announcement wrong
        return expected_s <= end_s + STEP_BACK_S and moved_s > end_s + JUMP_S

    # --- neighbours ---

    def _returns(self, stamp: Stamp, stream: _Stream, expected_s: float) -> bool:
        """Whether the times go back to where they were within a few packets, by a jump of their own."""
        widest_s = max(JUMP_S, 4 * stream.interval_s)
        exactly_s = max(0.1, 2 * stream.interval_s)
        times_s = [stamp.t_s, *(s.t_s for s in self._following(stamp.stream, _RETURNS_WITHIN))]
        for count, (before_s, after_s) in enumerate(pairwise(times_s), 1):
            due_s = expected_s + count * stream.interval_s
            smooth = 0 < after_s - before_s <= widest_s
            if not smooth and abs(after_s + stream.shift_s - due_s) <= exactly_s:
                return True
        return False

    def _following(self, index: int, count: int) -> list[Stamp]:
        return list(islice((s for s in self._ahead if s.stream == index and s.in_order), count))

    def _others(self, index: int) -> Sequence[_Stream]:
        return [s for i, s in self._streams.items() if i != index and s.expected_s is not None]
