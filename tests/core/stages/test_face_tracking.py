"""FaceTracker: one person per face, never exchanged within a shot, over after a cut."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import FaceConfig
from core.stages.face_tracking import FaceTracker, TrackingUpdate
from core.work import FaceDetection, Faces

STEP_S = 0.2
RED, BLUE, GREEN = (np.eye(3, dtype=np.float32)[i] for i in range(3))
STUDIO = np.array([1, 0, 0], np.float32)
STREET = np.array([0, 1, 0], np.float32)


def face(x: float, colour: np.ndarray = RED, *, y: float = 100, size: float = 60) -> FaceDetection:
    return FaceDetection(
        box=(x, y, size, size * 1.3),
        landmarks=np.zeros((5, 2), np.float32),
        score=0.9,
        crop=np.zeros((48, 48), np.uint8),
        mouth_motion=0.0,
        quality=1.0,
        appearance=colour / np.linalg.norm(colour),
    )


def faces(step: int, *detections: FaceDetection, cut: bool = False, scene: np.ndarray = STUDIO) -> Faces:
    ordered = tuple(sorted(detections, key=lambda d: d.box[0]))
    return Faces(step * STEP_S, ordered, scene_change=cut, scene=scene)


def who(update: TrackingUpdate) -> list[str]:
    return [person for person, _ in update.assigned]


def run(shots: list[Faces], tracks: FaceTracker | None = None) -> list[TrackingUpdate]:
    tracks = tracks or FaceTracker(FaceConfig())
    return [tracks.push(one) for one in shots]


def by_colour(updates: list[TrackingUpdate]) -> dict[int, set[str]]:
    """Which persons each colour was taken for."""
    found: dict[int, set[str]] = {}
    for update in updates:
        for person, detection in update.assigned:
            found.setdefault(int(np.argmax(detection.appearance)), set()).add(person)
    return found


def test_a_face_becomes_a_person_with_its_second_detection() -> None:
    first, second, third = run([faces(i, face(100)) for i in range(3)])
    assert first == TrackingUpdate()
    assert second.appeared == ("p1",)
    assert who(second) == who(third) == ["p1"]
    assert third.appeared == ()


def test_a_face_seen_once_is_nobody() -> None:
    updates = run([faces(0), faces(1, face(100)), faces(2), faces(3, face(300)), faces(4)])
    assert all(update == TrackingUpdate() for update in updates)


def test_persons_are_numbered_in_order_of_appearance() -> None:
    updates = run([faces(i, face(300), *([face(50, BLUE)] if i >= 3 else [])) for i in range(6)])
    assert [u.appeared for u in updates] == [(), ("p1",), (), (), ("p2",), ()]
    assert who(updates[-1]) == ["p2", "p1"]  # left to right, as detected


def test_a_moving_face_stays_the_same_person() -> None:
    updates = run([faces(i, face(50 + 25 * i, y=100 + 10 * (i % 3), size=60 + i)) for i in range(15)])
    assert {p for u in updates for p in who(u)} == {"p1"}


def test_two_faces_that_cross_are_never_exchanged() -> None:
    updates = run([faces(i, face(50 + 20 * i, RED), face(350 - 20 * i, BLUE, y=110)) for i in range(15)])
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}


def test_two_look_alikes_that_merge_and_part_get_new_ids() -> None:
    """Nothing tells them apart, so the ids from before must not be handed out after."""
    apart = [faces(i, face(50 + 25 * i), face(350 - 25 * i)) for i in range(6)]
    merged = [faces(i, face(200)) for i in range(6, 9)]
    parted = [faces(i, face(200 - 25 * (i - 8)), face(200 + 25 * (i - 8))) for i in range(9, 15)]
    updates = run(apart + merged + parted)
    before, after = set(who(updates[4])), set(who(updates[-1]))
    assert before == {"p1", "p2"}
    assert len(after) == 2
    left = {person for update in updates for person in update.left}
    assert before <= left
    assert not before & after


def test_somebody_hidden_for_a_second_is_the_same_person_afterwards() -> None:
    hidden = [faces(i, face(300, BLUE), *([] if 5 <= i < 10 else [face(60)])) for i in range(15)]
    updates = run(hidden)
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}
    assert all(update.left == () for update in updates)


def test_a_track_out_of_sight_for_too_long_is_over() -> None:
    tracks = FaceTracker(FaceConfig(lost_after_s=1.0))
    run([*(faces(i, face(100)) for i in range(3)), faces(3)], tracks)
    assert tracks.advance(1.3).left == ()
    assert tracks.advance(1.5).left == ("p1",)
    assert tracks.advance(9.0).left == ()


def test_while_the_picture_stands_who_is_in_it_stays_for_ten_seconds() -> None:
    tracks = FaceTracker(FaceConfig())
    run([faces(i, face(100)) for i in range(3)], tracks)
    assert tracks.advance(0.4 + 10.0).left == ()
    assert tracks.advance(0.4 + 10.1).left == ("p1",)


def test_while_pictures_are_lost_who_was_in_the_last_one_is_soon_over() -> None:
    tracks = FaceTracker(FaceConfig(lost_after_s=1.0))
    run([faces(i, face(100)) for i in range(3)], tracks)
    assert tracks.advance(1.3, standing=False).left == ()
    assert tracks.advance(1.5, standing=False).left == ("p1",)


@pytest.mark.parametrize("still_steps", [10, 25, 49])
def test_a_person_is_the_same_one_after_a_still_picture(still_steps: int) -> None:
    before = [faces(i, face(100), face(300, BLUE)) for i in range(5)]
    after = [faces(i + still_steps, face(110), face(295, BLUE)) for i in range(5, 8)]
    updates = run(before + after)
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}
    assert all(update.left == () for update in updates)


def test_who_is_gone_after_a_still_picture_leaves_at_once() -> None:
    tracks = FaceTracker(FaceConfig())
    run([faces(i, face(100)) for i in range(3)], tracks)
    assert tracks.push(faces(20)).left == ("p1",)


def test_half_a_picture_a_second_is_enough_to_follow_somebody() -> None:
    updates = run([faces(10 * i, face(100 + 5 * i)) for i in range(8)])
    assert [who(update) for update in updates] == [[]] + [["p1"]] * 7


SIZES = [(640, 360), (320, 180), (1280, 720), (160, 90), (960, 540)]


def scaled(one: Faces, size: tuple[int, int]) -> Faces:
    """The same picture in another size."""
    by = size[0] / 640
    found = [
        replace(d, box=(by * d.box[0], by * d.box[1], by * d.box[2], by * d.box[3])) for d in one.detections
    ]
    return replace(one, detections=tuple(found))


@given(st.lists(st.sampled_from(SIZES), min_size=12, max_size=12))
def test_pictures_that_change_their_size_change_nobody(sizes: list[tuple[int, int]]) -> None:
    tracks = FaceTracker(FaceConfig())
    shots = [faces(i, face(50 + 5 * i), face(300 - 3 * i, BLUE, size=50)) for i in range(12)]
    updates = [tracks.push(scaled(one, size), size) for one, size in zip(shots, sizes, strict=True)]
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}
    assert all(update.left == () for update in updates)


def test_a_picture_that_is_turned_keeps_its_middle() -> None:
    tracks = FaceTracker(FaceConfig())
    upright = [tracks.push(faces(i, face(290, y=140)), (640, 360)) for i in range(3)]
    turned = [tracks.push(faces(i, face(150, y=280)), (360, 640)) for i in range(3, 6)]
    assert [who(update) for update in upright + turned] == [[], *[["p1"]] * 5]


def test_who_comes_back_soon_and_looks_the_same_is_the_same_person() -> None:
    shots = [faces(i, face(300, BLUE), *([] if 5 <= i < 20 else [face(60)])) for i in range(25)]
    updates = run(shots)
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}
    assert [p for u in updates for p in u.left] == ["p1"]
    assert [p for u in updates for p in u.appeared] == ["p1", "p2", "p1"]


def test_who_comes_back_after_ten_seconds_is_somebody_new() -> None:
    updates = run([faces(i, *([] if 5 <= i < 60 else [face(60)])) for i in range(65)])
    assert [p for u in updates for p in u.appeared] == ["p1", "p2"]


def test_who_could_be_either_of_two_who_left_is_somebody_new() -> None:
    twins = [faces(i, face(60), face(300)) for i in range(5)]
    empty = [faces(i) for i in range(5, 20)]
    updates = run([*twins, *empty, *[faces(i, face(180)) for i in range(20, 24)]])
    assert who(updates[-1]) == ["p3"]


def test_a_look_alike_of_somebody_still_in_sight_is_somebody_new() -> None:
    shots = [faces(i, face(300), *([] if 5 <= i < 20 else [face(60)])) for i in range(25)]
    assert set(who(run(shots)[-1])) == {"p2", "p3"}


@pytest.mark.parametrize("marked", [True, False])
def test_a_cut_ends_the_persons_of_the_shot(marked: bool) -> None:
    """Whether the detector saw it between two frames, or it lies between two detections."""
    before = [faces(i, face(100, RED)) for i in range(4)]
    scene = STUDIO if marked else STREET
    after = [faces(i, face(105, BLUE), cut=marked and i == 4, scene=scene) for i in range(4, 8)]
    updates = run(before + after)
    assert updates[4].left == ("p1",)
    assert by_colour(updates) == {0: {"p1"}, 1: {"p2"}}


def test_after_a_cut_the_same_colours_elsewhere_are_somebody_new() -> None:
    before = [faces(i, face(100)) for i in range(4)]
    after = [faces(i, face(400), cut=i == 4) for i in range(4, 8)]
    assert who(run(before + after)[-1]) == ["p2"]


def test_after_a_cut_the_same_place_and_colours_are_the_same_person() -> None:
    before = [faces(i, face(100)) for i in range(4)]
    after = [faces(i, face(103), cut=i == 4) for i in range(4, 8)]
    updates = run(before + after)
    assert {p for u in updates for p in who(u)} == {"p1"}
    assert all(u.left == () for u in updates)


def test_cameras_that_take_turns_show_the_same_two_persons() -> None:
    shots = []
    for i in range(40):
        first = (i // 10) % 2 == 0
        detection = face(100, RED) if first else face(200, BLUE, size=80)
        shots.append(faces(i, detection, cut=i % 10 == 0 and i > 0, scene=STUDIO if first else STREET))
    assert by_colour(run(shots)) == {0: {"p1"}, 1: {"p2"}}


def test_after_a_gap_only_the_clear_case_goes_on() -> None:
    tracks = FaceTracker(FaceConfig())
    run([faces(i, face(100, RED), face(300, BLUE)) for i in range(4)], tracks)
    tracks.gap()
    updates = run([faces(i, face(101, RED), face(300, GREEN)) for i in range(4, 8)], tracks)
    assert updates[0].left == ("p2",)
    assert who(updates[-1]) == ["p1", "p3"]


def test_only_the_largest_faces_are_followed() -> None:
    tracks = FaceTracker(FaceConfig(max_faces=2))
    crowd = [face(10, size=20), face(100, BLUE, size=60), face(300, GREEN, size=70)]
    updates = run([faces(i, *crowd) for i in range(3)], tracks)
    assert [d.box[2] for _, d in updates[-1].assigned] == [60, 70]


def test_the_end_of_the_stream_ends_every_track() -> None:
    tracks = FaceTracker(FaceConfig())
    run([faces(i, face(100), face(300, BLUE)) for i in range(3)], tracks)
    assert tracks.flush().left == ("p1", "p2")
    assert tracks.flush().left == ()


def test_a_picture_that_comes_late_changes_nothing() -> None:
    tracks = FaceTracker(FaceConfig())
    run([faces(i, face(100)) for i in range(5)], tracks)
    assert tracks.push(faces(2, face(300))) == TrackingUpdate()
    assert who(tracks.push(faces(5, face(100)))) == ["p1"]


# -- properties ---------------------------------------------------------------------------------------

positions = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 2)), max_size=4)
stories = st.lists(st.tuples(positions, st.booleans()), min_size=1, max_size=25)


def told(story: list[tuple[list[tuple[int, int]], bool]]) -> list[Faces]:
    colours = (RED, BLUE, GREEN)
    return [
        faces(i, *(face(x, colours[c], y=100 + 7 * k) for k, (x, c) in enumerate(seen)), cut=cut)
        for i, (seen, cut) in enumerate(story)
    ]


def simple(update: TrackingUpdate) -> tuple[object, ...]:
    return [(person, detection.box) for person, detection in update.assigned], update.appeared, update.left


@given(story=stories)
def test_every_person_appears_before_being_seen_and_leaves_once(story) -> None:
    tracks = FaceTracker(FaceConfig())
    present: set[str] = set()
    for update in [*run(told(story), tracks), tracks.flush()]:
        assert set(update.left) <= present | set(update.appeared)
        present -= set(update.left)
        assert not present & set(update.appeared)
        present |= set(update.appeared)
        assert len(who(update)) == len(set(who(update)))
        assert set(who(update)) <= present
    assert not present


@given(story=stories, ticks=st.lists(st.integers(0, 25), max_size=10))
def test_telling_the_time_in_between_changes_only_when_leaving_is_said(story, ticks) -> None:
    shots = told(story)
    plain, ticked = FaceTracker(FaceConfig()), FaceTracker(FaceConfig())
    left: tuple[list[str], list[str]] = ([], [])
    for i, shot in enumerate(shots):
        one, other = plain.push(shot), ticked.push(shot)
        assert simple(one)[:2] == simple(other)[:2]
        left[0].extend(one.left)
        left[1].extend(other.left)
        for _ in range(ticks.count(i)):
            left[1].extend(ticked.advance(shot.t_s + STEP_S / 2).left)
    left[0].extend(plain.flush().left)
    left[1].extend(ticked.flush().left)
    assert sorted(left[0]) == sorted(left[1])


@given(story=stories, at=st.integers(0, 25))
def test_a_copied_state_goes_on_like_the_original(story, at) -> None:
    shots = told(story)
    tracks = FaceTracker(FaceConfig())
    run(shots[:at], tracks)
    copied, deep = FaceTracker(FaceConfig(), tracks.state.copy()), copy.deepcopy(tracks)
    original = [simple(u) for u in run(shots[at:], tracks)]
    assert original == [simple(u) for u in run(shots[at:], copied)]
    assert original == [simple(u) for u in run(shots[at:], deep)]


@given(
    speeds=st.lists(st.integers(-12, 12), min_size=3, max_size=3),
    misses=st.sets(st.tuples(st.integers(4, 20), st.integers(0, 2)), max_size=12),
)
def test_differently_dressed_people_in_one_shot_are_never_exchanged(speeds, misses) -> None:
    colours = (RED, BLUE, GREEN)
    starts = (100, 300, 500)
    shots = [
        faces(
            i,
            *(
                face(starts[k] + speeds[k] * i, colours[k], y=100 + 8 * k)
                for k in range(3)
                if (i, k) not in misses
            ),
        )
        for i in range(20)
    ]
    persons = by_colour(run(shots))
    assert all(not persons[a] & persons[b] for a, b in pairwise(sorted(persons)))
    assert not persons[0] & persons[2]


@given(story=stories)
def test_memory_is_bounded(story) -> None:
    tracks = FaceTracker(FaceConfig())
    for repeat in range(4):
        for shot in told(story):
            tracks.push(Faces(shot.t_s + repeat * 30, shot.detections, shot.scene_change, shot.scene))
    assert len(tracks.state.former) <= 16
    tracks.advance(1000)
    assert tracks.state.tracks == []
    assert tracks.advance(2000) == TrackingUpdate()
    assert tracks.state.former == []
