"""States of a stream of sound, each with what is known in it; `audio_track` has the transitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from realtime.sources.audio_segment import AudioSegment
from realtime.sources.clock_model import ClockModel
from realtime.sources.device_items import AudioBlock, Opened

ANCHOR_S: Final = 0.2
"""So long the arrivals of blocks are watched before a device's count is placed in stream time."""

_WAITED_S: Final = 0.05
"""A block that has waited for so long says nothing of the time."""

_PILING: Final = 1.2
_JITTER_S: Final = 0.05


@dataclass(slots=True)
class OpenDevice:
    """A device that is open.

    Attributes:
        opened: what it said of itself.
        next_frame: the frame that continues what was given last.
        zeros_since_s: since when it has delivered nothing but zeros; None while it has not.
    """

    opened: Opened
    next_frame: int = 0
    zeros_since_s: float | None = None

    def end_s(self, block: AudioBlock) -> float:
        """Where the device counts the end of a block."""
        return (block.first_frame + len(block.samples)) / self.opened.rate_hz

    def lateness_s(self, clock: ClockModel, block: AudioBlock) -> float:
        """How much later a block came than its place says."""
        return block.at_s - self.opened.latency_s - clock.fit.arrival_s(self.end_s(block))

    def explained_s(self, clock: ClockModel, block: AudioBlock) -> float:
        """How much of a block's delay is this program's: as much as the device and the clock agree on."""
        return min(block.waited_s, max(0.0, self.lateness_s(clock, block))) if clock.known else 0.0

    def observe(self, clock: ClockModel, block: AudioBlock) -> None:
        """Let the clock learn from the arrival of a block, unless it lay ready for long."""
        if self.explained_s(clock, block) <= _WAITED_S:
            clock.add(self.end_s(block), block.at_s - self.opened.latency_s)


@dataclass(slots=True)
class Closed:
    """There is no device: the stream follows the time with gaps."""


@dataclass(slots=True)
class Anchoring:
    """The device is open; where its count lies in stream time is not known yet."""

    device: OpenDevice
    held: list[AudioBlock] = field(default_factory=list)


@dataclass(slots=True)
class Steady:
    """Blocks continue each other and are given at once."""

    device: OpenDevice
    clock: ClockModel
    segment: AudioSegment


@dataclass(slots=True)
class Doubting:
    """The clock is known, but not what the next block continues: blocks are held back.

    Attributes:
        segment: what they continue if nothing is missing; None after an interruption.
    """

    device: OpenDevice
    clock: ClockModel
    segment: AudioSegment | None = None
    held: list[AudioBlock] = field(default_factory=list)


TrackState = Closed | Anchoring | Steady | Doubting


def piles_up(state: Anchoring | Doubting) -> bool:
    """Whether held blocks come faster than they can be recorded: old ones, which say nothing of the time."""
    last = state.held[-1]
    before = [block for block in state.held if last.at_s - block.at_s > ANCHOR_S]
    first = before[-1] if before else state.held[0]
    recorded_s = (last.first_frame - first.first_frame) / state.device.opened.rate_hz
    return recorded_s > _PILING * (last.at_s - first.at_s) + _JITTER_S
