"""A source that is fed by frames from a client: bounded, acknowledged, its holes announced."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, cast

import numpy as np

from core.engine.engine import Input
from core.events import StreamInfo
from core.inputs import AudioChunk, Image, SourceInput
from core.media.source import available_s
from realtime.feed.client_messages import Ingest, IngestStream
from realtime.feed.close_codes import Close, Refusal
from realtime.feed.ingest_frame import Frame, read
from realtime.feed.ingest_schedule import Schedule
from realtime.feed.server_messages import Ack
from realtime.sources.audio_track import AudioTrack
from realtime.sources.device_items import Block, DeviceItem, Opened, Picture
from realtime.sources.picture_track import PictureTrack
from realtime.sources.pictures import RateLimit, from_bgr

AHEAD_S: Final = 10.0
"""So much may arrive before it is due. More is refused: it was not spoken just now."""
DRIFT: Final = 1.01
WAITING_S: Final = 15.0
"""Sound that may wait; what comes then is left out and counted."""
WAITING_PICTURES: Final = 4
BEHIND_S: Final = 3.0
"""Sound that may lie before the engine, beyond which the source is held back."""
ACK_S: Final = 1.0
MISSING_AFTER_S: Final = 1.6
"""So long without a frame until a stream counts as lost; one frame of sound may have 1 s."""
MAX_HZ: Final = 15.0
MAX_SIDE: Final = 960

_LOOK_S: Final = 0.05


@dataclass(slots=True)
class _Lane:
    """One stream on its way in."""

    info: IngestStream
    track: AudioTrack | PictureTrack
    number: int = -1
    t_s: float = 0.0
    taken_s: float = 0.0
    waiting_s: float = 0.0
    dropped: int = 0
    told_s: float = -math.inf
    told_dropped: int = 0
    torn: bool = True
    first_sample: int = 0
    limit: RateLimit = field(default_factory=lambda: RateLimit(MAX_HZ))
    pictures: deque[_Entry] = field(default_factory=deque)


@dataclass(slots=True)
class _Entry:
    lane: _Lane
    frame: Frame | None
    torn: bool


class IngestSource:
    """Takes frames in on one thread and gives inputs on another, when they are due.

    It is a `TimedSource`, and the `InputTape` of its session: so it knows how far the engine has come.

    Args:
        request: what the client is going to send; audio streams have a rate, others none.
        tell: sends an `Ack` to the client; never waits.
        idle_s: without any frame for so long the source ends.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        request: Ingest,
        tell: Callable[[Ack], None],
        *,
        idle_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = request.source
        self.streams: tuple[StreamInfo, ...] = tuple(
            StreamInfo(stream.name, stream.kind, stream.person) for stream in request.streams
        )
        self.duration_s: float | None = None
        self.faults: list[str] = []
        self._tell = tell
        self._idle_s = idle_s
        self._clock = clock
        self._opened_s = self._heard_s = clock()
        self._announced = request.streams
        self._lanes = [_Lane(stream, _track(stream)) for stream in request.streams]
        self._schedule = Schedule()
        self._entries: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._acted_s = 0.0
        self._stopping = False
        self._closed = False

    # -- what comes in --------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Take in a binary message; never waits.

        Raises:
            Refusal: with `Close.BAD_MESSAGE` or `Close.TOO_FAST`; nothing of it was taken in.
        """
        frame = read(data, self._announced)
        lane, now_s = self._lanes[frame.stream], self._clock()
        if frame.number <= lane.number:
            raise Refusal(Close.BAD_MESSAGE, "the numbers of a stream's frames have to increase.")
        length_s = _length_s(frame, lane.info)
        t_s = frame.t_us / 1e6
        most_s = (now_s - self._opened_s) * DRIFT + AHEAD_S
        if t_s + length_s > most_s or lane.taken_s + length_s > most_s:
            raise Refusal(Close.TOO_FAST, f"this is more than {AHEAD_S:g} s ahead of time.")
        lane.torn |= frame.missing_before or frame.number != lane.number + 1
        lane.number, lane.t_s, self._heard_s = frame.number, t_s + length_s, now_s
        lane.taken_s += length_s
        with self._changed:
            self._schedule.arrived(lane.t_s, now_s)
            self._keep(lane, frame, length_s)
            self._changed.notify_all()
        self._acknowledge(frame.stream, lane, now_s)

    def finish(self) -> None:
        """No more will come."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _keep(self, lane: _Lane, frame: Frame, length_s: float) -> None:
        if lane.info.kind == "audio":
            if lane.waiting_s + length_s > WAITING_S:
                lane.dropped += 1
                lane.torn = True
                return
            lane.waiting_s += length_s
        else:
            while len(lane.pictures) >= WAITING_PICTURES:
                oldest = lane.pictures.popleft()
                oldest.frame, lane.torn = None, lane.torn or oldest.torn
                lane.dropped += 1
        entry = _Entry(lane, frame, lane.torn)
        lane.torn = False
        self._entries.append(entry)
        if lane.info.kind == "video":
            lane.pictures.append(entry)

    def _acknowledge(self, index: int, lane: _Lane, now_s: float) -> None:
        due = now_s - lane.told_s >= ACK_S
        if due or (lane.dropped > lane.told_dropped and now_s - lane.told_s >= ACK_S / 10):
            lane.told_s, lane.told_dropped = now_s, lane.dropped
            queued_s = round(max(0.0, lane.t_s - self._acted_s), 3)
            self._tell(Ack(index, lane.number, round(lane.t_s, 3), queued_s, lane.dropped))

    # -- a tape ---------------------------------------------------------------------------------------

    def write(self, at_s: float, item: Input) -> None:
        """Note that the engine has been given an input."""
        if isinstance(item, SourceInput):
            with self._changed:
                self._acted_s = max(self._acted_s, available_s(item))
                self._changed.notify_all()

    # -- a source -------------------------------------------------------------------------------------

    def now_s(self) -> float:
        """The present stream time."""
        with self._changed:
            return self._schedule.now_s(self._clock())

    def behind_s(self) -> float:
        """Zero: what comes late over a network has not waited for us."""
        return 0.0

    def inputs(self) -> Iterator[SourceInput]:
        """Give what was sent, when it is due; see `Source.inputs`."""
        while not self._closed:
            entry = self._next()
            if entry is not None:
                yield from self._given(entry)
            elif self._over():
                break
            elif any(lane.number >= 0 for lane in self._lanes):
                now_s = (
                    self.now_s()
                )  # who is held back has not missed what waits: time acts when nothing does
                for lane in self._lanes:
                    yield from lane.track.poll(now_s)
        if not self._closed:
            for lane in self._lanes:
                yield from lane.track.finish(self.now_s())
        self._tell_losses()

    def stop(self) -> None:
        """End in order, from any thread: what was sent is given, then each stream's end."""
        self.finish()

    def close(self) -> None:
        """End a running iteration and forget what waits."""
        with self._changed:
            self._closed = self._stopping = True
            self._entries.clear()
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- in between -----------------------------------------------------------------------------------

    def _next(self) -> _Entry | None:
        """What is due, or None after a short wait; at the end nothing waits for its time."""
        with self._changed:
            if not self._entries and not self._stopping:
                self._changed.wait(_LOOK_S)
            if not self._entries:
                return None
            due_s = self._due_s(self._entries[0])
            if due_s > 0 and not self._closed:
                self._changed.wait(min(_LOOK_S, due_s))
                if not self._entries or self._due_s(self._entries[0]) > 0:
                    return None
            entry = self._entries.popleft()
            if entry.frame is not None:
                entry.lane.waiting_s -= _length_s(entry.frame, entry.lane.info)
                if entry.lane.pictures and entry.lane.pictures[0] is entry:
                    entry.lane.pictures.popleft()
            return entry

    def _due_s(self, entry: _Entry) -> float:
        if entry.frame is None:
            return 0.0
        end_s = entry.frame.t_us / 1e6 + _length_s(entry.frame, entry.lane.info)
        return end_s - self._schedule.now_s(self._clock())

    def _over(self) -> bool:
        with self._changed:
            if self._stopping and not self._entries:
                return True
            idle = not self._entries and self._clock() - self._heard_s > self._idle_s
        if idle:
            self.faults.append(f"nothing was sent for {self._idle_s:g} s.")
        return idle

    def _hold_back(self, item: SourceInput) -> None:
        """Wait while too much sound lies before the engine."""
        if not isinstance(item, AudioChunk):
            return
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or available_s(item) - self._acted_s <= BEHIND_S, timeout=BEHIND_S
            )

    def _given(self, entry: _Entry) -> Iterator[SourceInput]:
        lane, frame = entry.lane, entry.frame
        if frame is None:
            return
        if entry.torn:
            lane.first_sample = 0
            yield from lane.track.take(Opened(frame.t_us / 1e6, lane.info.name, lane.info.rate_hz or 0.0))
        item = _device_item(lane, frame)
        for given in lane.track.take(item) if item is not None else ():
            yield given
            self._hold_back(given)

    def _tell_losses(self) -> None:
        for lane in self._lanes:
            if lane.dropped:
                what = "pieces of sound" if lane.info.kind == "audio" else "pictures"
                self.faults.append(f"{lane.info.name}: {lane.dropped} {what} were left out; too much waited.")


