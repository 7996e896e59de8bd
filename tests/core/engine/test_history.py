"""Estimates compare a person with how they usually sound, and say how much of that they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from core.events import EmotionEstimate, StreamInfo
from core.work import Fuse
from tests.core.conversations import BOTH, engine
from tests.core.fakes import Player, chunks, ended, frames, merged, voice
from tests.core.laws import of

ANNA = StreamInfo("audio", "audio", "anna")
SPOKEN = [(0.5, 2.5), (4.0, 6.0), (7.5, 9.5)]


def talk(*spans):
    return ended(chunks(voice(11.0, spans)), "audio", 11.0)


def finals(events) -> list[EmotionEstimate]:
    return [estimate for estimate in of(events, EmotionEstimate) if estimate.final]


def test_each_utterance_rests_on_those_before_it():
    player = Player(engine((ANNA,)))
    player.feed(talk(*SPOKEN))
    seconds = [estimate.history_s["audio"] for estimate in finals(player.finish())]
    assert seconds[0] == 0.0
    assert seconds[1] == pytest.approx(2.3, abs=0.3)
    assert seconds[2] == pytest.approx(4.6, abs=0.5)


def test_rolling_estimates_rest_on_finished_utterances_too():
    player = Player(engine((ANNA,)))
    player.feed(talk(*SPOKEN))
    during = [e for e in of(player.finish(), EmotionEstimate) if e.utterance == "u2" and not e.final]
    assert during
    assert all(e.history_s["audio"] == pytest.approx(2.3, abs=0.3) for e in during)


def test_the_first_utterance_is_asked_about_as_it_was_encoded_and_the_last_less_the_baseline():
    player = Player(engine((ANNA,)))
    player.feed(talk(*SPOKEN))
    player.finish()
    asked = [w for o in player.orders if isinstance(o.payload, Fuse) for w in o.payload.windows]
    loudest = {
        t0_s: max(float(w.tokens["audio"].values[:, 0].max()) for w in asked if w.t0_s == t0_s)
        for t0_s in sorted({w.t0_s for w in asked})
    }
    spoken = float(np.abs(voice(11.0, SPOKEN)).max())
    first, *_, last = loudest.values()
    assert first > 0.75 * spoken
    assert last < 0.75 * spoken


def test_a_voice_of_nobody_known_has_no_history():
    player = Player(engine((StreamInfo("audio", "audio"),)))
    player.feed(talk(*SPOKEN))
    assert [e.history_s for e in finals(player.finish())] == [{"audio": 0.0}] * 3


def test_who_leaves_is_forgotten():
    speaking, gone = (60, 0, 0), (0, 0, 0)
    sight = [*frames(0.0, 3.0, 1, speaking), *frames(3.0, 7.0, 0, gone), *frames(7.0, 11.0, 1, speaking)]
    player = Player(engine(BOTH))
    player.feed(merged(talk((0.5, 2.5), (7.5, 9.5)), ended(sight, "video", 11.0)))
    last = finals(player.finish())[-1]
    assert last.person != "unknown"
    assert last.history_s["audio"] == 0.0


def test_a_microphone_of_somebody_remembers_while_they_are_out_of_view():
    camera = StreamInfo("video", "video", "anna")
    sight = [*frames(0.0, 3.0, 1, (60, 0, 0)), *frames(3.0, 11.0, 0)]
    player = Player(engine((ANNA, camera)))
    player.feed(merged(talk((0.5, 2.5), (7.5, 9.5)), ended(sight, "video", 11.0)))
    assert finals(player.finish())[-1].history_s["audio"] > 1.0


def test_a_snapshot_holds_the_history():
    inputs = talk(*SPOKEN)
    whole = Player(engine((ANNA,)))
    whole.feed(inputs)
    first = Player(engine((ANNA,)))
    first.feed(inputs[:70])
    second = Player(engine((ANNA,)))
    second.engine.restore(first.engine.snapshot())
    second.pending = list(first.pending)
    second.feed(inputs[70:])
    assert [e.history_s for e in finals(second.finish())] == [e.history_s for e in finals(whole.finish())][
        -2:
    ]
