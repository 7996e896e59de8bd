"""Time stamps of a file's packets, repaired before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import av

from core.media.faults import FaultLog
from core.media.timestamp_plan import LONGEST_HOLE_S, Stamp, TimestampPlan

AnyPacket: TypeAlias = "av.Packet[av.stream.Stream]"


class StampRepair:
    """Passes one stream's packets on with the times of a plan.

    Args:
        plan: for all streams of the file; each stream is read through once.
        stream: index of the stream.
        zero_s: time in the file, moved by the plan, that is stream second 0.
        noun: what the stream carries, for the faults.
        faults: where repairs are told.
    """

    def __init__(
        self,
        plan: TimestampPlan,
        stream: int,
        zero_s: float = 0.0,
        noun: str = "",
        faults: FaultLog | None = None,
    ) -> None:
        self._plan = plan
        self._stream = stream
        self._zero_s = zero_s
        self._noun = noun
        self._faults = faults

    def repaired(self, packets: Iterable[AnyPacket]) -> Iterator[AnyPacket]:
        """The packets in their order, with moved times."""
        for packet in packets:
            stamp = stamp_of(packet, self._stream)
            if stamp is not None:
                move = self._plan.move(self._stream, stamp.t_s)
                _shift(packet, move.shift_s)
                if move.note and self._faults is not None:
                    self._faults.note(move.note.format(self._noun, move.at_s - self._zero_s))
            yield packet


def stamp_of(packet: AnyPacket, stream: int) -> Stamp | None:
    """What a plan has to know of a packet; None when it has no time."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    if ticks is None or not packet.time_base:
        return None
    duration_s = float(packet.duration * packet.time_base) if packet.duration else 0.0
    return Stamp(stream, float(ticks * packet.time_base), duration_s, packet.dts is not None)


def _shift(packet: AnyPacket, shift_s: float) -> None:
    ticks = round(shift_s / packet.time_base) if shift_s else 0
    if ticks and packet.pts is not None:
        packet.pts += ticks
    if ticks and packet.dts is not None:
        packet.dts += ticks
    if packet.pts is not None and packet.dts is not None:
        apart_s = abs(packet.pts - packet.dts) * packet.time_base
        if apart_s > LONGEST_HOLE_S:  # not even across a hole: one of the two is damaged
            packet.pts = packet.dts
