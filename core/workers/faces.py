"""The worker that finds faces: YuNet, then everything about each face that the pixels are needed for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.inputs import Image
from core.stages.face_crop import crop_face
from core.work import DetectFaces, FaceDetection, Faces
from core.workers.mouth_motion import mouth_motion
from core.workers.scene import SAME_SCENE, appearance, scene_signature

SIDE: Final = 320
"""Longer side of the picture that is searched first."""
FINE_SIDE: Final = 640
"""Longer side of the second look, taken when the first found nothing or something tiny."""
TINY: Final = 24.0
"""Height, in the first look's pixels, below which a face may have smaller neighbours not yet seen."""
MIN_SCORE: Final = 0.7
MIN_HEIGHT: Final = 16.0
"""Faces less high than this, in pixels of the picture, show no expression and are left out."""

SURE: Final = 0.91
"""A face with less than this score may be upside down: measured on the faces of four clips, upright ones have
.92 and more, those of the same pictures turned by 180 degrees at most .88."""
TURNED_SIDE: Final = 160
"""Longer side of the part of the picture in which that is looked up."""

Box = tuple[float, float, float, float]


class FaceDetector:
    """Finds faces and describes them. The same order always gives the same answer.

    A first look at 320 pixels finds what is at least about 10 of them high. Measured on one core: 3 to 7 ms,
    against 10 to 29 ms at 640 pixels. On three clips with one or two people near the camera both find the
    same; on a stage with an audience 320 finds 99 faces in 46 pictures and 640 finds 105, so a second look
    is taken only where faces are tiny or there are none.

    Building one limits OpenCV to one thread, process-wide: workers share few cores.

    Args:
        path: YuNet's ONNX file, `face_detection_yunet_2023mar.onnx`.
        crop_size: side of the crops in pixels, from the checkpoint's spec.
        max_faces: only the largest this many are described.

    Raises:
        ModelError: the file cannot be loaded.
    """

    def __init__(self, path: Path, crop_size: int, max_faces: int) -> None:
        self._crop_size = crop_size
        self._max_faces = max_faces
        cv2.setNumThreads(1)
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns of its own defaults
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (SIDE, SIDE), MIN_SCORE, 0.3, 200)
        except cv2.error as error:
            raise ModelError(
                f"is not a face detector that OpenCV can load: {error.err}.",
                where=str(path),
                fix="Run `emotrack models verify` to check the file, then `emotrack models pull`.",
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def run(self, order: DetectFaces) -> Faces:
        """Find every face of the order's picture, left to right.

        Raises:
            ModelError: the network failed on this picture.
        """
        rows = self._detect(order.image)
        rows = rows[[row[14] >= SURE or not self._is_upside_down(row, order.image) for row in rows]]
        rows = rows[np.argsort(-rows[:, 2] * rows[:, 3], kind="stable")][: self._max_faces]
        rows = rows[np.argsort(rows[:, 0] + rows[:, 2] / 2, kind="stable")]
        scene = scene_signature(order.image)
        changed = order.previous is not None and float(scene @ scene_signature(order.previous)) < SAME_SCENE
        previous = order.previous
        if changed or order.elapsed_s <= 0 or (previous is not None and _repeats(order.image, previous)):
            previous = None
        detections = tuple(self._describe(row, order.image, previous, order.elapsed_s) for row in rows)
        return Faces(order.t_s, detections, scene_change=changed, scene=scene)

    def _detect(self, image: Image) -> NDArray[np.float32]:
        """(n, 15) float32: box, five landmarks, score, in pixels of the picture."""
        rows = self._look(image, SIDE)
        tiny = len(rows) == 0 or float(rows[:, 3].min()) * SIDE / max(image.shape[:2]) < TINY
        if tiny and max(image.shape[:2]) > SIDE:
            rows = self._look(image, FINE_SIDE)
        return rows[(rows[:, 3] >= MIN_HEIGHT) & (rows[:, 2] > 0)]

    def _is_upside_down(self, row: NDArray[np.float32], image: Image) -> bool:
        """Whether a face is found better when its surroundings are turned by 180 degrees.

        The network finds faces that are upside down, too, with the mouth where the eyes are. Their crops
        would be of no expression, so nothing is said of them. On 23 of 24 such faces the turned look won, on
        none of 38 upright ones.
        """
        x, y, width, height = (float(v) for v in row[:4])
        reach = max(width, height)
        left, top = max(0, round(x + width / 2 - reach)), max(0, round(y + height / 2 - reach))
        part = image[top : round(y + height / 2 + reach), left : round(x + width / 2 + reach)]
        if part.size == 0:
            return False
        return self._best_score(part[::-1, ::-1]) > self._best_score(part)

    def _best_score(self, part: Image) -> float:
        found = self._look(np.ascontiguousarray(part), TURNED_SIDE)
        return float(found[:, 14].max(initial=0.0))

    def _look(self, image: Image, side: int) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
        try:
            self._network.setInputSize(size)
            _, found = self._network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        except cv2.error as error:
            raise ModelError(
                f"the face detector failed on a picture of {width} x {height}: {error.err}"
            ) from error
        rows = np.zeros((0, 15), np.float32) if found is None else np.array(found, np.float32)
        rows[:, 0:14:2] *= width / size[0]
        rows[:, 1:14:2] *= height / size[1]
        return rows

    def _describe(
        self, row: NDArray[np.float32], image: Image, previous: Image | None, elapsed_s: float
    ) -> FaceDetection:
        box = (float(row[0]), float(row[1]), float(row[2]), float(row[3]))
        landmarks = row[4:14].reshape(5, 2).copy()
        crop = crop_face(image, box, landmarks, self._crop_size)
        motion = None if previous is None else mouth_motion(image, previous, landmarks, elapsed_s)
        return FaceDetection(
            box=box,
            landmarks=landmarks,
            score=float(np.clip(row[14], 0, 1)),
            crop=crop,
            mouth_motion=motion,
            quality=quality(box, landmarks, crop),
            appearance=appearance(image, box),
        )


def _repeats(image: Image, previous: Image) -> bool:
    """Whether a camera or an encoder gave the same picture twice: that says nothing about motion."""
    small = (cv2.resize(picture, (80, 60), interpolation=cv2.INTER_AREA) for picture in (image, previous))
    return bool(cv2.absdiff(*small).max() <= 1)


def quality(box: Box, landmarks: NDArray[np.float32], crop: NDArray[np.uint8]) -> float:
    """How much of an expression a face can show, in [0, 1]: the product of its size, sharpness and turn.

    Size: 0 at 16 pixels of height, 1 from 72 on. Turn: 1 up to a nose that lies .1 of the distance from eyes
    to mouth beside their middle line, 0 from .8 on, where one eye is hidden. Sharpness: energy of the
    Laplacian against the contrast in the crop, 1 from .1 on; sharp faces 140 pixels high have .7, the same
    blurred by 2, 3 and 5 pixels .12, .045 and .012.
    """
    points = np.asarray(landmarks, np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:5].mean(axis=0)
    down = mouth - eyes
    aside = abs(float(np.cross(np.append(down, 0), np.append(points[2] - eyes, 0))[2])) / max(
        1e-6, down @ down
    )
    grey = crop.astype(np.float32)
    detail = float(cv2.Laplacian(grey, cv2.CV_32F).var()) / (float(grey.var()) + 16.0)
    size = (box[3] - MIN_HEIGHT) / (72 - MIN_HEIGHT)
    factors = np.clip([size, detail / 0.1, (0.8 - aside) / 0.7], 0, 1)
    return float(np.prod(factors))
