"""Face crops as the expression network takes them. No torch here: the live loop uses this file."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CROP_SIZE: Final = 48
"""Height and width in pixels of a crop. It is the size of the faces that the network was trained on."""


def scale_crops(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn grey crops into network input.

    The network standardises brightness and contrast by itself, so nothing else is done here.

    Args:
        crops: (n, 48, 48) uint8, grey, framed as `core.stages.face_crop` frames them.

    Returns:
        (n, 1, 48, 48) float32 in [0, 1].

    Raises:
        ValueError: the crops have another size or type.
    """
    if crops.ndim != 3 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE) or crops.dtype != np.uint8:
        raise ValueError(
            f"crops must be (n, {CROP_SIZE}, {CROP_SIZE}) uint8, not {crops.shape} {crops.dtype}"
        )
    scaled: NDArray[np.float32] = crops[:, None].astype(np.float32) / np.float32(255)
    return scaled
