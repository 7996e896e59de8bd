"""Faces become persons: tracks that live as long as a face is seen, and no longer.

A track is confirmed, and becomes a person ("p1", "p2", ... in order of appearance), with its second detection
in a row: a pattern mistaken for a face once is nobody. Within a shot a person keeps the id through motion and
short absence; where two could have been exchanged, both ids end and new ones begin. A cut ends every track,
except one that continues so clearly, in colours and in place, that it is the same picture of the same person.
Who comes back within ten seconds and looks clearly like exactly one who left is the same person again; after
a cut only if also in the same place, as when two cameras take turns.

Places are relative to the picture: a call that changes its resolution changes nobody's. While no picture
comes and none was lost, the last one stands, and so does who was in it, for ten seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.config import FaceConfig
from core.stages.association import Box, FaceObservation, Vector, centre, clearly_same, within_shot
from core.work import FaceDetection, Faces

_SAME_SHOT: Final = 0.66
"""Below this product of scene signatures a cut lies between two detections. Measured 0.2 s apart on three
clips: cuts .63 or less, fast cameras .68 and more. Taking a fast camera for a cut costs at most an id."""
_CONFIRM: Final = 2
_FORGET_S: Final = 10.0
_STILL_S: Final = 10.0
"""Without a new picture a face stays for so long where it was last seen."""
_MAX_FORMER: Final = 16
_FORESIGHT_S: Final = 0.4
_INERTIA: Final = 0.5
_MEMORY: Final = 0.8


@dataclass(frozen=True, slots=True)
class TrackingUpdate:
    """What one step changed.

    Attributes:
        assigned: persons seen in this picture with their faces, in the order of the detections.
        appeared: persons seen for the first time, or back again.
        left: persons whose track is over.
    """

    assigned: tuple[tuple[str, FaceDetection], ...] = ()
    appeared: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FaceTrack:
    """One face followed through time.

    Attributes:
        person: None until it is confirmed.
        box: where it was last seen; see `relative_box`.
        appearance: (k,) float32 unit vector.
        velocity: of the box's middle, in units of the box per second.
        seen_s: stream time of its newest detection.
        shot: number of the shot in which it was last seen.
        hits: how often it was seen.
    """

    person: str | None
    box: Box
    appearance: Vector
    velocity: tuple[float, float]
    seen_s: float
    shot: int
    hits: int = 1


@dataclass(slots=True)
class FaceTrackerState:
    """Everything that `FaceTracker` remembers. The lists' items are immutable.

    Attributes:
        tracks: followed now.
        former: persons who left within the last seconds, at most 16.
        scene: signature of the newest picture.
        picture_s: time of the newest picture.
        time_s: newest time heard of; results of older pictures may still come.
        shot: number of the shot.
        unsure: the stream had a hole since the newest picture.
        next_person: number of the next new person.
    """

    tracks: list[FaceTrack] = field(default_factory=list)
    former: list[FaceTrack] = field(default_factory=list)
    scene: NDArray[np.float32] | None = None
    picture_s: float = -math.inf
    time_s: float = 0.0
    shot: int = 0
    unsure: bool = False
    next_person: int = 1

    def copy(self) -> FaceTrackerState:
        """A copy that later pictures given to this state do not change."""
        return replace(self, tracks=list(self.tracks), former=list(self.former))


class FaceTracker:
    """Follows faces from detection to detection. No clock, no input or output; `state` is all it knows.

    Args:
        config: how many faces, and for how long one may be out of sight.
        state: where to go on from; a new one by default.
    """

    def __init__(self, config: FaceConfig, state: FaceTrackerState | None = None) -> None:
        self.config = config
        self.state = state if state is not None else FaceTrackerState()

    def push(self, faces: Faces, size: tuple[int, int] | None = None) -> TrackingUpdate:
        """Take one picture's faces in. Pictures older than the newest are ignored.

        Args:
            faces: what was found in it.
            size: its width and height in pixels; None where all pictures have the same.
        """
        state = self.state
        if faces.t_s < state.picture_s:
            return TrackingUpdate()
        expired = self.advance(faces.t_s).left
        state.picture_s = faces.t_s
        broken = state.unsure or self._is_cut(faces)
        state.shot += broken
        state.scene, state.unsure = faces.scene, False
        largest = sorted(faces.detections, key=lambda face: -face.box[2] * face.box[3])
        kept = set(largest[: self.config.max_faces])
        detections = [face for face in faces.detections if face in kept]
        boxes = [relative_box(face.box, size) for face in detections]
        followed, lost = self._follow(detections, boxes, faces.t_s, broken=broken)
        late = self.advance(faces.t_s).left
        return self._name(detections, followed, expired + lost + late)

    def advance(self, t_s: float, *, standing: bool = True) -> TrackingUpdate:
        """Time has reached `t_s`: tracks out of sight for too long are over. When it is called changes
        nothing but how early that is said.

        Args:
            t_s: stream time.
            standing: no picture since the newest was lost: who was in it counts as still there.
        """
        state = self.state
        state.time_s = max(state.time_s, t_s)
        over = [
            track
            for track in state.tracks
            if state.time_s - track.seen_s
            > (
                max(_STILL_S, self.config.lost_after_s)
                if standing and not state.unsure and track.seen_s == state.picture_s
                else self.config.lost_after_s
            )
        ]
        state.former = [f for f in state.former if state.time_s - f.seen_s <= _FORGET_S]
        return TrackingUpdate(left=self._end(over))

    def gap(self) -> None:
        """The stream has a hole: what follows may be another picture, as after a cut."""
        self.state.unsure = True

    def flush(self) -> TrackingUpdate:
        """The stream is over: so is every track."""
        return TrackingUpdate(left=self._end(list(self.state.tracks)))

    # -- following ------------------------------------------------------------------------------------

    def _is_cut(self, faces: Faces) -> bool:
        before, now = self.state.scene, faces.scene
        changed = before is not None and now is not None and float(before @ now) < _SAME_SHOT
        return faces.scene_change or changed

    def _follow(
        self, detections: list[FaceDetection], boxes: list[Box], t_s: float, *, broken: bool
    ) -> tuple[list[FaceTrack], tuple[str, ...]]:
        """Tracks of the detections, one each in their order, and the persons who are lost by it."""
        old = self.state.tracks
        seen = [FaceObservation(box, face.appearance) for face, box in zip(detections, boxes, strict=True)]
        if broken:
            expected = [FaceObservation(track.box, track.appearance) for track in old]
            matches = clearly_same(expected, seen, overlap=0.5, growth=1.3)
            gone = set(range(len(old))) - {i for i, _ in matches.pairs}
        else:
            matches = within_shot([self._expected(track, t_s) for track in old], seen)
            gone = set(matches.doubtful_tracks)
            gone |= {i for i, t in enumerate(old) if t.person is None} - {i for i, _ in matches.pairs}
        track_of = {j: old[i] for i, j in matches.pairs}
        lost = self._end([old[i] for i in sorted(gone)])
        shot = self.state.shot
        followed = [
            _continued(track_of[j], one, t_s, shot) if j in track_of else _started(one, t_s, shot)
            for j, one in enumerate(seen)
        ]
        matched = {i for i, _ in matches.pairs}
        unseen = [track for i, track in enumerate(old) if i not in matched | gone]
        self.state.tracks = unseen + followed
        return followed, lost

    def _expected(self, track: FaceTrack, t_s: float) -> FaceObservation:
        """Where the track's face should be now: it goes on for a moment, then stays."""
        age_s = t_s - track.seen_s
        ahead_s = min(age_s, _FORESIGHT_S)
        x, y, width, height = track.box
        box = (x + track.velocity[0] * ahead_s, y + track.velocity[1] * ahead_s, width, height)
        return FaceObservation(box, track.appearance, min(age_s, self.config.lost_after_s))

    def _end(self, tracks: list[FaceTrack]) -> tuple[str, ...]:
        self.state.tracks = [track for track in self.state.tracks if track not in tracks]
        persons = [track for track in tracks if track.person is not None]
        self.state.former = (self.state.former + persons)[-_MAX_FORMER:]
        return tuple(track.person for track in persons if track.person is not None)

    # -- naming ---------------------------------------------------------------------------------------

    def _name(
        self, detections: list[FaceDetection], followed: list[FaceTrack], left: tuple[str, ...]
    ) -> TrackingUpdate:
        """Give confirmed tracks their person."""
        state = self.state
        new = [track for track in followed if track.person is None and track.hits >= _CONFIRM]
        persons = self._recognised(new)
        named: dict[FaceTrack, FaceTrack] = {}
        for track in new:
            if track not in persons:
                persons[track] = f"p{state.next_person}"
                state.next_person += 1
            named[track] = replace(track, person=persons[track])
        state.tracks = [named.get(track, track) for track in state.tracks]
        appeared = tuple(persons[track] for track in new)
        state.former = [track for track in state.former if track.person not in appeared]
        assigned = []
        for track, face in zip(followed, detections, strict=True):
            person = persons.get(track, track.person)
            if person is not None:
                assigned.append((person, face))
        return TrackingUpdate(tuple(assigned), appeared, left)

    def _recognised(self, new: list[FaceTrack]) -> dict[FaceTrack, str]:
        """Persons who are back, by their new track."""
        former = self.state.former
        # Everybody else in sight counts too: who looks like one of them as well is no clear case.
        here = new + [track for track in self.state.tracks if track.person is not None]
        then = [FaceObservation(track.box, track.appearance) for track in former]
        now = [FaceObservation(track.box, track.appearance) for track in here]
        anywhere = clearly_same(then, now, overlap=0.0, growth=2.0).pairs
        in_place = clearly_same(then, now, overlap=0.3, growth=1.5).pairs
        back: dict[FaceTrack, str] = {}
        for i, j in anywhere:
            person = former[i].person
            possible = former[i].shot == here[j].shot or (i, j) in in_place
            if j < len(new) and person is not None and possible:
                back[new[j]] = person
        return back


