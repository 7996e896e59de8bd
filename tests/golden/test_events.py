"""A fixed conversation on fake workers: its messages stay as they are, letter by letter."""

from __future__ import annotations

import os
from pathlib import Path

from core.config import EngineConfig
from core.inputs import Gap
from core.work import Failed, Work
from tests.core import fakes
from tests.core.conversations import engine
from tests.core.fakes import chunks, ended, frames, lines, merged, play, voice
from tests.core.laws import check

GOLDEN = Path(__file__).with_name("events.jsonl")
STILL, FIRST, SECOND = (0, 0, 0), (60, 0, 0), (0, 60, 0)


def events():
    """Two people take turns; the sound has a hole, the picture a cut, and one text cannot be encoded."""
    sound = [
        *chunks(voice(6.0, [(0.6, 2.0), (3.5, 6.0)], seed=1)),
        Gap("audio", 6.0, 6.5, "the microphone was unplugged"),
        *chunks(voice(3.5, [(1.0, 1.3)], seed=2), start=104_000),
    ]
    sight = [
        *frames(0.0, 0.6, 2, STILL),
        *frames(0.6, 2.0, 2, FIRST),
        *frames(2.0, 3.5, 2, STILL),
        *frames(3.5, 6.0, 2, SECOND),
        *frames(6.0, 10.0, 1, STILL, scene=1),
    ]
    config = EngineConfig.from_mapping({"estimates": {"hop_s": 0.5}}, where="test")
    inputs = merged(ended(sound, "audio", 10.0), ended(sight, "video", 10.0))

    def compute(work: Work):
        if work.kind == "encode_text" and work.payload.utterance == "u3":
            return Failed("encode_text: out of order")
        return fakes.compute(work)

    return play(engine(config=config), inputs, compute=compute)


def test_the_messages_of_the_golden_conversation_are_as_they_were():
    said = events()
    check(said)
    text = "\n".join(lines(said)) + "\n"
    if os.environ.get("EMOTRACK_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "if this is meant: make golden"
