"""Every state is said in words, and the sign of capturing is there exactly while people are captured."""

from __future__ import annotations

import itertools

import pytest

from realtime.desktop.phase import Phase
from realtime.desktop.status import Situation, sign_of

DEVICES = {"heard": ("microphone", "loudspeaker"), "seen": ("camera",)}
RUNNING = Situation(Phase.RUNNING, linked=True, capturing=True, **DEVICES)


@pytest.mark.parametrize(
    ("now", "word", "more"),
    [
        (Situation(), "Stopped", "Nothing is captured."),
        (Situation(Phase.STARTING), "Starting", "Devices are being opened. Models are being loaded."),
        (Situation(Phase.STARTING, "Exporting.", playing="a.mp4"), "Starting", "Exporting."),
        (RUNNING, "Capturing", "Microphone, loudspeaker, camera."),
        (Situation(Phase.STOPPING), "Ending", "The last words are worked off."),
        (
            Situation(Phase.WAITING, "The network failed", pause_s=2.0),
            "Engine failed",
            "The network failed. Starting again in 2 s; nothing is captured until then.",
        ),
        (Situation(Phase.FAILED, "No device."), "Engine failed", "No device. Nothing is captured."),
        (Situation(Phase.RUNNING, linked=True, playing="a.mp4"), "Playing", "a.mp4."),
        (Situation(Phase.RUNNING, capturing=True), "Connection lost", "Trying again. Capturing goes on."),
        (Situation(Phase.RUNNING, linked=True), "Stopped", "Nothing is captured."),
    ],
)
def test_every_state_has_a_word_and_a_sentence(now: Situation, word: str, more: str) -> None:
    sign = sign_of(now)
    assert (sign.word, sign.more) == (word, more)


def test_what_is_muted_is_named_and_when_all_is_nothing_is_said_to_be_captured() -> None:
    deaf = sign_of(Situation(Phase.RUNNING, linked=True, capturing=True, deaf=True, **DEVICES))
    assert (deaf.word, deaf.more, deaf.dot) == (
        "Capturing",
        "Camera. Muted: microphone and loudspeaker.",
        True,
    )
    both = sign_of(Situation(Phase.RUNNING, linked=True, capturing=True, deaf=True, blind=True, **DEVICES))
    assert (both.word, both.dot) == ("Muted", False)
    assert "Nothing is taken in." in both.more


def test_the_dot_is_shown_only_while_capturing_and_no_two_marks_of_states_are_alike() -> None:
    marks = {}
    for phase, linked, capturing in itertools.product(Phase, (True, False), (True, False)):
        sign = sign_of(Situation(phase, linked=linked, capturing=capturing, **DEVICES))
        assert not sign.dot or capturing
        marks.setdefault(sign.mark, set()).add(sign.tone)
        assert sign.retry == (phase in {Phase.WAITING, Phase.FAILED})
    assert all(len(tones) == 1 for tones in marks.values())
