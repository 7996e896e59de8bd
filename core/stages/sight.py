"""The video branch of the engine: from frames to face tracks, and orders for detection and visual tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.config import FaceConfig
from core.inputs import Image, VideoFrame
from core.orders import OrderDesk
from core.stages.tracks import Tracks, TracksUpdate
from core.work import DetectFaces, EncodeVisual, Faces


@dataclass(slots=True)
class SightBranch:
    """One video stream. Frames are looked at on a fixed grid; the one before serves to see motion."""

    config: FaceConfig
    tracks: Tracks
    _previous: Image | None = None
    _previous_s: float = 0.0
    _next_look: int = 0
    _hole_s: float | None = None

    @classmethod
    def create(cls, config: FaceConfig) -> SightBranch:
        """A branch that has seen nothing yet."""
        return cls(config, Tracks(config))

    def see(self, frame: VideoFrame, desk: OrderDesk) -> None:
        """Act upon one frame: order a detection when the grid's next point has come."""
        if frame.t_s * self.config.rate_hz >= self._next_look:
            self._next_look = math.floor(frame.t_s * self.config.rate_hz) + 1
            same_size = self._previous is not None and self._previous.shape == frame.image.shape
            previous = self._previous if same_size else None
            elapsed_s = frame.t_s - self._previous_s if previous is not None else 0.0
            desk.order("faces", DetectFaces(frame.t_s, frame.image, previous, elapsed_s), frame.t_s)
        self._previous, self._previous_s = frame.image, frame.t_s

    def recognise(self, faces: Faces, desk: OrderDesk, now_s: float) -> TracksUpdate:
        """Take a detection's result in: tracks go on, their crops are sent to be encoded."""
        if self._hole_s is not None and faces.t_s >= self._hole_s:
            self.tracks.gap()
            self._hole_s = None
        update = self.tracks.push(faces)
        if update.assigned:
            names = tuple(track for track, _ in update.assigned)
            crops = np.stack([face.crop for _, face in update.assigned])
            desk.order("encode_visual", EncodeVisual(faces.t_s, names, crops), now_s)
        return update

    def interrupt(self, t_s: float) -> None:
        """The stream has a hole from `t_s` on: the next frame does not continue the last one."""
        self._previous, self._hole_s = None, t_s
