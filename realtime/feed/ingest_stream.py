"""One stream of an ingest client: what waits of it, when it is due, and what a device would have given."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, cast

import numpy as np

from core.inputs import Image
from realtime.feed.client_messages import IngestStream
from realtime.feed.ingest_frame import IngestFrame
from realtime.sources.audio_track import AudioTrack
from realtime.sources.device_items import AudioBlock, CapturedFrame, DeviceItem
from realtime.sources.pictures import FrameRateLimiter, from_bgr
from realtime.sources.video_track import VideoTrack

WINDOW_S: Final = 10.0
LATE_S: Final = 0.1
EARLY_S: Final = 0.5
MISSING_AFTER_S: Final = 1.6
"""So long without a frame until a stream counts as lost; one frame of sound may have 1 s."""
MAX_HZ: Final = 15.0
MAX_SIDE: Final = 960


class PlayoutSchedule:
    """Plays what a client stamps at the pace of time, however it arrives.

    The first frame is due when it arrives. What arrives early waits, and jitter disappears. When everything
    of the last 10 s came late, or much too early, the clocks have drifted apart (or the network has changed),
    and the schedule moves. No clock in here: time comes in as numbers.
    """

    def __init__(self) -> None:
        self._zero_s: float | None = None
        self._now_s = 0.0
        self._since_s = 0.0
        self._latest_s, self._earliest_s = -float("inf"), float("inf")

    def arrived(self, t_s: float, clock_s: float) -> None:
        """What ends at stream time `t_s` has arrived."""
        if self._zero_s is None:
            self._zero_s = clock_s - t_s
            self._since_s = clock_s
        lateness_s = clock_s - self._zero_s - t_s
        self._latest_s = max(self._latest_s, lateness_s)
        self._earliest_s = min(self._earliest_s, lateness_s)
        if clock_s - self._since_s >= WINDOW_S:
            self._move()
            self._since_s = clock_s

    def now_s(self, clock_s: float) -> float:
        """Present stream time; never goes back. 0 before anything arrived."""
        if self._zero_s is not None:
            self._now_s = max(self._now_s, clock_s - self._zero_s)
        return self._now_s

    def _move(self) -> None:
        assert self._zero_s is not None
        if self._earliest_s > LATE_S:
            self._zero_s += self._earliest_s
        elif self._latest_s < -EARLY_S:
            self._zero_s += self._latest_s
        self._latest_s, self._earliest_s = -float("inf"), float("inf")


@dataclass(slots=True)
class StreamState:
    """How far one stream of a client has come.

    Attributes:
        info: what the client announced.
        track: makes inputs of the engine from frames.
        number, t_s: of the newest frame; where it ends, in seconds of the client's time.
        received_s: seconds of sound received in all.
        waiting_s: seconds of sound that wait.
        dropped: frames that were left out, because too much waited.
        acked_s, acked_dropped: when the client was told last, and of how many such frames.
        discontinuous: whether something is missing before the next frame.
        first_sample: samples since the last discontinuity.
        limit: keeps pictures to `MAX_HZ`.
        pictures: those that wait, oldest first.
    """

    info: IngestStream
    track: AudioTrack | VideoTrack
    number: int = -1
    t_s: float = 0.0
    received_s: float = 0.0
    waiting_s: float = 0.0
    dropped: int = 0
    acked_s: float = -math.inf
    acked_dropped: int = 0
    discontinuous: bool = True
    first_sample: int = 0
    limit: FrameRateLimiter = field(default_factory=lambda: FrameRateLimiter(MAX_HZ))
    pictures: deque[WaitingFrame] = field(default_factory=deque)


@dataclass(slots=True)
class WaitingFrame:
    """A frame that waits until it is due.

    Attributes:
        state: of its stream.
        frame: what came; None once it was left out for a newer picture.
        discontinuous: whether something is missing before it.
    """

    state: StreamState
    frame: IngestFrame | None
    discontinuous: bool


def device_item(state: StreamState, frame: IngestFrame) -> DeviceItem | None:
    """The frame as a device would have given it: at the time of its last sample, by the client's clock."""
    t_s = frame.t_us / 1e6
    if state.info.kind == "audio":
        samples = np.frombuffer(frame.payload, "<i2").astype(np.float32) / 32_768.0
        first, state.first_sample = state.first_sample, state.first_sample + len(samples)
        return AudioBlock(t_s + frame_length_s(frame, state.info), first, samples[:, None])
    image = _decoded(frame.payload) if state.limit.keeps(t_s) else None
    return None if image is None else CapturedFrame(t_s, image)


def new_track(stream: IngestStream) -> AudioTrack | VideoTrack:
    """The track that a device of this kind has, with a network\'s patience."""
    if stream.kind == "audio":
        return AudioTrack(stream.name, stream.name, missing_after_s=MISSING_AFTER_S)
    return VideoTrack(
        stream.name, stream.name, missing_after_s=MISSING_AFTER_S, still_is_missing=False, latency_s=0.0
    )


def frame_length_s(frame: IngestFrame, stream: IngestStream) -> float:
    """Seconds of sound in the frame; 0 for a picture."""
    return len(frame.payload) / 2 / stream.rate_hz if stream.rate_hz else 0.0


def _decoded(payload: bytes) -> Image | None:
    """RGB, upright, not too large; None if it is damaged."""
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else from_bgr(cast(Image, image), MAX_SIDE)
