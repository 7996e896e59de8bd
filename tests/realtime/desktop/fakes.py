"""Devices and sources that exist in the test alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from core.events import StreamInfo
from core.inputs import AudioChunk, DeviceState, SourceInput, VideoFrame
from core.policy import Policy
from realtime.desktop.devices_page import Hardware
from realtime.sources.devices import Device, DeviceKind

DEVICES = (
    Device("microphone", "mic", "USB microphone", True),
    Device("microphone", "array", "Built-in array", False),
    Device("loopback", "speaker.monitor", "Headphones", True),
    Device("camera", "0", "Integrated camera", True),
    Device("screen", "0", "screen 0, 1920x1080", True),
)


class FakeSource:
    """Gives a tone and a picture once, then waits until it is stopped."""

    def __init__(self, kind: DeviceKind, device: str, items: list[SourceInput] | None = None) -> None:
        self.name = device
        self.streams = (StreamInfo(kind, "audio"),)
        self.duration_s = None
        self.faults: list[str] = []
        self.kind = kind
        self.device = device
        self.open = False
        self._items = items if items is not None else given(kind)
        self._stopped = threading.Event()

    def inputs(self) -> Iterator[SourceInput]:
        self.open = True
        yield from self._items
        self._stopped.wait(20)
        self.open = False

    def stop(self) -> None:
        self._stopped.set()

    close = stop

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def given(kind: DeviceKind) -> list[SourceInput]:
    """What a device that works says."""
    state = DeviceState(kind, 0.0, True, "", "it delivers.")
    if kind in ("camera", "screen"):
        picture = np.zeros((90, 160, 3), np.uint8)
        picture[:, 80:] = (0, 200, 100)
        return [state, VideoFrame(kind, 0.0, picture)]
    return [state, AudioChunk(kind, 0, np.full(320, 0.1, np.float32))]


def lost(kind: DeviceKind, reason: str, message: str) -> list[SourceInput]:
    """What a device says that cannot be used."""
    return [DeviceState(kind, 0.0, False, reason, message)]


class FakeHardware:
    """What is plugged in, and every source that was ever opened."""

    def __init__(self, devices: tuple[Device, ...] = DEVICES) -> None:
        self.plugged = devices
        self.opened: list[FakeSource] = []
        self.broken: dict[str, list[SourceInput]] = {}

    def open_(self, kind: DeviceKind, device: str, _policy: Policy) -> FakeSource:
        self.opened.append(FakeSource(kind, device, self.broken.get(kind)))
        return self.opened[-1]

    @property
    def hardware(self) -> Hardware:
        return Hardware(lambda: self.plugged, self.open_, lambda: (0, 0, 1920, 1080))

    @property
    def open_now(self) -> list[str]:
        return [source.kind for source in self.opened if source.open]
