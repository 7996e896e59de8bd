"""Whether there is any device at all."""

from __future__ import annotations

import numpy as np
import pytest

from core.events import StreamInfo
from core.inputs import AudioChunk, DeviceState, VideoFrame
from realtime.session.device_check import OPENING_S, WAIT_S, DeviceCheck

STREAMS = (StreamInfo("me", "audio", "me"), StreamInfo("camera", "video", "me"))


def lost(stream: str, reason: str = "unplugged") -> DeviceState:
    return DeviceState(stream, 0.0, False, reason, f"the {stream} is not there.")


def test_when_no_device_answers_in_time_the_run_has_failed_and_says_why():
    call = DeviceCheck(STREAMS)
    for stream in ("me", "camera"):
        assert not call.failed(WAIT_S + 1)
        call.note(lost(stream))
    assert not call.failed(WAIT_S - 0.1)
    assert call.failed(WAIT_S)
    assert call.reasons() == "me: the me is not there; camera: the camera is not there"


@pytest.mark.parametrize(
    "answer",
    [AudioChunk("me", 0, np.zeros(1, np.float32)), VideoFrame("camera", 0.0, np.zeros((1, 1, 3), np.uint8))],
)
def test_one_device_that_has_ever_worked_is_enough(answer):
    call = DeviceCheck(STREAMS)
    call.note(answer)
    for stream in ("me", "camera"):
        call.note(lost(stream))
    assert not call.failed(1_000.0)


def test_a_device_that_is_being_opened_gets_more_time():
    call = DeviceCheck(STREAMS)
    call.note(lost("camera"))
    call.note(lost("me", "starting"))
    assert not call.failed(WAIT_S)
    assert call.failed(OPENING_S)
    call.note(lost("me", "busy"))
    assert call.failed(WAIT_S)


def test_a_run_without_streams_waits_for_nobody():
    assert not DeviceCheck(()).failed(1_000.0)
