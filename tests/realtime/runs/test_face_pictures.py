"""Faces for pages: cut while somebody looks, of the right person, and let go."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.testing import FakeClock
from core.work import DetectFaces, EncodeVisual, FaceDetection, Faces
from realtime.runs.face_pictures import LOOKED_AT_S, MAX_PEOPLE, SEEN_S, SIDE, FacePictures


def face(x, shade):
    crop = np.full((8, 8), shade, np.uint8)
    return FaceDetection(
        (x, 40.0, 30.0, 40.0), np.zeros((5, 2), np.float32), 0.9, crop, None, 1.0, np.ones(1)
    )


def picture():
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :150] = (250, 0, 0)
    image[:, 150:] = (0, 0, 250)
    return image


class Machine:
    """Two workers as a run has them, watched."""

    def __init__(self, faces):
        self.clock = FakeClock()
        self.pictures = FacePictures(self.clock)
        self.encoded = []
        found = Faces(0.0, faces, scene_change=False)
        workers = {"faces": lambda order: found, "encode_visual": self.encoded.append, "fuse": "untouched"}
        self.workers = self.pictures.watched(workers)
        self.faces = faces

    def see(self, names, order=None):
        chosen = [self.faces[i] for i in (order or range(len(names)))]
        self.workers["faces"](DetectFaces(0.0, picture(), None, 0.0))
        self.workers["encode_visual"](EncodeVisual(0.0, names, np.stack([f.crop for f in chosen])))


def colour(jpeg):
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SIDE, SIDE, 3)
    return image[SIDE // 2, SIDE // 2, ::-1]


def test_each_person_has_the_face_that_was_given_the_name():
    machine = Machine((face(40.0, 10), face(220.0, 200)))
    machine.pictures.pictures()
    machine.see(("p2", "p1"), order=(1, 0))
    cut = machine.pictures.pictures()
    assert colour(cut["p1"])[0] > 200
    assert colour(cut["p2"])[2] > 200
    assert len(machine.encoded) == 1
    assert machine.workers["fuse"] == "untouched"


def test_nothing_is_cut_unless_somebody_looks():
    machine = Machine((face(40.0, 10),))
    machine.see(("p1",))
    assert machine.pictures.pictures() == {}
    machine.see(("p1",))
    assert set(machine.pictures.pictures()) == {"p1"}
    machine.clock.advance(LOOKED_AT_S)
    machine.see(("p1",))
    assert machine.pictures._cuts == {}
    assert machine.pictures._newest is None


def test_who_is_not_seen_any_more_has_no_picture():
    machine = Machine((face(40.0, 10),))
    machine.pictures.pictures()
    machine.see(("p1",))
    machine.clock.advance(SEEN_S)
    assert machine.pictures.pictures() == {}


def test_after_a_withdrawal_no_picture_is_left():
    machine = Machine((face(40.0, 10),))
    machine.pictures.pictures()
    machine.see(("p1",))
    machine.pictures.forget()
    assert machine.pictures._cuts == {}
    machine.see(("p1",))
    assert machine.pictures._cuts == {}


def test_no_more_pictures_than_people_are_shown_are_held():
    machine = Machine((face(40.0, 10),))
    machine.pictures.pictures()
    for number in range(MAX_PEOPLE + 3):
        machine.see((f"p{number}",))
    assert len(machine.pictures.pictures()) == MAX_PEOPLE


@pytest.mark.parametrize("x", [-20.0, 290.0])
def test_a_face_at_the_edge_is_cut_from_what_there_is(x):
    machine = Machine((face(x, 10),))
    machine.pictures.pictures()
    machine.see(("p1",))
    assert colour(machine.pictures.pictures()["p1"]).shape == (3,)
