"""The face detector on real pictures."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from core.config import FaceConfig
from core.errors import ModelError
from core.stages.active_speaker import ActiveSpeakerDetector
from core.stages.face_crop import crop_face
from core.stages.face_tracking import FaceTracker
from core.work import DetectFaces, Faces
from core.workers.faces import FaceDetector, quality

CLIPS = [f"1001_DFA_{emotion}_XX.flv" for emotion in ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")]


@pytest.fixture(scope="module")
def network(weights) -> Path:
    return weights("yunet") / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="module")
def detector(network) -> FaceDetector:
    return FaceDetector(network, crop_size=48, max_faces=4)


def pictures(path: Path, count: int | None = None) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            frames.append((float(frame.time or 0), frame.to_ndarray(format="rgb24")))
            if len(frames) == count:
                break
    return frames


def detections(detector: FaceDetector, frames: list[tuple[float, np.ndarray]], every: int = 6) -> list[Faces]:
    """Detections at about 5 Hz, each with the frame before it, as the engine orders them."""
    orders = []
    for i in range(1, len(frames), every):
        (before_s, previous), (t_s, image) = frames[i - 1], frames[i]
        orders.append(DetectFaces(t_s, image, previous, t_s - before_s))
    return [detector.run(order) for order in orders]


@pytest.fixture(scope="module")
def frame(demo_clips) -> np.ndarray:
    return pictures(demo_clips / CLIPS[0], 1)[0][1]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_talking_head_is_one_person_who_speaks(detector, demo_clips, clip) -> None:
    found = detections(detector, pictures(demo_clips / clip))
    tracks, pairing = FaceTracker(FaceConfig()), ActiveSpeakerDetector()
    updates = [(faces.t_s, tracks.push(faces)) for faces in found]
    for t_s, update in updates:
        for person, face in update.assigned:
            pairing.mouth(t_s, person, face.mouth_motion or 0.0)
    assert all(len(faces.detections) == 1 and not faces.scene_change for faces in found)
    assert {person for _, update in updates for person, _ in update.assigned} == {"p1"}
    assert pairing.decide(0.5, 1.5).person == "p1"
    assert pairing.decide(1.85, 5.0).person == "unknown"  # the words are over


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("turned", [(slice(None, None, -1),) * 2, (slice(None, None, -1), slice(None))])
def test_nothing_is_said_of_a_face_that_is_upside_down(detector, demo_clips, clip, turned) -> None:
    frames = [image for _, image in pictures(demo_clips / clip)][::6]
    found = [
        detector.run(DetectFaces(0.0, np.ascontiguousarray(image[turned]), None, 0.0)) for image in frames
    ]
    assert [len(faces.detections) for faces in found] == [0] * len(frames)


def test_a_face_is_described_completely(detector, frame) -> None:
    found = detector.run(DetectFaces(0.0, frame, None, 0.0))
    (face,) = found.detections
    x, y, width, height = face.box
    assert 0 < x < x + width < frame.shape[1]
    assert 0 < y < y + height < frame.shape[0]
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    np.testing.assert_array_equal(face.crop, crop_face(frame, face.box, face.landmarks, 48))
    assert face.score > 0.7
    assert face.quality > 0.9
    assert face.mouth_motion is None
    assert np.linalg.norm(face.appearance) == pytest.approx(1, abs=1e-5)
    assert found.scene is not None


def test_the_same_order_gives_the_same_answer(network, detector, frame, demo_clips) -> None:
    later = pictures(demo_clips / CLIPS[3], 20)[-1][1]
    order = DetectFaces(0.04, frame, later, 0.04)
    detector.run(DetectFaces(0.0, np.zeros((50, 900, 3), np.uint8), None, 0.0))
    fresh = FaceDetector(network, crop_size=48, max_faces=4)
    for one, other in zip(detector.run(order).detections, fresh.run(order).detections, strict=True):
        assert one.box == other.box
        assert (one.score, one.quality, one.mouth_motion) == (other.score, other.quality, other.mouth_motion)
        np.testing.assert_array_equal(one.crop, other.crop)
        np.testing.assert_array_equal(one.appearance, other.appearance)


def test_several_faces_come_left_to_right_and_only_the_largest(detector, network, frame) -> None:
    small = cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    wall = np.zeros((360, 960, 3), np.uint8)
    wall[100:280, 0:240] = small
    wall[:, 240:720] = frame
    wall[100:280, 720:960] = small
    faces = detector.run(DetectFaces(0.0, wall, None, 0.0)).detections
    assert [int(face.box[0] // 240) for face in faces] in ([0, 1, 3], [0, 2, 3])
    assert sorted(face.box[0] for face in faces) == [face.box[0] for face in faces]
    (largest,) = (
        FaceDetector(network, crop_size=48, max_faces=1).run(DetectFaces(0, wall, None, 0)).detections
    )
    assert largest.box[2] == max(face.box[2] for face in faces)


def test_a_small_face_in_a_large_picture_is_found_by_the_second_look(detector, frame) -> None:
    wide = np.full((1080, 1920, 3), 90, np.uint8)
    wide[700:880, 300:540] = cv2.resize(frame, (240, 180), interpolation=cv2.INTER_AREA)
    (face,) = detector.run(DetectFaces(0.0, wide, None, 0.0)).detections
    assert 300 < face.box[0] < 540
    assert 40 < face.box[3] < 90


@pytest.mark.parametrize("shape", [(1, 1), (8, 4000), (720, 1280), (33, 47)])
def test_a_picture_without_faces_gives_none(detector, shape) -> None:
    assert detector.run(DetectFaces(0.0, np.full((*shape, 3), 60, np.uint8), None, 0.0)).detections == ()


def test_a_cut_is_seen_and_leaves_the_mouth_unjudged(detector, frame) -> None:
    other = np.random.default_rng(0).integers(0, 255, frame.shape, dtype=np.uint8)
    found = detector.run(DetectFaces(0.04, frame, other, 0.04))
    assert found.scene_change
    assert found.detections[0].mouth_motion is None


def test_a_repeated_picture_says_nothing_about_the_mouth(detector, frame) -> None:
    found = detector.run(DetectFaces(0.04, frame, frame.copy(), 0.04))
    assert not found.scene_change
    assert found.detections[0].mouth_motion is None


def test_quality_falls_with_size_blur_and_turn(detector, frame) -> None:
    (face,) = detector.run(DetectFaces(0.0, frame, None, 0.0)).detections
    x, y, width, height = face.box
    turned = face.landmarks.copy()
    turned[2, 0] += 0.5 * (turned[3, 1] - turned[0, 1])
    blurred = cv2.GaussianBlur(face.crop, (0, 0), 2)
    assert quality((x, y, width / 4, height / 4), face.landmarks, face.crop) < 0.5 * face.quality
    assert quality(face.box, turned, face.crop) < 0.6 * face.quality
    assert quality(face.box, face.landmarks, blurred.astype(np.uint8)) < 0.5 * face.quality


def test_a_file_that_is_no_network_is_refused(tmp_path) -> None:
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"yunet\.onnx"):
        FaceDetector(path, crop_size=48, max_faces=4)
    with pytest.raises(ModelError, match=r"absent\.onnx"):
        FaceDetector(tmp_path / "absent.onnx", crop_size=48, max_faces=4)
