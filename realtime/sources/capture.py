"""One device behind one stream: its driver, a ring buffer, and the track that makes inputs of its items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from core.events import StreamInfo
from core.inputs import SourceInput
from realtime.sources.device_items import DeviceItem
from realtime.sources.driver import DeviceSupervisor, Driver
from realtime.sources.ring import RingBuffer
from realtime.sources.video_track import VideoTrack

REOPEN_FROZEN_S: Final = 2.0
"""A camera that repeats its picture for so long is closed and opened again."""


class CaptureTrack(Protocol):
    """Turns what a device says into inputs of one stream; see `AudioTrack` and `VideoTrack`."""

    counters: dict[str, int]
    behind_s: float

    def take(self, item: DeviceItem) -> list[SourceInput]:
        """Take in what the device's thread told."""
        ...

    def poll(self, now_s: float, *, slept: bool = False) -> list[SourceInput]:
        """Let time act: holes, losses and time-outs; `slept` when the machine was not running."""
        ...

    def finish(self, now_s: float) -> list[SourceInput]:
        """End the stream; what was captured is given first."""
        ...


@dataclass(frozen=True, slots=True)
class Capture:
    """A device and the stream that is made of it; nothing is open yet.

    Attributes:
        info: the stream.
        driver: opens and reads the device.
        track: makes inputs of what the device says.
        capacity: items that may wait for the reader: 30 s of sound, or a few pictures.
    """

    info: StreamInfo
    driver: Driver
    track: CaptureTrack
    capacity: int

    @property
    def label(self) -> str:
        """What the device is called before it was opened."""
        return self.driver.label


class DeviceReader:
    """Keeps the device of a capture open, once it is started, and gives what it says as inputs.

    Args:
        capture: device and stream.
        clock: seconds of stream time.
        notify: called from the device's thread when something has come; must not block.
    """

    def __init__(self, capture: Capture, clock: Callable[[], float], notify: Callable[[], None]) -> None:
        self.info = capture.info
        self._track = capture.track
        self._ring = RingBuffer(capture.capacity, notify)
        self._supervisor = DeviceSupervisor(capture.driver, clock, self._ring.put)
        self._restarted_s = 0.0
        self._dropped = 0

    def start(self) -> None:
        """Open the device, in a thread of its own."""
        self._supervisor.start()

    def advance(self, now_s: float, *, silent_s: float = 0.0) -> list[SourceInput]:
        """What has come, and what the time makes of it. `silent_s`: see `ClockJump`."""
        items = self._ring.drain()
        # A full ring keeps the newest only; that it had to drop some shows that the machine was awake, too.
        dropped, self._dropped = self._ring.dropped - self._dropped, self._ring.dropped
        awake = dropped > 0 or any(now_s - silent_s + 0.5 < item.at_s < now_s - 0.5 for item in items)
        slept = silent_s > 0 and not awake
        # A machine that slept has said nothing; what it said before comes first.
        out: list[SourceInput] = []
        earlier = [item for item in items if not slept or item.at_s < now_s - 0.5]
        for item in earlier:
            out += self._track.take(item)
        out += self._track.poll(now_s, slept=slept) if slept else []
        for item in items[len(earlier) :]:
            out += self._track.take(item)
        out += self._track.poll(now_s)
        self._look_after(now_s)
        return out

    def request_stop(self) -> None:
        """Tell the device's thread to end, without waiting for it."""
        self._supervisor.stop(join_s=0.0)

    def stop(self) -> None:
        """Close the device and wait for its thread, at most a second; one that hangs is left behind."""
        self._supervisor.stop()

    def finish(self, now_s: float) -> list[SourceInput]:
        """After `stop`: what is left, and the stream's end."""
        out: list[SourceInput] = []
        for item in self._ring.drain():
            out += self._track.take(item)
        return [*out, *self._track.finish(now_s)]

    def counters(self) -> dict[str, int]:
        """What was dropped, came too late, and how often the device was opened again."""
        return {
            **self._track.counters,
            "dropped_items": self._ring.dropped,
            "reopened": self._supervisor.reopened,
        }

    @property
    def behind_s(self) -> float:
        """How long what came last had waited for this program, as far as the device says."""
        return self._track.behind_s

    def _look_after(self, now_s: float) -> None:
        self._supervisor.check(now_s)
        frozen = isinstance(self._track, VideoTrack) and self._track.frozen_for_s > REOPEN_FROZEN_S
        if frozen and now_s - self._restarted_s > 2 * REOPEN_FROZEN_S:
            self._restarted_s = now_s
            self._supervisor.restart()
