"""A picture on its way from a device: not too often, not too large, RGB."""

from __future__ import annotations

from typing import Final, cast

import numpy as np

from core.inputs import Image

_EARLY: Final = 0.9
"""A camera at 15 Hz that is asked for 15 Hz must not lose every other picture to jitter."""


class FrameRateLimiter:
    """Says which pictures to keep. `max_hz` None keeps all."""

    def __init__(self, max_hz: float | None) -> None:
        self._least_s = 0.0 if max_hz is None else _EARLY / max_hz
        self._kept_s: float | None = None

    def keeps(self, at_s: float) -> bool:
        """Whether a picture that comes at `at_s` is kept."""
        if self._kept_s is not None and at_s - self._kept_s < self._least_s:
            return False
        self._kept_s = at_s
        return True


def from_bgr(image: Image, max_side: int | None) -> Image:
    """(H, W, 3), (H, W, 4) or (H, W) uint8, blue first -> (H', W', 3) RGB, longer side at most `max_side`."""
    import cv2

    height, width = image.shape[:2]
    scale = 1.0 if max_side is None else min(1.0, max_side / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    if image.ndim == 2:
        return np.ascontiguousarray(np.repeat(image[:, :, None], 3, axis=2))
    return np.ascontiguousarray(image[:, :, 2::-1])
