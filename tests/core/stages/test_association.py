"""Matching of faces with tracks: each other's best by a margin, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.stages.association import FaceObservation, clearly_same, intersection_over_union, within_shot

RED = np.array([1, 0], np.float32)
BLUE = np.array([0, 1], np.float32)


def seen(x: float, colour: np.ndarray = RED, *, size: float = 50, age_s: float = 0.2) -> FaceObservation:
    return FaceObservation((x, 100, size, size * 1.3), colour, age_s)


def test_a_face_where_the_track_was_is_matched() -> None:
    matches = within_shot([seen(10), seen(200)], [seen(203), seen(12)])
    assert set(matches.pairs) == {(0, 1), (1, 0)}
    assert not matches.doubtful_tracks


def test_a_face_far_away_is_not_matched() -> None:
    assert within_shot([seen(10)], [seen(90)]).pairs == ()


def test_a_face_in_other_colours_is_not_matched() -> None:
    assert within_shot([seen(10, RED)], [seen(10, BLUE)]).pairs == ()


def test_a_face_between_two_equal_tracks_makes_both_doubtful() -> None:
    matches = within_shot([seen(100), seen(110)], [seen(105)])
    assert matches.pairs == ()
    assert matches.doubtful_tracks == {0, 1}


def test_colours_settle_what_place_cannot() -> None:
    matches = within_shot([seen(100, RED), seen(110, BLUE)], [seen(104, BLUE), seen(106, RED)])
    assert set(matches.pairs) == {(0, 1), (1, 0)}


def test_a_track_long_unseen_does_not_unsettle_one_just_seen() -> None:
    matches = within_shot([seen(100), seen(118, age_s=1.2)], [seen(101)])
    assert matches.pairs == ((0, 0),)


def test_nothing_matches_nothing() -> None:
    assert within_shot([], [seen(1)]).pairs == within_shot([seen(1)], []).pairs == ()
    assert clearly_same([], [seen(1)], overlap=0, growth=2).pairs == ()


@given(
    tracks=st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=5),
    faces=st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=5),
)
def test_no_track_and_no_face_is_matched_twice_and_none_in_doubt(tracks, faces) -> None:
    matches = within_shot(
        [seen(x, RED if red else BLUE) for x, red in tracks],
        [seen(x, RED if red else BLUE) for x, red in faces],
    )
    assert len({i for i, _ in matches.pairs}) == len({j for _, j in matches.pairs}) == len(matches.pairs)
    assert not {i for i, _ in matches.pairs} & matches.doubtful_tracks
    for i, j in matches.pairs:
        assert tracks[i][1] == faces[j][1]


@pytest.mark.parametrize(("x", "size", "matched"), [(102, 50, True), (140, 50, False), (100, 80, False)])
def test_without_continuity_place_and_size_must_be_clear(x: float, size: float, matched: bool) -> None:
    pairs = clearly_same([seen(100)], [seen(x, size=size)], overlap=0.5, growth=1.3).pairs
    assert pairs == (((0, 0),) if matched else ())


def test_without_continuity_a_rival_leaves_nothing_clear() -> None:
    assert clearly_same([seen(100)], [seen(100), seen(300)], overlap=0.5, growth=1.3).pairs == ()


def test_overlap_is_one_for_equal_and_zero_for_distant_boxes() -> None:
    assert intersection_over_union((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert intersection_over_union((0, 0, 2, 2), (1, 0, 2, 2)) == pytest.approx(1 / 3)
    assert intersection_over_union((0, 0, 2, 2), (5, 5, 2, 2)) == 0
