"""A screen without a monitor: Xvfb, whose picture is a file that a program paints into."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError

Canvas = NDArray[np.uint8]
"""(H, W, 4) uint8: blue, green, red, unused."""

_PAINT_EVERY_S: Final = 0.05


class Display:
    """Runs until it is killed, and plays what `paint` paints, as a player would into its window.

    Args:
        folder: for the picture's file.
        paint: is given the screen and the number of the picture, 20 times a second.
        size: width and height in pixels.
        number: of the display; None takes a free one.

    Raises:
        SourceError: Xvfb is not installed.
    """

    def __init__(
        self,
        folder: Path,
        paint: Callable[[Canvas, int], None],
        size: tuple[int, int],
        number: int | None = None,
    ) -> None:
        if shutil.which("Xvfb") is None:
            raise SourceError("a screen without a monitor needs Xvfb.", fix="apt install xvfb")
        reader, writer = os.pipe()
        named = [f":{number}"] if number is not None else []
        screen = ["-screen", "0", f"{size[0]}x{size[1]}x24", "-fbdir", str(folder), "-nolisten", "tcp"]
        self._server = subprocess.Popen(
            ["Xvfb", *named, "-displayfd", str(writer), *screen], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        with os.fdopen(reader) as told:
            self.number = int(told.readline())
        self._paint = paint
        self._picture = _mapped(folder / "Xvfb_screen0", size)
        self._stop = threading.Event()
        self._player = threading.Thread(target=self._play, daemon=True)
        self._player.start()

    def kill(self) -> None:
        """The X server dies."""
        self._stop.set()
        self._player.join()
        self._server.kill()
        self._server.wait()

    def _play(self) -> None:
        number = 0
        while not self._stop.wait(_PAINT_EVERY_S):
            number += 1
            self._paint(self._picture, number)


def _mapped(file: Path, size: tuple[int, int]) -> Canvas:
    header = struct.unpack(">25I", file.read_bytes()[:100])
    offset, stride = header[0] + 12 * header[19], header[12]
    return np.memmap(file, np.uint8, "r+", offset, (size[1], stride // 4, 4))
