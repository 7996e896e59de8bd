"""The one way a face is cut out of a picture, live and when training data are prepared.

The expression encoder learns from FER2013 (pictures of FER+ labels): 48 x 48 grey, the face fills the frame,
no in-plane rotation is taken out. A live crop must look like one of those, so the rule below was measured
on them: YuNet on 3,000 random FER+ pictures (34 missed), enlarged to 240 pixels, the border replicated by 40.
Figures are medians in units of the frame's side, for faces turned by less than 10 % of the distance from
eyes to mouth (nose against the middle of the eyes); p5 and p95 are those of all faces.

    ==============================  ============  ==============
    measured                        median        p5 to p95
    ==============================  ============  ==============
    middle of the eyes (x, y)       (.50, .38)    y .24 to .47
    middle of the mouth (x, y)      (.50, .77)    y .64 to .88
    middle of these two (x, y)      (.50, .576)   y .46 to .64
    centre of the box (x, y)        (.50, .50)    y .43 to .57
    eyes to mouth                   .393          .27 to .54
    eye to eye                      .373          .24 to .48
    height of the box               1.07          .76 to 1.32
    ==============================  ============  ==============

A box found in a FER picture is cut off by the frame, one found in a whole scene is not. There (six clips with
one person, three more with one to five) eyes to mouth is .35 of the box's height and lies .06 of it below
the box's centre. Both ways to scale then agree: eyes to mouth / .393 = .89 of the box's height; with the box
cut off by nothing, that is 1.12 frames. The box is steady when the head turns or the mouth opens, the
landmarks do not depend on hair; so the side and the centre are the means of what the two propose. A face
turned far keeps its place in the frame that way, too: in FER the landmarks drift to the side of the turn
by .13 and the box's centre by -.01, and so they do in the crop. On 106 faces of those nine clips the crop has
the eyes at (.49, .375), the mouth at (.50, .769) and .397 between them.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.inputs import Image

_EYES_TO_MOUTH: Final = 0.393
_SIDE_OF_BOX_HEIGHT: Final = 0.89
_LANDMARKS_Y: Final = 0.576
_BOX_Y: Final = 0.51


def crop_face(
    image: Image,
    box: tuple[float, float, float, float],
    landmarks: NDArray[np.float32],
    size: int = 48,
) -> NDArray[np.uint8]:
    """Cut a face out so that it lies in the crop as faces lie in FER2013.

    Beyond the picture's border its edge is repeated. Contrast is left as it is.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: x, y, width, height in pixels; it may reach over the border.
        landmarks: (5, 2) pixels: right eye, left eye, nose tip, right and left mouth corner.
        size: side S of the crop in pixels.

    Returns:
        (S, S) uint8 grey.

    Raises:
        ValueError: the box is empty or not finite.
    """
    x, y, side = crop_square(box, landmarks)
    step = side / size
    to_image = np.array([[step, 0, x + step / 2 - 0.5], [0, step, y + step / 2 - 0.5]])
    return cv2.cvtColor(sample_area(image, to_image, (size, size)), cv2.COLOR_RGB2GRAY).astype(np.uint8)


def sample_area(image: Image, to_image: NDArray[np.float64], size: tuple[int, int]) -> Image:
    """Resample a part of a picture so that every new pixel is the mean of the area it covers.

    Args:
        image: (H, W, 3) uint8.
        to_image: (2, 3) maps centres of new pixels (x, y, 1) to pixels of `image`: a similarity.
        size: width w and height h of the result.

    Returns:
        (h, w, 3) uint8; beyond the picture's border its edge is repeated.
    """
    # Bilinear sampling of a finer grid, then its mean: no aliasing, and no rounding to whole pixels.
    fine = max(1, math.ceil(float(np.hypot(to_image[0, 0], to_image[1, 0]))))
    linear = to_image[:, :2] / fine
    offset = to_image[:, 2] - linear @ np.full(2, (fine - 1) / 2)
    cut = cv2.warpAffine(
        image,
        np.column_stack([linear, offset]),
        (size[0] * fine, size[1] * fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(cut, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def crop_square(
    box: tuple[float, float, float, float], landmarks: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Left edge, top edge and side, in pixels, of the square that `crop_face` cuts.

    Raises:
        ValueError: the box is empty or not finite.
    """
    left, top, width, height = (float(v) for v in box)
    points = np.asarray(landmarks, np.float64)
    if not (width > 0 and height > 0 and np.isfinite([left, top, width, height, *points.flat]).all()):
        raise ValueError(f"a face needs a box with an area and finite landmarks, not {box}")
    eyes, mouth = points[:2].mean(axis=0), points[3:5].mean(axis=0)
    # Landmarks of a hidden or upside-down face may coincide; the box then says how large it is.
    eyes_to_mouth = float(np.clip(np.hypot(*(mouth - eyes)), 0.25 * height, 0.45 * height))
    side = (_SIDE_OF_BOX_HEIGHT * height + eyes_to_mouth / _EYES_TO_MOUTH) / 2
    middle = (eyes + mouth) / 2
    by_landmarks = middle - (0.5 * side, _LANDMARKS_Y * side)
    by_box = np.array([left + width / 2, top + height / 2]) - (0.5 * side, _BOX_Y * side)
    x, y = (by_landmarks + by_box) / 2
    return float(x), float(y), side
