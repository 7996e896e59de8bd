"""The faces of this moment for the machine's own pages: cut while somebody looks, never written.

A person's picture is the newest one in which the face was found. It is cut only while pages ask for it,
replaced by the next, and let go a few seconds after the last page has gone or the face has left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np

from core.inputs import Image
from core.work import DetectFaces, EncodeVisual, FaceDetection, Faces, Outcome, WorkKind

SIDE: Final = 96
"""Of a picture, in pixels."""
LOOKED_AT_S: Final = 5.0
"""So long after a page has asked faces are still cut."""
SEEN_S: Final = 3.0
"""So long after it was cut a picture still counts as this moment's."""
MAX_PEOPLE: Final = 12
QUALITY: Final = 80
MARGIN: Final = 0.35
"""Of the box's longer side that is added on every side: hair and chin."""

Worker = Callable[[Any], Outcome]


@dataclass(frozen=True, slots=True)
class _Cut:
    picture: Image
    at_s: float


class FacePictures:
    """Listens to the workers that find and encode faces.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_s = -LOOKED_AT_S
        self._newest: tuple[Image, tuple[FaceDetection, ...]] | None = None
        self._cuts: dict[str, _Cut] = {}

    def watched(self, workers: Mapping[WorkKind, Worker]) -> dict[WorkKind, Worker]:
        """The same workers; while somebody looks, those for faces tell what they see.

        Both are of one thread: a picture's faces are encoded before the next picture's are looked for.
        """
        watched = dict(workers)
        if "faces" in workers and "encode_visual" in workers:
            find, encode = workers["faces"], workers["encode_visual"]

            def found(order: DetectFaces) -> Outcome:
                outcome = find(order)
                if self._is_looked_at() and isinstance(outcome, Faces):
                    self._newest = order.image, outcome.detections
                return outcome

            def encoded(order: EncodeVisual) -> Outcome:
                if self._newest is not None and self._is_looked_at():
                    self._cut(order, *self._newest)
                self._newest = None
                return encode(order)

            watched |= {"faces": found, "encode_visual": encoded}
        return watched

    def pictures(self) -> dict[str, bytes]:
        """Person -> JPEG of the face at this moment. Asking is what makes further ones be cut."""
        now_s = self._clock()
        with self._lock:
            self._looked_s = now_s
            self._cuts = {person: cut for person, cut in self._cuts.items() if now_s - cut.at_s < SEEN_S}
            cuts = dict(self._cuts)
        return {person: _jpeg(cut.picture) for person, cut in cuts.items()}

    def forget(self) -> None:
        """Let go of every picture: consent was withdrawn."""
        with self._lock:
            self._cuts = {}
            self._newest = None
            self._looked_s = -LOOKED_AT_S

    def _is_looked_at(self) -> bool:
        if self._clock() - self._looked_s < LOOKED_AT_S:
            return True
        if self._cuts:
            with self._lock:
                self._cuts = {}
        return False

    def _cut(self, order: EncodeVisual, image: Image, faces: tuple[FaceDetection, ...]) -> None:
        for person, crop in zip(order.tracks, order.crops, strict=True):
            # The order has the faces' crops by name; a crop is found again by its pixels.
            face = next((face for face in faces if np.array_equal(face.crop, crop)), None)
            if face is None:
                continue
            picture = _around(image, face.box)
            with self._lock:
                self._cuts.pop(person, None)
                self._cuts[person] = _Cut(picture, self._clock())
                while len(self._cuts) > MAX_PEOPLE:
                    del self._cuts[next(iter(self._cuts))]


def _around(image: Image, box: tuple[float, float, float, float]) -> Image:
    """(SIDE, SIDE, 3) uint8 RGB: the square around a box, moved and shrunk until it lies in the picture."""
    x, y, width, height = box
    rows, columns = image.shape[:2]
    side = max(1, int(min(max(width, height) * (1 + 2 * MARGIN), rows, columns)))
    left = int(np.clip(x + (width - side) / 2, 0, columns - side))
    top = int(np.clip(y + (height - side) / 2, 0, rows - side))
    square = image[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(picture: Image) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded)
