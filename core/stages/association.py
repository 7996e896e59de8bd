"""Which face continues which track. Geometry and colours only: no face is recognised.

Within a shot a face continues a track when each is the other's best by a margin. An assignment of least total
cost (the Hungarian method) would also pair off what is left over; here that is a new person, because an
identity given to somebody else does more harm than one that ends. Across a cut, after a hole in the stream
and for people who come back, only the one clear candidate counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Vector = NDArray[np.float32]

_MAX_COST: Final = 4.0
_MARGIN: Final = 1.0
"""Cost by which every other explanation must be worse: e times less likely."""

_PLACE: Final = 0.35
"""Spread, in face sizes, of where a face is found after 0.2 s; it grows by _PLACE_PER_S with time unseen."""
_PLACE_PER_S: Final = 0.5
_COLOUR: Final = 0.04
"""Spread of 1 - likeness. Measured at 5 detections a second: one person's likeness to the moment before is
.944 to 1; people in the same dim light have up to .95."""
_SIZE: Final = 0.25
"""Spread of the logarithm of the change in size."""

_CLEARLY_ALIKE: Final = 0.97
_ALIKE: Final = 0.93


@dataclass(frozen=True, slots=True, eq=False)
class FaceObservation:
    """A face where it is, or where a track expects it.

    Attributes:
        box: x, y, width, height, in any unit that all of them share.
        appearance: (k,) float32 unit vector.
        age_s: time since it was last seen; 0 for a detection.
    """

    box: Box
    appearance: Vector
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs (track, face), and the tracks and faces about which there is doubt. All are indices."""

    pairs: tuple[tuple[int, int], ...]
    doubtful_tracks: frozenset[int]


def within_shot(tracks: list[FaceObservation], faces: list[FaceObservation]) -> Matches:
    """Match where nothing but time has passed.

    Where a face has two tracks that explain it about equally well, both tracks are doubtful; where a track
    has two such faces, it is. Their identity is lost.
    """
    if not tracks or not faces:
        return Matches((), frozenset())
    cost = np.array([[_cost(track, face) for face in faces] for track in tracks])
    possible = cost <= _MAX_COST
    near_track = possible & (cost < cost.min(axis=0, keepdims=True) + _MARGIN)
    near_face = possible & (cost < cost.min(axis=1, keepdims=True) + _MARGIN)
    contested = near_track & (near_track.sum(axis=0, keepdims=True) > 1)
    undecided = near_face & near_track & (near_face.sum(axis=1, keepdims=True) > 1)
    doubtful = contested.any(axis=1) | undecided.any(axis=1)
    pairs = np.argwhere(near_track & near_face & ~doubtful[:, None])
    return Matches(tuple((int(i), int(j)) for i, j in pairs), frozenset(np.flatnonzero(doubtful).tolist()))


def clearly_same(
    tracks: list[FaceObservation], faces: list[FaceObservation], *, overlap: float, growth: float
) -> Matches:
    """Match where nothing is known of what lies between: each pair must be clear and without a rival.

    Args:
        tracks, faces: what was seen then and now.
        overlap: intersection over union that the boxes need; 0 where place says nothing.
        growth: factor by which the size may differ.
    """
    alike = np.array([[float(t.appearance @ f.appearance) for f in faces] for t in tracks])
    alike = alike.reshape(len(tracks), len(faces))
    rivals = alike >= _ALIKE
    pairs = []
    for i, j in np.argwhere(alike >= _CLEARLY_ALIKE).tolist():
        alone = rivals[i].sum() == 1 and rivals[:, j].sum() == 1
        sized = abs(math.log(_size(faces[j].box) / _size(tracks[i].box))) <= math.log(growth)
        if alone and sized and intersection_over_union(tracks[i].box, faces[j].box) >= overlap:
            pairs.append((i, j))
    return Matches(tuple(pairs), frozenset())


def intersection_over_union(a: Box, b: Box) -> float:
    """Shared part of two boxes in [0, 1]."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def centre(box: Box) -> tuple[float, float]:
    """Middle (x, y) of a box, in the box's unit."""
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _size(box: Box) -> float:
    return math.sqrt(box[2] * box[3])


def _cost(track: FaceObservation, face: FaceObservation) -> float:
    """Negative logarithm of how likely the face is the track's, up to a constant; Laplace in each part.

    Place counts twice, as distance and as overlap, which is kinder to motion in depth.
    """
    spread = _PLACE + _PLACE_PER_S * max(0.0, track.age_s - 0.2)
    distance = math.dist(centre(track.box), centre(face.box)) / _size(track.box)
    apart = 1 - intersection_over_union(track.box, face.box)
    place = (distance + 0.5 * apart) / spread + 2 * math.log(spread / _PLACE)
    colour = (1 - float(track.appearance @ face.appearance)) / _COLOUR
    size = abs(math.log(_size(face.box) / _size(track.box))) / _SIZE
    return place + colour + size
