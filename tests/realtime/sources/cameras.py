"""Network cameras for tests: a textured clip that moves, sent as the benchmarks' cameras send theirs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import camera_server
from benchmarks.camera_server import HZ, mjpeg, rtsp

__all__ = ["HZ", "CameraServer", "clip", "mjpeg", "rtsp"]


def clip(n: int) -> NDArray[np.uint8]:
    """Picture number n of a textured clip that moves: (120, 160, 3), blue first."""
    rng = np.random.default_rng(7)
    texture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.roll(cv2.blur(texture, (9, 9)), 3 * n, axis=1))


class CameraServer(camera_server.CameraServer):
    """A camera that shows the clip."""

    def __init__(self, serve, port: int = 0) -> None:
        super().__init__(serve, clip, port)
