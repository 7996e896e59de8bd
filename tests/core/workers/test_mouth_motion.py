"""Motion of a mouth: only what the mouth does counts, not the head, the light or the noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.workers.mouth_motion import mouth_motion

EYES_TO_MOUTH = 60
LANDMARKS = np.array([[130, 110], [190, 110], [160, 140], [138, 170], [182, 170]], np.float32)
FRAME_S = 0.04


def portrait(opened: float = 0.0, *, dx: float = 0.0, dy: float = 0.0, light: float = 1.0) -> np.ndarray:
    """A drawn face with texture; `opened` is the height of the mouth in pixels."""
    rng = np.random.default_rng(3)
    skin = cv2.GaussianBlur(rng.normal(150, 60, (320, 320)).astype(np.float32), (0, 0), 5)
    canvas = np.repeat(np.clip(skin, 90, 210)[..., None], 3, axis=2)
    for x in (130, 190):
        cv2.ellipse(canvas, (x, 110), (14, 7), 0, 0, 360, (40, 40, 40), -1)
        cv2.line(canvas, (x - 18, 92), (x + 18, 90), (50, 50, 50), 5)
    cv2.line(canvas, (160, 112), (158, 140), (110, 110, 110), 4)
    cv2.ellipse(canvas, (160, 170), (24, 3 + round(opened)), 0, 0, 360, (60, 20, 20), -1)
    moved = cv2.warpAffine(
        canvas, np.array([[1.0, 0, dx], [0, 1, dy]]), (320, 320), borderMode=cv2.BORDER_REFLECT
    )
    return np.clip(moved * light, 0, 255).astype(np.uint8)


def motion(new: np.ndarray, old: np.ndarray) -> float:
    return mouth_motion(new, old, LANDMARKS, FRAME_S)


SPEAKING = 2.0


def test_a_mouth_that_opens_moves() -> None:
    assert motion(portrait(12), portrait(2)) > SPEAKING


def test_the_same_picture_shows_no_motion() -> None:
    assert motion(portrait(5), portrait(5)) == 0


@settings(max_examples=25, deadline=None)
@given(dx=st.floats(-4, 4), dy=st.floats(-4, 4))
def test_a_head_that_moves_is_not_a_mouth_that_moves(dx: float, dy: float) -> None:
    assert motion(portrait(5), portrait(5, dx=dx, dy=dy)) < 0.25 * SPEAKING


def test_a_mouth_that_opens_in_a_moving_head_moves() -> None:
    assert motion(portrait(12), portrait(2, dx=3, dy=-2)) > SPEAKING


@pytest.mark.parametrize("light", [0.8, 1.15])
def test_light_that_changes_is_not_a_mouth_that_moves(light: float) -> None:
    assert motion(portrait(5), portrait(5, light=light)) < 0.25 * SPEAKING


def test_noise_is_not_a_mouth_that_moves() -> None:
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(portrait(5) + rng.normal(0, 8, (320, 320, 3)), 0, 255).astype(np.uint8) for _ in range(2)
    ]
    assert motion(*noisy) < 0.25 * SPEAKING


def test_the_same_change_in_half_the_time_is_twice_the_motion() -> None:
    slow = mouth_motion(portrait(12), portrait(2), LANDMARKS, 0.08)
    assert mouth_motion(portrait(12), portrait(2), LANDMARKS, 0.04) == pytest.approx(2 * slow)


@pytest.mark.parametrize("landmarks", [np.full((5, 2), 50), LANDMARKS * 20, LANDMARKS - 5000])
def test_senseless_landmarks_give_a_number_all_the_same(landmarks: np.ndarray) -> None:
    assert np.isfinite(mouth_motion(portrait(12), portrait(2), landmarks.astype(np.float32), FRAME_S))


def test_a_flat_picture_shows_no_motion() -> None:
    flat = np.full((320, 320, 3), 90, np.uint8)
    assert motion(flat, flat) == 0
