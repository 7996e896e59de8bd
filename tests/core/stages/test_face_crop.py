"""The crop of a face: where it lies, and that picture size, place and border do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.stages.face_crop import crop_face, crop_square

FACE = np.array([[35, 40], [65, 40], [50, 56], [38, 74], [62, 74]], np.float32)
BOX = (16.0, 5.0, 68.0, 98.0)


def scaled(scale: float, dx: float, dy: float) -> tuple[tuple[float, float, float, float], np.ndarray]:
    x, y, w, h = BOX
    return (x * scale + dx, y * scale + dy, w * scale, h * scale), (FACE * scale + [dx, dy]).astype(
        np.float32
    )


def ramp(height: int, width: int) -> np.ndarray:
    """Grey grows by one per pixel to the right: a crop's values tell where it was cut."""
    row = np.clip(np.arange(width), 0, 255).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], height, 0), 3, 2)


def test_an_upright_face_lies_as_faces_lie_in_fer() -> None:
    x, y, side = crop_square(BOX, FACE)
    eyes = (FACE[:2].mean(axis=0) - [x, y]) / side
    mouth = (FACE[3:].mean(axis=0) - [x, y]) / side
    np.testing.assert_allclose(eyes, [0.5, 0.38], atol=0.02)
    np.testing.assert_allclose(mouth, [0.5, 0.77], atol=0.02)


@given(scale=st.floats(0.2, 20), dx=st.floats(-500, 500), dy=st.floats(-500, 500))
def test_the_square_moves_and_grows_with_the_face(scale: float, dx: float, dy: float) -> None:
    x, y, side = crop_square(BOX, FACE)
    found = crop_square(*scaled(scale, dx, dy))
    np.testing.assert_allclose(found, [x * scale + dx, y * scale + dy, side * scale], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_pixels_come_from_where_the_square_says(scale: float) -> None:
    box, landmarks = scaled(scale, 20.25, 10)
    x, _, side = crop_square(box, landmarks)
    crop = crop_face(ramp(250, 250), box, landmarks)
    expected = x + (np.arange(48) + 0.5) / 48 * side - 0.5
    np.testing.assert_allclose(crop[24], expected, atol=1.0)


@pytest.mark.parametrize("size", [32, 48, 64])
def test_the_crop_has_the_size_asked_for_and_is_grey(size: int) -> None:
    crop = crop_face(ramp(120, 120), BOX, FACE, size)
    assert crop.shape == (size, size)
    assert crop.dtype == np.uint8


def test_beyond_the_border_the_edge_is_repeated() -> None:
    box, landmarks = scaled(1.0, -50, -50)
    image = np.full((100, 100, 3), 90, np.uint8)
    assert (crop_face(image, box, landmarks) == 90).all()


def test_a_face_wholly_outside_gives_a_crop_all_the_same() -> None:
    box, landmarks = scaled(1.0, 900, -700)
    assert crop_face(ramp(50, 50), box, landmarks).shape == (48, 48)


def test_fine_stripes_are_averaged_and_do_not_alias() -> None:
    image = np.zeros((800, 800, 3), np.uint8)
    image[:, ::2] = 200
    crop = crop_face(image, *scaled(7.0, 20, 20))
    assert crop.std() < 12
    assert abs(float(crop.mean()) - 100) < 3


def test_the_picture_is_left_as_it_was() -> None:
    image = ramp(120, 120)
    image.setflags(write=False)
    crop_face(image, BOX, FACE)


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.0, 10.0), (0.0, 0.0, 10.0, -1.0), (float("nan"), 0.0, 9.0, 9.0)]
)
def test_a_box_without_area_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="area"):
        crop_face(ramp(20, 20), box, FACE)


def test_landmarks_that_coincide_still_give_a_square_of_the_box_size() -> None:
    _, _, side = crop_square(BOX, np.full((5, 2), 50, np.float32))
    assert 0.6 * BOX[3] < side < 1.1 * BOX[3]
