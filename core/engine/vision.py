"""One video stream: from frames to face tracks, and to their visual tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from core.config import EngineConfig, FaceConfig
from core.engine.scheduler import Scheduler, VisionOwner
from core.events import StreamInfo
from core.inputs import Image, VideoFrame
from core.stages.face_tracking import FaceTracker, TrackingUpdate
from core.work import DetectFaces, EncodeVisual, Faces


@dataclass(slots=True)
class VisionStream:
    """One video stream. Frames are looked at on a fixed grid; the one before serves to see motion.

    Attributes:
        info: the stream. If it belongs to a person, the largest face is that person's.
        prefix: comes before the names of its persons: streams number theirs alike.
        main: the track of the stream's owner.
    """

    info: StreamInfo
    config: FaceConfig
    tracks: FaceTracker
    prefix: str = ""
    main: str | None = None
    _previous: Image | None = None
    _previous_s: float = 0.0
    _next_detection_s: float = 0.0
    _hole_s: float | None = None

    @classmethod
    def create(cls, info: StreamInfo, config: FaceConfig, prefix: str = "") -> VisionStream:
        """A stream that has seen nothing yet."""
        return cls(info, config, FaceTracker(config), prefix)

    def process(self, frame: VideoFrame, scheduler: Scheduler) -> None:
        """Act upon one frame: order a detection when the grid's next point has come.

        Live, a point that comes before the last detection was answered is left out: a newer picture follows.
        """
        if frame.t_s >= self._next_detection_s and scheduler.budget.faces:
            rate_hz = self.config.rate_hz * scheduler.budget.face_share
            self._next_detection_s = (math.floor(frame.t_s * rate_hz) + 1) / rate_hz
            if not scheduler.congested("faces", self.info.name):
                self._request_detection(frame, scheduler)
        self._previous, self._previous_s = frame.image, frame.t_s

    def _request_detection(self, frame: VideoFrame, scheduler: Scheduler) -> None:
        same_size = self._previous is not None and self._previous.shape == frame.image.shape
        previous = self._previous if same_size else None
        elapsed_s = frame.t_s - self._previous_s if previous is not None else 0.0
        payload = DetectFaces(frame.t_s, frame.image, previous, elapsed_s)
        owner = VisionOwner(self.info.name, (frame.image.shape[1], frame.image.shape[0]))
        scheduler.submit("faces", payload, frame.t_s, owner)

    def handle_faces(
        self, faces: Faces, size: tuple[int, int], scheduler: Scheduler, now_s: float
    ) -> TrackingUpdate:
        """Take a detection's result in: tracks go on, their crops are sent to be encoded.

        Args:
            faces: what was found.
            size: width and height of the picture in pixels.
            scheduler: takes the jobs.
            now_s: stream time.

        Returns:
            What changed, by the names that the persons have in the run.
        """
        if self._hole_s is not None and faces.t_s >= self._hole_s:
            self.tracks.gap()
            self._hole_s = None
        update = self.tracks.push(faces, size)
        left = self._named(update.left)
        self._find_owner(update)
        update = replace(
            update,
            assigned=tuple((self._name(track), face) for track, face in update.assigned),
            appeared=self._named(update.appeared),
            left=left,
        )
        if update.assigned and not scheduler.congested("encode_visual", self.info.name):
            names = tuple(person for person, _ in update.assigned)
            crops = np.stack([face.crop for _, face in update.assigned])
            payload = EncodeVisual(faces.t_s, names, crops)
            scheduler.submit("encode_visual", payload, now_s, VisionOwner(self.info.name, size))
        return update

    @property
    def occupied(self) -> bool:
        """Whether somebody is in view, or may still be."""
        return bool(self.tracks.state.tracks)

    def advance(self, t_s: float) -> tuple[str, ...]:
        """Time has reached `t_s`: the persons who have been out of sight for too long."""
        left = self.tracks.advance(t_s, standing=self._hole_s is None).left
        names = self._named(left)
        self.main = None if self.main in left else self.main
        return names

    def _find_owner(self, update: TrackingUpdate) -> None:
        """The owner's face: the largest one, until it is gone."""
        if self.info.person is None:
            return
        if self.main in update.left:
            self.main = None
        if self.main is None and update.assigned:
            self.main = max(update.assigned, key=lambda seen: seen[1].box[2] * seen[1].box[3])[0]

    def _name(self, track: str) -> str:
        if self.info.person is None:
            return f"{self.prefix}{track}"
        return self.info.person if track == self.main else f"{self.info.person}+{track}"

    def _named(self, tracks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._name(track) for track in tracks)

    def interrupt(self, t_s: float, *, still: bool = False) -> None:
        """The stream has a hole from `t_s` on: the next frame does not continue the last one.

        Args:
            t_s: stream time.
            still: no picture was lost: the last one stands until the next comes.
        """
        self._previous = None
        if not still:
            self._hole_s = t_s


def vision_streams(streams: tuple[StreamInfo, ...], config: EngineConfig) -> dict[str, VisionStream]:
    """One for each video stream; a second stream of strangers gets names of its own."""
    streams_by_name: dict[str, VisionStream] = {}
    for stream in (s for s in streams if s.kind == "video"):
        strangers = stream.person is None and any(b.info.person is None for b in streams_by_name.values())
        streams_by_name[stream.name] = VisionStream.create(
            stream, config.faces, f"{stream.name}." if strangers else ""
        )
    return streams_by_name
