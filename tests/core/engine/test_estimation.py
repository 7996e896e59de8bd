"""What the fusion network is asked: about whom, from what, and why something is missing."""

from __future__ import annotations

import pytest

from core.config import EngineConfig
from core.events import EmotionEstimate, StreamInfo, Utterance
from core.work import Failed, Fuse, Work
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, CONFIG, engine
from tests.core.fakes import Player, chunks, ended, frames, merged, play, voice
from tests.core.laws import of


def talk(duration_s, *spans, stream="audio"):
    return ended(chunks(voice(duration_s, spans), stream), stream, duration_s)


def asked(streams, inputs, compute=fakes.compute, config: EngineConfig = CONFIG) -> list[Work]:
    """All fusion orders of a run."""
    player = Player(engine(streams, config), compute=compute)
    player.feed(inputs)
    player.finish()
    return [order for order in player.orders if isinstance(order.payload, Fuse)]


def test_everybody_in_view_is_asked_about_at_once_in_order_of_appearance():
    sight = [*frames(0.0, 1.0, 1), *frames(1.0, 3.0, 3)]
    orders = asked((BOTH[1],), ended(sight, "video", 3.0))
    assert [w.person for w in orders[-1].payload.windows] == ["p1", "p2", "p3"]


def test_nobody_is_asked_about_while_nothing_is_known():
    assert asked(BOTH, merged(talk(2.0), ended(frames(0.0, 2.0, 0), "video", 2.0))) == []


def test_a_rolling_window_is_as_long_as_configured_and_never_begins_before_the_run():
    config = EngineConfig.from_mapping({"estimates": {"rolling_s": 2.0}}, where="test")
    orders = asked((BOTH[1],), ended(frames(0.0, 4.0, 1), "video", 4.0), config=config)
    spans = [(w.t0_s, w.t1_s) for order in orders for w in order.payload.windows]
    assert all(t0_s == max(0.0, t1_s - 2.0) for t0_s, t1_s in spans)
    assert spans[0][0] == 0.0
    assert spans[-1][0] > 1.5


def test_a_person_out_of_view_is_asked_about_no_more():
    sight = [*frames(0.0, 2.0, 1), *frames(2.0, 8.0, 0)]
    orders = asked((BOTH[1],), ended(sight, "video", 8.0))
    assert 2.0 < orders[-1].issued_t_s <= 2.0 + CONFIG.faces.lost_after_s


def test_two_utterances_of_an_unknown_voice_are_never_looked_at_together():
    orders = asked((AUDIO,), talk(7.0, (0.5, 1.5), (2.6, 3.6)))
    second = [w for o in orders for w in o.payload.windows if o.issued_t_s > 3.0]
    assert second
    for window in second:
        assert window.tokens["audio"].times_s[0] + window.t0_s > 2.2


def test_utterances_of_a_known_voice_are_looked_at_together():
    mine = StreamInfo("audio", "audio", "me")
    orders = asked((mine,), talk(7.0, (0.5, 1.5), (2.6, 3.6)))
    windows = [w for o in orders for w in o.payload.windows if 3.0 < o.issued_t_s < 3.6]
    assert all(w.tokens["audio"].times_s[0] + w.t0_s < 1.0 for w in windows)


def test_no_token_of_the_pause_after_an_utterance_is_used():
    orders = asked((StreamInfo("audio", "audio", "me"),), talk(7.0, (0.5, 1.55), (4.0, 5.0)))
    times = [
        float(t) + w.t0_s
        for o in orders
        for w in o.payload.windows
        if o.issued_t_s > 5.0
        for t in w.tokens["audio"].times_s
    ]
    assert not [t for t in times if 1.9 < t < 3.7]


@pytest.mark.parametrize(
    ("streams", "broken", "reasons"),
    [
        (BOTH, (), {}),
        (BOTH, ("encode_text",), {"text": "no words"}),
        (BOTH, ("encode_audio",), {"audio": "no speech encoded yet"}),
        (BOTH, ("faces",), {"visual": "no face"}),
        ((AUDIO,), (), {"visual": "no video"}),
    ],
)
def test_what_is_missing_from_a_final_estimate_has_its_reason(streams, broken, reasons):
    def compute(work: Work):
        return Failed("broken") if work.kind in broken else fakes.compute(work)

    sound, sight = talk(4.0, (0.5, 2.0)), ended(frames(0.0, 4.0, 1, (60, 0, 0)), "video", 4.0)
    inputs = merged(sound, sight) if len(streams) == 2 else sound
    final = next(e for e in of(play(engine(streams), inputs, compute=compute), EmotionEstimate) if e.final)
    assert final.missing == reasons


def test_who_does_not_speak_is_said_to_be_silent_and_not_to_be_broken():
    inputs = merged(talk(3.0), ended(frames(0.0, 3.0, 1), "video", 3.0))
    for estimate in of(play(engine(), inputs), EmotionEstimate):
        assert estimate.missing == {"text": "not speaking", "audio": "not speaking"}


def test_the_speaker_is_decided_anew_while_the_utterance_is_open_and_settled_at_its_end():
    still, moving = (0, 0, 0), (60, 0, 0)
    sight = [*frames(0.0, 2.0, 1, still), *frames(2.0, 3.5, 1, moving), *frames(3.5, 6.0, 1, still)]
    events = play(engine(), merged(talk(6.0, (0.5, 3.5)), ended(sight, "video", 6.0)))
    persons = [u.person for u in of(events, Utterance)]
    assert persons[0] == "unknown"
    assert persons[-1] == "p1"
    assert len(persons) >= 2
