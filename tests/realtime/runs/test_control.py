"""What clients may do to a live run: mute what is heard or seen, and nothing half."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from core.errors import FeedError, NotAvailable
from core.events import StreamInfo
from core.inputs import AudioChunk, EndOfStream, Gap, VideoFrame
from realtime.consent.ledger import Ledger
from realtime.runs.control import LiveControl
from realtime.session.muting import Muting
from tests.realtime.consent.agreeing import agreed

STREAMS = (
    StreamInfo("me", "audio", "me"),
    StreamInfo("them", "audio"),
    StreamInfo("camera", "video", "me"),
)
SOUND = AudioChunk("me", 1_600, np.ones(160, np.float32))
PICTURE = VideoFrame("camera", 0.1, np.zeros((2, 2, 3), np.uint8))


class FakeSession:
    def __init__(self) -> None:
        self.muted: list[tuple[str, bool]] = []

    def mute(self, kind, *, muted):
        self.muted.append((kind, muted))


def test_muting_reaches_the_session():
    control = LiveControl(threading.Event())
    control.session = FakeSession()
    control.mute("audio", muted=True)
    control.mute("visual", muted=False)
    assert control.session.muted == [("audio", True), ("video", False)]
    with pytest.raises(NotAvailable, match="mute audio"):
        control.mute("text", muted=True)


def test_without_a_run_nothing_can_be_muted_and_a_live_run_needs_no_start():
    control = LiveControl(threading.Event())
    with pytest.raises(FeedError, match="no run"):
        control.mute("audio", muted=True)
    with pytest.raises(NotAvailable):
        control.start()


def test_all_streams_of_a_kind_are_muted_and_each_change_is_said_once():
    muting = Muting(STREAMS)
    assert [s.stream for s in muting.change("audio", 1.0, muted=True)] == ["me", "them"]
    assert muting.change("audio", 2.0, muted=True) == []
    back = muting.change("audio", 3.0, muted=False)
    assert [(s.stream, s.present, s.reason) for s in back] == [("me", True, ""), ("them", True, "")]


def test_what_is_muted_becomes_a_hole_of_the_same_length_and_pictures_nothing():
    muting = Muting(STREAMS)
    assert muting.passed(SOUND) is SOUND
    muting.change("audio", 0.0, muted=True)
    assert muting.passed(SOUND) == Gap("me", 0.1, 0.11, "muted")
    assert muting.passed(PICTURE) is PICTURE
    muting.change("video", 0.0, muted=True)
    assert muting.passed(PICTURE) is None
    assert muting.passed(EndOfStream("camera", 1.0)) == EndOfStream("camera", 1.0)


def test_who_is_captured_can_take_consent_back_through_any_client(tmp_path):
    with pytest.raises(NotAvailable, match="Nobody is captured"):
        LiveControl(threading.Event()).withdraw()
    gate, stopped = agreed(ledger=Ledger(tmp_path / "consent.jsonl")), threading.Event()
    control = LiveControl(threading.Event(), gate)
    gate.on_withdrawal(stopped.set)
    control.withdraw()
    assert stopped.wait(5)
    assert gate.state == "withdrawn"
