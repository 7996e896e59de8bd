"""A camera through OpenCV, which blocks for ever or repeats a picture for ever when the camera is gone.

So it is read in a thread of its own that the `DeviceSupervisor` watches, and the `VideoTrack` looks for
repetition.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Final, Protocol, cast

from core.inputs import Image
from realtime.sources.device_items import CapturedFrame, DeviceLost, Opened
from realtime.sources.driver import DriverHandle
from realtime.sources.pictures import FrameRateLimiter, from_bgr
from realtime.sources.pulse_server import DEFAULT

log = logging.getLogger(__name__)

OPEN_S: Final = 2.0
READ_S: Final = 2.0
_FAILURES: Final = 5
"""Reads that may fail in a row: a camera that wakes up fails once or twice."""


class VideoCapture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool:  # noqa: D102
        ...

    def read(self) -> tuple[bool, Image | None]:  # noqa: D102
        ...

    def release(self) -> None:  # noqa: D102
        ...


def open_capture(device: int | str) -> VideoCapture:
    """OpenCV's capture with time limits, where its back end knows them, and as small a queue as it can."""
    import cv2

    limits = []
    if isinstance(device, str):  # FFmpeg; the cameras' own back ends refuse what they do not know
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(OPEN_S * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(READ_S * 1000),
        ]
    capture = cv2.VideoCapture(device, cv2.CAP_ANY, limits)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return cast(VideoCapture, capture)


def is_listed(number: int) -> bool:
    """Whether the system knows a camera of that number; only Linux tells."""
    return not sys.platform.startswith("linux") or os.path.exists(f"/dev/video{number}")


class CameraDriver:
    """A camera by its number ("0" is the first) or its path.

    Args:
        device: "default", a number, a path such as /dev/video0, or anything that OpenCV opens.
        max_hz: pictures beyond this rate are left out; None keeps all.
        max_side: larger pictures are scaled down to this many pixels on their longer side.
        capture: opens a device; replaced in tests.
        is_listed: whether there is a camera of that number; without one OpenCV fills the terminal.
    """

    def __init__(
        self,
        device: str = DEFAULT,
        *,
        max_hz: float | None = 15.0,
        max_side: int | None = 960,
        capture: Callable[[int | str], VideoCapture] = open_capture,
        is_listed: Callable[[int], bool] = is_listed,
    ) -> None:
        number = "0" if device == DEFAULT else device
        self._device: int | str = int(number) if number.isdigit() else number
        self._max_hz = max_hz
        self._max_side = max_side
        self._capture = capture
        self._is_listed = is_listed
        self.label = "camera" if device == DEFAULT else f"camera {device}"

    def run(self, handle: DriverHandle) -> None:
        """Read until the handle closes. Raises DeviceLost when the camera is lost."""
        if isinstance(self._device, int) and not self._is_listed(self._device):
            raise DeviceLost("unplugged", "no such camera")
        capture = self._capture(self._device)
        try:
            if not capture.isOpened():
                raise self._not_opened()
            handle.put(Opened(handle.clock(), self.label))
            self._read(handle, capture)
        finally:
            capture.release()

    def _read(self, handle: DriverHandle, capture: VideoCapture) -> None:
        limit = FrameRateLimiter(self._max_hz)
        failures = 0
        while not handle.wait(0.0):
            there, image = capture.read()
            at_s = handle.clock()
            if there and image is not None:
                failures = 0
                if limit.keeps(at_s):
                    handle.put(CapturedFrame(at_s, from_bgr(image, self._max_side)))
                continue
            failures += 1
            if failures >= _FAILURES:
                raise DeviceLost("unplugged", "the camera gives no more pictures")
            handle.wait(0.05)

    def _not_opened(self) -> DeviceLost:
        path = f"/dev/video{self._device}" if isinstance(self._device, int) else self._device
        if os.path.exists(path):
            if not os.access(path, os.R_OK | os.W_OK):
                return DeviceLost("permission", f"{path} may not be read; join the group that owns it")
            return DeviceLost("busy", f"{path} is there, but cannot be opened")
        return DeviceLost("unplugged", "it cannot be opened")
