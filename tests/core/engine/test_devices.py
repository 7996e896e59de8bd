"""What is said of devices and clocks: changes, once each."""

from __future__ import annotations

from core.engine.devices import Devices
from core.inputs import ClockState, DeviceState, Gap


def test_a_device_that_works_from_the_start_is_nothing_to_speak_of():
    assert Devices().change(DeviceState("me", 0.0, True, "", "here")) is None


def test_a_loss_and_a_return_are_said_with_the_reason():
    devices = Devices()
    gone = devices.change(DeviceState("me", 3.0, False, "unplugged", "The microphone was unplugged"))
    assert (gone.code, gone.level, gone.stream, gone.value) == (
        "modality_missing",
        "warning",
        "me",
        "unplugged",
    )
    assert devices.absent == {"me": "The microphone was unplugged"}
    back = devices.change(DeviceState("me", 5.0, True, "", "The microphone is back"))
    assert (back.code, back.level, back.value) == ("modality_back", "info", None)
    assert devices.absent == {}


def test_a_device_that_begins_is_no_warning():
    assert Devices().change(DeviceState("me", 0.0, False, "starting", "opening")).level == "info"


def test_a_hole_in_many_pieces_is_said_once():
    devices = Devices()
    said = [devices.hole(Gap("me", k / 5, (k + 1) / 5, "unplugged")) for k in range(10)]
    assert [s is not None for s in said] == [True] + [False] * 9
    assert devices.hole(Gap("camera", 2.0, 2.2, "unplugged")) is not None
    assert devices.hole(Gap("me", 2.0, 2.2, "busy")) is not None
    assert devices.hole(Gap("me", 7.0, 7.2, "busy")) is not None


def test_clocks_are_said_at_first_when_they_move_and_once_a_minute():
    devices = Devices()
    times = [k * 5.0 for k in range(40)]
    said = [devices.clock(ClockState("me", t, 30.0, 0.004, 0.02)) for t in times]
    assert [t for t, s in zip(times, said, strict=True) if s] == [0.0, 60.0, 120.0, 180.0]
    moved = devices.clock(ClockState("me", 200.0, 30.0, 0.031, 0.02))
    assert (moved.code, moved.value) == ("clock", "31.0")
