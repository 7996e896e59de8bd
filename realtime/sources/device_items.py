"""What a device's thread hands over: opened, a block of sound, a picture, lost; and why it can be lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import Image

REASONS: Final = {
    "starting": "the device is being opened",
    "unplugged": "the device is not there",
    "no_data": "the device is open but delivers nothing",
    "all_zero": "the microphone delivers digital silence: muted, forbidden by the system, or dead",
    "frozen": "the camera repeats the same picture",
    "dark": "the camera's picture is black: covered or switched off",
    "permission": "the system does not allow the device to be used",
    "busy": "another program uses the device",
    "suspended": "the machine slept",
    "unreachable": "it does not answer",
    "changed": "the default device of the system has changed",
    "failed": "the device reported an error",
    "overflow": "the program was too busy to take the sound in",
}
"""Stable code -> what it says in a `Gap` and, with the device's name, in a `DeviceState`."""


class DeviceLost(Exception):
    """A device cannot be opened or read.

    Args:
        reason: a key of `REASONS`.
        detail: what the library said, "" when there is nothing to add.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or REASONS[reason])
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Opened:
    """A device delivers from now on.

    Attributes:
        at_s: clock time of the opening.
        device: its name, for people.
        rate_hz: samples per second and channel; 0 for pictures.
        latency_s: how old data are when they arrive, as far as the library knows.
    """

    at_s: float
    device: str
    rate_hz: float = 0.0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Sound as it came from the device.

    Attributes:
        at_s: clock time of its arrival.
        first_frame: how many frames the device has delivered before it, since it was opened.
        samples: (n, channels) float32 in [-1, 1].
        waited_s: how long it lay ready before it was taken, as far as the device says; 0 where it does not.
    """

    at_s: float
    first_frame: int
    samples: NDArray[np.float32]
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CapturedFrame:
    """A picture as it came from the device; (H, W, 3) uint8, RGB.

    Attributes:
        at_s: clock time of its arrival.
        image: the picture.
        sent_s: the sender's own time stamp in seconds, None when it has none that can be trusted.
    """

    at_s: float
    image: Image
    sent_s: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A device does not deliver any more; `reason` is a key of `REASONS`."""

    at_s: float
    reason: str
    detail: str = ""


DeviceItem = Opened | AudioBlock | CapturedFrame | Lost
