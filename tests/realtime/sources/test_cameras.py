"""Cameras that stall, repeat a picture, block, die and come back: on real connections and by fakes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.events import StreamInfo
from core.inputs import Image, SourceInput, VideoFrame
from realtime.sources.camera import CameraDriver
from realtime.sources.capture import Capture
from realtime.sources.config import SourcesConfig
from realtime.sources.live import LiveSource
from realtime.sources.network_camera import NetworkCameraDriver
from realtime.sources.open import open_sources
from realtime.sources.video_track import VideoTrack
from tests.realtime.sources.cameras import CameraServer, clip, mjpeg, rtsp
from tests.realtime.sources.listener import Listener, check_contract

LOST_WITHIN_S = 1.0
BACK_WITHIN_S = 3.0
SLOW_MACHINE_S = 6.0
SCHEMES = [("http", mjpeg), ("rtsp", rtsp)]


def camera(address: str) -> LiveSource:
    return open_sources(SourcesConfig(microphone=None, camera=address))


def is_picture(item: SourceInput) -> bool:
    return isinstance(item, VideoFrame)


@pytest.mark.parametrize(("scheme", "speak"), SCHEMES)
def test_a_network_camera_that_stalls_or_dies_is_missing_within_a_second_and_comes_back(
    scheme: str, speak: Callable[..., None]
) -> None:
    with CameraServer(speak) as server, Listener(camera(f"{scheme}://127.0.0.1:{server.port}/x")) as listener:
        listener.wait_for(is_picture, SLOW_MACHINE_S)
        stalled_s = listener.source.now_s()
        server.stalled.set()
        lost_s, lost = listener.state("camera", "no_data", 1.5)
        assert lost_s - stalled_s < LOST_WITHIN_S + 0.1
        assert lost.message == (
            f"camera at 127.0.0.1:{server.port}: the device is open but delivers nothing."
        )
        before = listener.mark()
        server.stalled.clear()
        listener.state("camera", "", BACK_WITHIN_S, since=before)
        listener.wait_for(is_picture, 1.0, since=before)
        server.kill()
        _, lost = listener.state("camera", "unreachable", LOST_WITHIN_S, since=before)
        assert "does not answer" in lost.message
        before = listener.mark()
        with CameraServer(speak, server.port):
            listener.state("camera", "", BACK_WITHIN_S, since=before)
            listener.wait_for(is_picture, 1.0, since=before)
    check_contract([item for _, item in listener.heard])


def test_a_camera_that_repeats_its_picture_is_missing_until_the_picture_changes() -> None:
    with CameraServer(mjpeg) as server, Listener(camera(f"http://127.0.0.1:{server.port}/")) as listener:
        listener.wait_for(is_picture, SLOW_MACHINE_S)
        server.frozen.set()
        _, lost = listener.state("camera", "frozen", 2.0)
        assert lost.message.endswith("the camera repeats the same picture.")
        before = listener.mark()
        server.frozen.clear()
        listener.state("camera", "", 1.0, since=before)
    check_contract([item for _, item in listener.heard])


def test_opencv_reads_a_stream_as_it_reads_a_webcam_and_is_opened_again_after_the_end() -> None:
    with CameraServer(mjpeg) as server:
        address = f"http://127.0.0.1:{server.port}/"
        source = one(CameraDriver(address, max_hz=10.0, max_side=80))
        with Listener(source) as listener:
            _, picture = listener.wait_for(is_picture, SLOW_MACHINE_S)
            assert isinstance(picture, VideoFrame)
            assert picture.image.shape == (60, 80, 3)
            server.kill()
            listener.state("camera", "unplugged", 1.5)
            before = listener.mark()
            with CameraServer(mjpeg, server.port):
                listener.state("camera", "", BACK_WITHIN_S, since=before)


def one(driver: Any) -> LiveSource:
    track = VideoTrack("camera", driver.label)
    return LiveSource([Capture(StreamInfo("camera", "video"), driver, track, 8)])


class FakeCapture:
    """A camera at OpenCV's boundary, told what to do by the test."""

    def __init__(self, read: Callable[[], tuple[bool, Image | None]], *, opened: bool = True) -> None:
        self._read, self._opened = read, opened
        self.released = False

    def isOpened(self) -> bool:
        return self._opened

    def read(self) -> tuple[bool, Image | None]:
        return self._read()

    def release(self) -> None:
        self.released = True


def test_a_read_that_blocks_is_missing_within_a_second_and_does_not_keep_the_end_waiting() -> None:
    blocked = threading.Event()
    numbers = iter(range(10_000))

    def read() -> tuple[bool, Image | None]:
        number = next(numbers)
        if number > 10:
            blocked.wait(20)
        else:
            blocked.wait(0.03)
        return True, clip(number)

    source = one(CameraDriver(is_listed=lambda n: True, capture=lambda device: FakeCapture(read)))
    with Listener(source) as listener:
        listener.state("camera", "no_data", 2.0)
        before = listener.mark()
        blocked.set()
        listener.state("camera", "", BACK_WITHIN_S, since=before)


def test_a_camera_that_is_not_there_is_no_error_but_a_state() -> None:
    driver = CameraDriver(
        "7", is_listed=lambda n: True, capture=lambda device: FakeCapture(lambda: (False, None), opened=False)
    )
    with Listener(one(driver)) as listener:
        _, lost = listener.state("camera", "unplugged", 1.0)
    assert lost.message == "camera 7: the device is not there (it cannot be opened)."


def test_a_password_in_an_address_is_never_told() -> None:
    driver = NetworkCameraDriver("rtsp://me:secret@cam.example:554/x")
    assert driver.label == "camera at cam.example:554"


def test_pictures_are_right_way_round_in_colour() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :, 2] = 200  # red, in OpenCV's order
    driver = CameraDriver(
        is_listed=lambda n: True, capture=lambda device: FakeCapture(lambda: (True, image + np.uint8(0)))
    )
    with Listener(one(driver)) as listener:
        _, picture = listener.wait_for(is_picture, 2.0)
    assert isinstance(picture, VideoFrame)
    assert picture.image[0, 0].tolist() == [200, 0, 0]