def _device_item(lane: _Lane, frame: Frame) -> DeviceItem | None:
    """The frame as a device would have given it: at the time of its last sample, by the client's clock."""
    t_s = frame.t_us / 1e6
    if lane.info.kind == "audio":
        samples = np.frombuffer(frame.payload, "<i2").astype(np.float32) / 32_768.0
        first, lane.first_sample = lane.first_sample, lane.first_sample + len(samples)
        return Block(t_s + _length_s(frame, lane.info), first, samples[:, None])
    image = _decoded(frame.payload) if lane.limit.keeps(t_s) else None
    return None if image is None else Picture(t_s, image)


def _track(stream: IngestStream) -> AudioTrack | PictureTrack:
    if stream.kind == "audio":
        return AudioTrack(stream.name, stream.name, missing_after_s=MISSING_AFTER_S)
    return PictureTrack(
        stream.name, stream.name, missing_after_s=MISSING_AFTER_S, still_is_missing=False, latency_s=0.0
    )


def _length_s(frame: Frame, stream: IngestStream) -> float:
    return len(frame.payload) / 2 / stream.rate_hz if stream.rate_hz else 0.0


def _decoded(payload: bytes) -> Image | None:
    """RGB, upright, not too large; None if it is damaged."""
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else from_bgr(cast(Image, image), MAX_SIDE)
