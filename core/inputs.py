"""What the engine is fed: timed, immutable inputs.

Time is stream time: seconds since the start of the run, or a sample index at 16 kHz. No wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
"""Samples per second of every audio stream inside the product; sources resample to it."""

Samples = NDArray[np.float32]
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """A run of audio. Chunks of one stream follow each other without overlap; a hole is a `Gap`.

    Attributes:
        stream: name of the stream, for instance "audio", "me" or "them".
        start_sample: index of the first sample on the stream's 16 kHz timeline, >= 0.
        samples: (n,) float32 in [-1, 1], mono, 16 kHz.
    """

    stream: str
    start_sample: int
    samples: Samples

    @property
    def end_sample(self) -> int:
        """Index one past the last sample."""
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One picture with its true presentation time.

    Attributes:
        stream: name of the stream, for instance "video".
        t_s: presentation time in seconds of stream time; never decreases within a stream.
        image: (H, W, 3) uint8, RGB, upright.
    """

    stream: str
    t_s: float
    image: Image


@dataclass(frozen=True, slots=True)
class Gap:
    """A stream has nothing between two times.

    Attributes:
        stream: name of the stream.
        t0_s, t1_s: stream time, t0_s <= t1_s.
        reason: why, in a few words for people (device lost, corrupt data, stall).
        still: only pictures: none was lost. The last one is shown until the next comes, as recordings of a
            screen and of little motion have it. What was in it is still there.
    """

    stream: str
    t0_s: float
    t1_s: float
    reason: str
    still: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has reached `t_s` on every stream, whether or not data came: lets time-outs fire and replay."""

    t_s: float


@dataclass(frozen=True, slots=True)
class EndOfStream:
    """A stream is over at `t_s`; nothing will follow on it."""

    stream: str
    t_s: float


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The device behind a stream was lost, or is back. Said once at each change; the first is how it begins.

    Attributes:
        stream: name of the stream.
        t_s: stream time of the change.
        present: whether what the stream says can be used.
        reason: stable code of what is wrong, "" when present: "starting", "unplugged", "no_data", "all_zero",
            "frozen", "dark", "permission", "busy", "suspended", "unreachable", "changed", "failed".
        message: one sentence for people.
    """

    stream: str
    t_s: float
    present: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ClockState:
    """How a stream's clock runs against stream time. Said from time to time by live sources.

    Attributes:
        stream: name of the stream.
        t_s: stream time of the estimate.
        drift_ppm: how much faster than stream time the device counts, in millionths; compensated already.
        offset_s: where the stream's inputs stand against where they should (positive = too late), after
            compensation.
        uncertainty_s: bound of the error of `offset_s`, unknown device latency included.
    """

    stream: str
    t_s: float
    drift_ppm: float
    offset_s: float
    uncertainty_s: float


SourceInput = AudioChunk | VideoFrame | Gap | DeviceState | ClockState | EndOfStream
"""What a source gives. The session adds `Tick`s and work results."""
