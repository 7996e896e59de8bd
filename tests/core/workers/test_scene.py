"""Descriptions of pictures: cuts change them, motion and light do not; colours tell people apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.workers.scene import SAME_SCENE, appearance, scene_signature


def room(seed: int, *, shift: int = 0, light: float = 1.0) -> np.ndarray:
    """A picture of coloured furniture."""
    rng = np.random.default_rng(seed)
    image = np.full((360, 640, 3), rng.integers(30, 220, 3), np.uint8)
    for _ in range(25):
        x, y, w, h = (int(v) for v in rng.integers((0, 0, 20, 20), (600, 330, 200, 160)))
        cv2.rectangle(image, (x + shift, y), (x + w + shift, y + h), rng.integers(0, 255, 3).tolist(), -1)
    return np.clip(image * light, 0, 255).astype(np.uint8)


def alike(a: np.ndarray, b: np.ndarray) -> float:
    return float(scene_signature(a) @ scene_signature(b))


@pytest.mark.parametrize("seed", range(5))
def test_another_room_is_another_scene(seed: int) -> None:
    assert alike(room(seed), room(seed + 10)) < SAME_SCENE


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_that_moves_stays_in_the_scene(seed: int) -> None:
    assert alike(room(seed), room(seed, shift=8)) > SAME_SCENE


@pytest.mark.parametrize("light", [0.7, 0.85, 1.15])
def test_a_lamp_stays_in_the_scene(light: float) -> None:
    assert alike(room(1), room(1, light=light)) > SAME_SCENE


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (720, 1280)])
def test_a_signature_is_a_unit_vector_for_any_picture(shape: tuple[int, int]) -> None:
    signature = scene_signature(np.full((*shape, 3), 77, np.uint8))
    assert signature.dtype == np.float32
    assert np.linalg.norm(signature) == pytest.approx(1, abs=1e-5)


def person(shirt: tuple[int, int, int], hair: tuple[int, int, int], x: int = 100) -> np.ndarray:
    image = np.full((300, 500, 3), 128, np.uint8)
    image[60:95, x : x + 60] = hair
    image[85:150, x : x + 60] = (190, 150, 130)
    image[155:300, x - 40 : x + 100] = shirt
    return image


def box(x: int = 100) -> tuple[float, float, float, float]:
    return (float(x), 70.0, 60.0, 80.0)


def test_the_same_person_elsewhere_in_the_picture_looks_the_same() -> None:
    one = appearance(person((30, 30, 200), (20, 20, 20)), box())
    other = appearance(person((30, 30, 200), (20, 20, 20), x=300), box(300))
    assert one @ other > 0.97


def test_other_clothes_or_hair_look_different() -> None:
    one = appearance(person((30, 30, 200), (20, 20, 20)), box())
    shirt = appearance(person((200, 30, 30), (20, 20, 20)), box())
    hair = appearance(person((30, 30, 200), (230, 200, 90)), box())
    assert one @ shirt < 0.9
    assert one @ hair < 0.93


def test_a_face_at_the_border_has_an_appearance() -> None:
    image = person((30, 30, 200), (20, 20, 20))
    for place in ((-20.0, -30.0, 60.0, 80.0), (470.0, 280.0, 60.0, 80.0), (900.0, 900.0, 10.0, 10.0)):
        assert np.isfinite(appearance(image, place)).all()
