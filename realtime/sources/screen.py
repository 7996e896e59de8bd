"""A region of the screen, where the faces of the other side are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from core.errors import ConfigError
from realtime.sources.device_items import CapturedFrame, DeviceLost, Opened
from realtime.sources.driver import DriverHandle
from realtime.sources.pictures import from_bgr

Region = tuple[int, int, int, int]
"""Left, top, width, height in pixels of the whole desktop."""

_FORM: Final = 'Use the number of a screen ("0" is the first) or "left,top,width,height".'


def parse_region(text: str) -> int | Region:
    """Read "0" or "left,top,width,height".

    Raises:
        ConfigError: it is neither.
    """
    if text == "default":
        return 0
    parts = text.split(",")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] >= 0:
        return numbers[0]
    if len(numbers) == 4 and min(numbers[2:]) > 0:
        return (numbers[0], numbers[1], numbers[2], numbers[3])
    raise ConfigError(f"{text!r} is not a region of the screen.", where="sources.screen", fix=_FORM)


def open_mss() -> Any:  # noqa: ANN401
    """The library's grabber. Raises DeviceLost where the screen cannot be grabbed."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        wayland = "Wayland gives no pictures of the screen to programs" if _is_wayland() else "no display"
        raise DeviceLost("unreachable" if _is_wayland() else "unplugged", wayland)
    import mss
    from mss.exception import ScreenShotError

    try:
        return mss.MSS()
    except ScreenShotError as error:
        raise DeviceLost("unplugged", "the display cannot be opened") from error


def _is_wayland() -> bool:
    return bool(os.environ.get("WAYLAND_DISPLAY"))


class ScreenDriver:
    """Grabs a region at a fixed rate.

    Args:
        region: number of a screen, or left, top, width, height.
        hz: pictures per second.
        max_side: larger pictures are scaled down to this many pixels on their longer side.
        open_: gives the grabber; replaced in tests.
    """

    def __init__(
        self,
        region: int | Region = 0,
        *,
        hz: float = 5.0,
        max_side: int | None = 1280,
        open_: Callable[[], Any] = open_mss,
    ) -> None:
        self._region = region
        self._period_s = 1 / hz
        self._max_side = max_side
        self._open = open_
        self.label = f"screen {region}" if isinstance(region, int) else "screen region"

    def run(self, handle: DriverHandle) -> None:
        """Grab until the handle closes. Raises DeviceLost when the screen cannot be read."""
        from mss.exception import ScreenShotError

        try:
            with self._open() as grabber:
                self._grab(handle, grabber)
        except (ScreenShotError, AssertionError) as error:
            # Of a display that dies the library asserts that it has answered, and cannot close it either.
            raise DeviceLost("failed", str(error) or "the display does not answer") from error

    def _grab(self, handle: DriverHandle, grabber: Any) -> None:  # noqa: ANN401
        area = self._area(grabber.monitors)
        handle.put(Opened(handle.clock(), self.label))
        due_s = handle.clock()
        while not handle.wait(max(0.0, due_s - handle.clock())):
            shot = np.asarray(grabber.grab(area))
            handle.put(CapturedFrame(handle.clock(), from_bgr(shot, self._max_side)))
            due_s = max(due_s + self._period_s, handle.clock())

    def _area(self, monitors: list[dict[str, int]]) -> dict[str, int]:
        if not isinstance(self._region, int):
            return dict(zip(("left", "top", "width", "height"), self._region, strict=True))
        if self._region + 1 >= len(monitors):  # the first one is all of them together
            raise DeviceLost("unplugged", f"there are {len(monitors) - 1} screens")
        return monitors[self._region + 1]
