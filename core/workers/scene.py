"""Short descriptions of pictures, as unit vectors whose product says how alike two of them are.

`scene_signature` describes a whole picture: it tells a cut from motion within a shot. `appearance` describes
the colours of one face, its hair and its clothes: it tells people apart who are in one shot. It knows nothing
of features and recognises nobody.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.inputs import Image

SAME_SCENE: Final = 0.72
"""Below this product of signatures, two successive pictures belong to different shots: measured on three
clips, cuts gave at most .65, cameras and people in motion at least .88."""

_THUMB: Final = (128, 72)
_CELLS: Final = (16, 9)
_CHROMA_BINS: Final = 12
_LUMA_BINS: Final = 12

Vector = NDArray[np.float32]


def scene_signature(image: Image) -> Vector:
    """Describe a picture by its colours in four quarters and by where its edges lie.

    Half of the weight is the colours', which motion changes little and a lamp much; half is the edges', with
    which it is the other way round. A cut changes both.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (k,) float32 unit vector.
    """
    small = cv2.resize(image, _THUMB, interpolation=cv2.INTER_AREA)
    halves = [np.array_split(half, 2, axis=1) for half in np.array_split(small, 2, axis=0)]
    colours = np.concatenate([colour_histogram(quarter) for half in halves for quarter in half])
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    layout = cv2.resize(np.sqrt(edges), _CELLS, interpolation=cv2.INTER_AREA).ravel()
    return unit(np.concatenate([unit(colours), unit(layout - layout.mean())]))


def appearance(image: Image, box: tuple[float, float, float, float]) -> Vector:
    """Describe the colours of a face, of what is on top of it, and of the clothes below.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x, y, width, height of the face in pixels.

    Returns:
        (k,) float32 unit vector. A region outside the picture is zero and counts by its visible part.
    """
    x, y, width, height = box
    regions = (
        (x + 0.15 * width, y + 0.2 * height, x + 0.85 * width, y + 0.9 * height),
        (x, y - 0.25 * height, x + width, y + 0.15 * height),
        (x - 0.4 * width, y + 1.15 * height, x + 1.4 * width, y + 2.0 * height),
    )
    return unit(np.concatenate([_region(image, region) for region in regions]))


def colour_histogram(pixels: NDArray[np.generic]) -> Vector:
    """(k,) square roots of smoothed histograms of chroma and of brightness; a unit vector."""
    colours = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YCrCb)
    chroma = cv2.calcHist([colours], [1, 2], None, [_CHROMA_BINS] * 2, [76, 196, 76, 196])
    luma = cv2.calcHist([colours], [0], None, [_LUMA_BINS], [0, 256])
    chroma = cv2.GaussianBlur(chroma, (0, 0), 0.7)  # a small change of colour must not jump over a bin
    luma = cv2.GaussianBlur(luma, (1, 0), sigmaX=0.1, sigmaY=0.7)
    return unit(np.concatenate([unit(np.sqrt(chroma).ravel()), unit(np.sqrt(luma).ravel())]))


def unit(vector: NDArray[np.floating]) -> Vector:
    """The vector divided by its length; zeros stay zeros."""
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, np.float32)


def _region(image: Image, region: tuple[float, float, float, float]) -> Vector:
    x0, y0, x1, y1 = (round(v) for v in region)
    rows, columns = image.shape[:2]
    inside = image[max(0, y0) : min(rows, y1), max(0, x0) : min(columns, x1)]
    if inside.size == 0:
        return np.zeros(_CHROMA_BINS**2 + _LUMA_BINS, np.float32)
    visible = inside.shape[0] * inside.shape[1] / max(1, (y1 - y0) * (x1 - x0))
    return np.asarray(colour_histogram(inside) * np.sqrt(min(1.0, visible)), np.float32)
