"""How much a mouth moved between two pictures, beyond what the rest of its face moved.

The face is laid upright on a small grid by its landmarks, in the newer picture; the older picture is sampled
on the same grid. The eyes and the bridge of the nose, which speech does not move, then tell by which fraction
of a pixel the head went and how much brighter it became. What remains of the mouth's change after both are
taken out, less the change that the upper face still shows (noise, blinking, a turn of the head), is the
motion.

Measured frame by frame against Silero's decision on six CREMA-D clips: 2.6 to 4.4 (median) while the actor
speaks, .08 to .25 in pauses; area under the ROC curve .87 to .95. In an interview with two people of whom one
listens for six seconds, .947 between the two.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.inputs import Image
from core.stages.face_crop import sample_area

# The grid: its unit is the distance from the eyes to the mouth, its origin the middle of the eyes.
_PIXELS_PER_UNIT: Final = 24
_LEFT, _TOP, _WIDTH, _HEIGHT = -1.0, -0.75, 2.0, 2.5
_UPPER: Final = (-0.8, -0.3, 0.8, 0.5)
_MOUTH: Final = (-0.55, 0.7, 0.55, 1.4)
_MARGIN: Final = 4  # pixels; the head may have moved by so much in one frame
_STEPS: Final = 4

Patch = NDArray[np.float32]


def mouth_motion(image: Image, previous: Image, landmarks: NDArray[np.float32], elapsed_s: float) -> float:
    """Motion of one mouth.

    Args:
        image, previous: (H, W, 3) uint8 RGB of the same size; `landmarks` were found in `image`.
        landmarks: (5, 2) pixels: right eye, left eye, nose tip, right and left mouth corner.
        elapsed_s: time between the pictures, > 0.

    Returns:
        Mean absolute change of the mouth's brightness in units of the face's contrast, per second, beyond
        that of the upper face; >= 0.
    """
    grid = _grid(landmarks)
    size = (round(_WIDTH * _PIXELS_PER_UNIT), round(_HEIGHT * _PIXELS_PER_UNIT))
    new, old = (_smooth(sample_area(picture, grid, size)) for picture in (image, previous))
    shift = _shift(_cut(new, _UPPER), _cut(old, _UPPER, _MARGIN))
    upper_new, upper_old = _cut(new, _UPPER), _moved(_cut(old, _UPPER, _MARGIN), shift)
    contrast = float(upper_new.std()) + 4.0  # a flat patch is noise: some grey levels keep it from growing
    gain = float((upper_new.mean() + 8.0) / (upper_old.mean() + 8.0))
    upper = float(np.abs(upper_new - gain * upper_old).mean())
    mouth = float(np.abs(_cut(new, _MOUTH) - gain * _moved(_cut(old, _MOUTH, _MARGIN), shift)).mean())
    return max(0.0, mouth - upper) / contrast / elapsed_s


def _grid(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, 3) map from grid pixels to picture pixels."""
    points = np.asarray(landmarks, np.float64)
    eyes = points[:2].mean(axis=0)
    down = points[3:5].mean(axis=0) - eyes
    if np.hypot(*down) < 1.0:  # eyes on the mouth: no face; anything finite will do
        down = np.array([0.0, 1.0])
    right = np.array([down[1], -down[0]])
    step_x, step_y = right / _PIXELS_PER_UNIT, down / _PIXELS_PER_UNIT
    corner = eyes + (_LEFT + 0.5 / _PIXELS_PER_UNIT) * right + (_TOP + 0.5 / _PIXELS_PER_UNIT) * down
    return np.column_stack([step_x, step_y, corner])


def _smooth(patch: Image) -> Patch:
    grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def _cut(patch: Patch, region: tuple[float, float, float, float], margin: int = 0) -> Patch:
    x0, y0, x1, y1 = region
    columns = [round((x - _LEFT) * _PIXELS_PER_UNIT) for x in (x0, x1)]
    rows = [round((y - _TOP) * _PIXELS_PER_UNIT) for y in (y0, y1)]
    return patch[rows[0] - margin : rows[1] + margin, columns[0] - margin : columns[1] + margin]


def _moved(wide: Patch, shift: NDArray[np.float64]) -> Patch:
    """The inside of `wide`, which has the margin around it, read `shift` pixels (x, y) away."""
    height, width = wide.shape[0] - 2 * _MARGIN, wide.shape[1] - 2 * _MARGIN
    to_wide = np.array([[1, 0, _MARGIN + shift[0]], [0, 1, _MARGIN + shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(wide, to_wide, (width, height), flags=flags), np.float32)


def _shift(new: Patch, wide: Patch) -> NDArray[np.float64]:
    """By how much `new` must be displaced to be found in `wide`: whole pixels by search, then fractions.

    The fractions come from a few steps of Lucas and Kanade's least squares.
    """
    found = cv2.matchTemplate(wide, new, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(int(np.argmax(found)), found.shape)
    shift = np.array([float(column), float(row)]) - _MARGIN
    down, right = np.gradient(new)
    slopes = np.stack([right.ravel(), down.ravel()], axis=1)
    normal = slopes.T @ slopes + 1e-3 * np.eye(2)
    for _ in range(_STEPS):
        difference = new - _moved(wide, shift)
        step = np.linalg.solve(normal, slopes.T @ (difference - difference.mean()).ravel())
        shift = np.clip(shift + np.clip(step, -0.5, 0.5), -_MARGIN, _MARGIN)
    return shift
