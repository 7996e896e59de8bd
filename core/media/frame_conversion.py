"""A decoded video frame as the picture that a viewer sees: RGB, upright, square pixels, not too large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from core.inputs import Image


class PictureMaker:
    """Converts frames of one stream; libswscale scales and converts in one pass.

    Args:
        max_side: the longer side is scaled down to this many pixels; None keeps the size.
        pixel_aspect: width of a pixel over its height; a wild or missing value counts as square.
    """

    def __init__(self, max_side: int | None, pixel_aspect: Fraction | None) -> None:
        self._max_side = max_side
        sane = pixel_aspect is not None and Fraction(1, 4) <= pixel_aspect <= 4
        self._pixel_aspect = float(pixel_aspect) if sane and pixel_aspect is not None else 1.0
        self._reformatter = VideoReformatter()
        self._rotation: int | None = None
        self._matrix: NDArray[np.int32] | None = None

    def picture(self, frame: av.VideoFrame) -> Image:
        """(H, W, 3) uint8.

        Raises:
            av.FFmpegError, ValueError: its pixel format cannot be converted.
        """
        width, height = self._size(frame)
        converted = self._reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation="AREA", threads=1
        )
        # Looking at its side data ties a frame into a reference cycle, so that pictures pile up until the
        # collector comes; the plain rotation tells cheaply whether the orientation is still the same.
        if frame.rotation != self._rotation:
            self._rotation, self._matrix = frame.rotation, _display_matrix(frame)
        return _upright(cast(Image, converted.to_ndarray()), self._matrix)

    def _size(self, frame: av.VideoFrame) -> tuple[int, int]:
        width, height = frame.width * self._pixel_aspect, float(frame.height)
        longer = max(width, height)
        scale = 1.0 if self._max_side is None else min(1.0, self._max_side / longer)
        return max(1, round(width * scale)), max(1, round(height * scale))


def _display_matrix(frame: av.VideoFrame) -> NDArray[np.int32] | None:
    """The upper left 2x2 of the display matrix, 16.16: x' = m00 x + m10 y, y' = m01 x + m11 y."""
    try:
        side_data = cast(Mapping[SideDataType, Buffer], frame.side_data)
    except ValueError:  # side data of a kind that PyAV has no name for hides the others
        return _rotation_matrix(frame.rotation)
    matrix = side_data.get(SideDataType.DISPLAYMATRIX)
    return None if matrix is None else np.frombuffer(bytes(matrix), np.int32)[:9].reshape(3, 3)[:2, :2]


def _rotation_matrix(counterclockwise_degrees: int) -> NDArray[np.int32]:
    angle = math.radians(-counterclockwise_degrees)
    cosine, sine = math.cos(angle) * 65_536, math.sin(angle) * 65_536
    return np.array([[cosine, sine], [-sine, cosine]]).round().astype(np.int32)


def _upright(image: NDArray[np.uint8], matrix: NDArray[np.int32] | None) -> Image:
    """Turn by quarters and mirror; angles in between are rounded to the nearest quarter."""
    if matrix is None:
        return image
    (a, b), (c, d) = matrix.tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        flip_x, flip_y = a < 0, d < 0
    else:
        image = image.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    image = image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return np.ascontiguousarray(image)