def relative_box(box: Box, size: tuple[int, int] | None) -> Box:
    """A box as seen from the picture's middle, in lengths of its longer side: x, y, width, height.

    Args:
        box: x, y, width, height in pixels.
        size: the picture's width and height in pixels; None leaves the box as it is.
    """
    if size is None:
        return box
    unit = max(size)
    x, y, width, height = box
    return ((x - size[0] / 2) / unit, (y - size[1] / 2) / unit, width / unit, height / unit)


def _started(face: FaceObservation, t_s: float, shot: int) -> FaceTrack:
    return FaceTrack(None, face.box, face.appearance, (0.0, 0.0), t_s, shot)


def _continued(track: FaceTrack, face: FaceObservation, t_s: float, shot: int) -> FaceTrack:
    elapsed_s = t_s - track.seen_s
    velocity = (0.0, 0.0)
    if elapsed_s > 0 and shot == track.shot:
        moved = np.subtract(centre(face.box), centre(track.box)) / elapsed_s
        x, y = _INERTIA * np.array(track.velocity) + (1 - _INERTIA) * moved
        velocity = (float(x), float(y))
    blend = _MEMORY * track.appearance + (1 - _MEMORY) * face.appearance
    appearance = np.asarray(blend / max(1e-6, float(np.linalg.norm(blend))), np.float32)
    return FaceTrack(track.person, face.box, appearance, velocity, t_s, shot, track.hits + 1)
