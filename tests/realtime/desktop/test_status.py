"""Every state is said in words, and the sign of capturing is there exactly while people are captured."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from realtime.desktop.status import Phase, TrackerStatus, indicator_for

DEVICES = {"audio_devices": ("microphone", "loudspeaker"), "video_devices": ("camera",)}
RUNNING = TrackerStatus(Phase.RUNNING, connected=True, capturing=True, **DEVICES)


@pytest.mark.parametrize(
    ("now", "word", "more"),
    [
        (TrackerStatus(), "Stopped", "Nothing is captured."),
        (TrackerStatus(Phase.STARTING), "Starting", "Devices are being opened. Models are being loaded."),
        (TrackerStatus(Phase.STARTING, "Exporting.", playing="a.mp4"), "Starting", "Exporting."),
        (RUNNING, "Capturing", "Microphone, loudspeaker, camera."),
        (
            dataclasses.replace(RUNNING, video_devices=(), closed_devices=("camera",)),
            "Capturing",
            "Microphone, loudspeaker. Not open: camera.",
        ),
        (
            TrackerStatus(
                Phase.RUNNING, connected=True, capturing=True, closed_devices=("microphone", "camera")
            ),
            "No device",
            "Not open: microphone, camera. Trying again.",
        ),
        (
            dataclasses.replace(RUNNING, audio_muted=True, video_devices=(), closed_devices=("camera",)),
            "Muted",
            "Muted: microphone and loudspeaker. Nothing is taken in. Not open: camera.",
        ),
        (TrackerStatus(Phase.STOPPING), "Ending", "The last words are worked off."),
        (
            TrackerStatus(Phase.WAITING, "The network failed", pause_s=2.0),
            "Engine failed",
            "The network failed. Starting again in 2 s; nothing is captured until then.",
        ),
        (TrackerStatus(Phase.FAILED, "No device."), "Engine failed", "No device. Nothing is captured."),
        (TrackerStatus(Phase.RUNNING, connected=True, playing="a.mp4"), "Playing", "a.mp4."),
        (TrackerStatus(Phase.RUNNING, capturing=True), "Connection lost", "Trying again. Capturing goes on."),
        (TrackerStatus(Phase.RUNNING, connected=True), "Stopped", "Nothing is captured."),
    ],
)
def test_every_state_has_a_word_and_a_sentence(now: TrackerStatus, word: str, more: str) -> None:
    indicator = indicator_for(now)
    assert (indicator.word, indicator.more) == (word, more)


def test_what_is_muted_is_named_and_when_all_is_nothing_is_said_to_be_captured() -> None:
    without_sound = indicator_for(
        TrackerStatus(Phase.RUNNING, connected=True, capturing=True, audio_muted=True, **DEVICES)
    )
    assert (without_sound.word, without_sound.more, without_sound.dot) == (
        "Capturing",
        "Camera. Muted: microphone and loudspeaker.",
        True,
    )
    both = indicator_for(
        TrackerStatus(
            Phase.RUNNING, connected=True, capturing=True, audio_muted=True, video_muted=True, **DEVICES
        )
    )
    assert (both.word, both.dot) == ("Muted", False)
    assert "Nothing is taken in." in both.more


def test_the_dot_is_shown_only_while_capturing_and_no_two_marks_of_states_are_alike() -> None:
    marks = {}
    for phase, connected, capturing in itertools.product(Phase, (True, False), (True, False)):
        indicator = indicator_for(TrackerStatus(phase, connected=connected, capturing=capturing, **DEVICES))
        assert not indicator.dot or capturing
        without = indicator_for(TrackerStatus(phase, connected=connected, capturing=capturing))
        assert not (phase is Phase.RUNNING and connected and without.dot), "no device is open"
        marks.setdefault(indicator.mark, set()).add(indicator.tone)
        assert indicator.retry == (phase in {Phase.WAITING, Phase.FAILED})
    assert all(len(tones) == 1 for tones in marks.values())
