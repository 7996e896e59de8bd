"""Time stamps of a file's packets, repaired where they cannot be true, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import av

from core.media.faults import FaultLog

AnyPacket: TypeAlias = "av.Packet[av.stream.Stream]"

JUMP_S: Final = 1.0
"""Reordering and jitter stay below this; what jumps further is looked at."""

LONGEST_HOLE_S: Final = 3_600.0
"""No hole is believed to be longer, whatever the file announces."""


class StampRepair:
    """Passes one stream's packets on with times that can be trusted.

    - Times that start again (recordings put one after the other, a recorder that was restarted) or jump
      beyond the end of the file are moved so that they continue where the packets before ended.
    - A single packet far ahead of both its neighbours has a damaged time and is left out.

    Anything smaller is left to the timelines.

    Args:
        zero_s: time in the file that is stream second 0.
        announced_s: duration that the file announces, None if it does not.
        noun: what the stream carries, for the faults.
        faults: where repairs are told.
    """

    def __init__(self, zero_s: float, announced_s: float | None, noun: str, faults: FaultLog) -> None:
        self._zero_s = zero_s
        self._announced_s = announced_s
        self._noun = noun
        self._faults = faults
        self._shift_s = 0.0
        self._expected_s: float | None = None

    def repaired(self, packets: Iterable[AnyPacket]) -> Iterator[AnyPacket]:
        """The packets, with one packet of look-ahead."""
        held: AnyPacket | None = None
        for packet in packets:
            if held is not None and self._accepts(held, packet):
                yield held
            held = packet
        if held is not None and self._accepts(held, None):
            yield held

    def _accepts(self, packet: AnyPacket, following: AnyPacket | None) -> bool:
        own_s = _stamp_s(packet)
        if own_s is None:
            return True
        if self._expected_s is not None:
            jump_s = own_s + self._shift_s - self._expected_s
            if jump_s > JUMP_S and _goes_back(own_s, following):
                self._note("A damaged time stamp", "its content was left out")
                return False
            if jump_s < -JUMP_S or self._unbelievable(jump_s):
                self._note("The time stamps start again", "the parts were joined")
                self._shift_s -= jump_s
        self._expected_s = own_s + self._shift_s + _duration_s(packet)
        self._move(packet)
        return True

    def _unbelievable(self, jump_s: float) -> bool:
        assert self._expected_s is not None
        if self._announced_s is None or jump_s > LONGEST_HOLE_S:
            return jump_s > LONGEST_HOLE_S
        end_s = self._zero_s + self._announced_s
        return jump_s > JUMP_S and self._expected_s + jump_s > end_s + JUMP_S

    def _move(self, packet: AnyPacket) -> None:
        ticks = round(self._shift_s / packet.time_base) if self._shift_s else 0
        if ticks and packet.pts is not None:
            packet.pts += ticks
        if ticks and packet.dts is not None:
            packet.dts += ticks

    def _note(self, what: str, consequence: str) -> None:
        assert self._expected_s is not None
        at_s = self._expected_s - self._zero_s
        self._faults.note(f"{what} in the {self._noun} at {at_s:.2f} s; {consequence}.")


def _stamp_s(packet: AnyPacket) -> float | None:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return None if stamp is None or not packet.time_base else float(stamp * packet.time_base)


def _duration_s(packet: AnyPacket) -> float:
    return float(packet.duration * packet.time_base) if packet.duration else 0.0


def _goes_back(own_s: float, following: AnyPacket | None) -> bool:
    next_s = None if following is None else _stamp_s(following)
    return next_s is not None and next_s < own_s - JUMP_S
