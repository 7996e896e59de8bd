"""The engine of a live run: it never waits, leaves out what piles up, and keeps streams and owners apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import EngineConfig
from core.engine.load_shedding import LoadStep, QueueAges
from core.events import EmotionEstimate, Status, StreamInfo, Transcript, Utterance
from core.inputs import DeviceState
from core.testing import rechunk
from core.work import Failed, Transcribe, Work, WorkResult
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, LIVE, conversations, engine
from tests.core.fakes import Player, chunks, ended, frames, merged, play, voice
from tests.core.laws import check, check_order_of_finals, of

EARLY = EngineConfig.from_mapping({"deterministic": False, "transcript": {"early_final": True}}, where="test")


def talk(duration_s, spans, stream="audio", seed=0):
    return ended(chunks(voice(duration_s, spans, seed), stream, size=512), stream, duration_s)


def transcriptions(player: Player) -> list[Work]:
    return [work for work in player.orders if isinstance(work.payload, Transcribe)]


# --- time --------------------------------------------------------------------------------------------


def test_a_camera_that_is_late_does_not_hold_up_the_voice():
    player = Player(engine(BOTH, LIVE))
    player.feed(talk(4.0, [(0.5, 1.5)])[:-1])
    assert [u.final for u in of(player.events, Utterance)] == [False, True]
    assert player.engine.now_s > 3.9


# --- early final words -------------------------------------------------------------------------------


def test_final_words_are_asked_for_while_the_pause_still_goes_on_and_once():
    player = Player(engine((AUDIO,), EARLY))
    player.feed(talk(4.0, [(0.5, 2.0)]))
    finals = [w for w in transcriptions(player) if w.payload.final]
    assert len(finals) == 1
    closed = of(player.events, Utterance)[-1]
    assert finals[0].issued_t_s < 2.3  # it was decided at 2.5
    payload = finals[0].payload
    assert (payload.start_sample + len(payload.samples)) / 16_000 == closed.t1_s
    check(player.finish())


def test_the_words_are_the_same_as_without_the_head_start():
    inputs = talk(9.0, [(0.5, 2.0), (2.3, 3.4), (5.0, 7.0)])
    texts = []
    for config in (LIVE, EARLY):
        events = play(engine((AUDIO,), config), inputs)
        check(events)
        texts.append([t.text for t in of(events, Transcript) if t.final])
    assert texts[0] == texts[1]


def test_a_speaker_who_goes_on_is_heard_to_the_end():
    player = Player(engine((AUDIO,), EARLY))
    player.feed(talk(6.0, [(0.5, 1.6), (1.95, 4.0)]))
    events = player.finish()
    check(events)
    closed = [u for u in of(events, Utterance) if u.final]
    assert len(closed) == 1
    last = [w for w in transcriptions(player) if w.payload.final][-1].payload
    assert (last.start_sample + len(last.samples)) / 16_000 == closed[0].t1_s
    assert len([w for w in transcriptions(player) if w.payload.final]) == 2


def test_when_the_head_start_fails_the_words_are_asked_for_again():
    failed = []

    def compute(work: Work):
        if isinstance(work.payload, Transcribe) and work.payload.final and not failed:
            failed.append(work)
            return Failed("transcribe: out of memory")
        return fakes.compute(work)

    events = play(engine((AUDIO,), EARLY), talk(4.0, [(0.5, 2.0)]), compute=compute)
    check(events)
    assert failed
    assert len(of(events, Transcript)[-1].words) >= 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conversation=conversations(), seed=st.integers(0, 10_000), eagerness=st.sampled_from([0.0, 0.3, 0.9]))
def test_with_the_head_start_every_run_obeys_the_laws(conversation, seed, eagerness):
    rng = np.random.default_rng(seed)
    run = conversation.engine(EARLY)
    events = play(run, rechunk(conversation.inputs, rng), rng=rng, eagerness=eagerness)
    check(events)
    check_order_of_finals(events)


# --- back-pressure and load --------------------------------------------------------------------------


def test_orders_for_pictures_and_rolling_estimates_never_pile_up_and_those_for_sound_all_come():
    player = Player(engine(BOTH, LIVE), np.random.default_rng(0), eagerness=0.0)
    player.feed(merged(talk(12.0, [(0.5, 11.0)]), ended(frames(0.0, 12.0, 1), "video", 12.0)))
    waiting = [work.kind for work in player.pending]
    assert waiting.count("faces") == 1
    assert waiting.count("encode_visual") == 0
    assert waiting.count("fuse") <= 1
    assert waiting.count("encode_audio") >= 21
    assert [w.payload.final for w in transcriptions(player)].count(False) == 1
    assert player.engine.state.scheduler.left_out["faces"] >= 50
    check(player.finish())


def overload(player: Player, until: LoadStep) -> None:
    t_s = player.engine.now_s
    while player.engine.state.load.step < until:
        t_s += 0.25
        player.push(QueueAges(t_s, {"words": 20.0}))


def test_each_load_step_is_said_and_leaves_out_what_it_says():
    player = Player(engine(BOTH, LIVE))
    overload(player, LoadStep.AUDIO_ONLY)
    said = [(s.code, s.value) for s in of(player.events, Status)]
    steps = ["fewer_faces", "no_partials", "no_text", "audio_only"]  # there is no smaller recogniser here
    assert said == [("load_step", step) for step in steps]
    player.feed(merged(talk(6.0, [(0.5, 3.0)]), ended(frames(0.0, 6.0, 1, (60, 0, 0)), "video", 6.0)))
    events = player.finish()
    check(events)
    assert {work.kind for work in player.orders} == {"encode_audio", "fuse"}
    final = next(e for e in of(events, EmotionEstimate) if e.final)
    assert final.modalities == ("audio",)
    assert "too slow" in final.missing["text"]
    assert "too slow" in final.missing["visual"]


def test_words_under_way_when_words_are_given_up_still_become_final():
    player = Player(engine((AUDIO,), LIVE), np.random.default_rng(0), eagerness=0.0)
    player.feed(talk(6.0, [(0.5, 2.0)])[:-1])
    overload(player, LoadStep.NO_TEXT)
    player.push(ended([], "audio", 6.0)[0])
    check(player.finish())
    assert of(player.events, Transcript)[-1].text


def test_a_small_recogniser_is_asked_for_by_its_step_only():
    player = Player(engine((AUDIO,), LIVE, smaller_whisper=True))
    player.feed(talk(3.0, [(0.5, 1.5)])[:-1])
    overload(player, LoadStep.SMALL_WHISPER)
    player.feed(chunks(voice(3.0, [(0.5, 1.5)]), start=48_000))
    assert [w.payload.small for w in transcriptions(player) if w.payload.final] == [False, True]


# --- streams and owners ------------------------------------------------------------------------------


def test_faces_go_to_the_branch_of_their_own_stream_and_owners_keep_their_names():
    camera, screen = StreamInfo("camera", "video", "me"), StreamInfo("screen", "video")
    mine = ended(frames(0.0, 3.0, 2, stream="camera"), "camera", 3.0)
    theirs = ended(frames(0.0, 3.0, 1, stream="screen"), "screen", 3.0)
    events = play(engine((camera, screen)), merged(mine, theirs))
    persons = {e.person for e in of(events, EmotionEstimate)}
    assert persons == {"me", "me+p2", "p1"}
    appeared = sorted(s.person for s in of(events, Status) if s.code == "person_appeared")
    assert appeared == ["me", "me+p2", "p1"]


def test_two_streams_of_strangers_do_not_share_names():
    streams = (StreamInfo("left", "video"), StreamInfo("right", "video"))
    inputs = merged(*(ended(frames(0.0, 2.0, 1, stream=s.name), s.name, 2.0) for s in streams))
    events = play(engine(streams), inputs)
    assert {e.person for e in of(events, EmotionEstimate)} == {"p1", "right.p1"}


def test_my_moving_mouth_never_speaks_for_the_other_side():
    camera = StreamInfo("camera", "video", "me")
    streams = (StreamInfo("me", "audio", "me"), StreamInfo("them", "audio"), camera)
    inputs = merged(
        talk(5.0, [], "me"),
        talk(5.0, [(1.0, 3.0)], "them"),
        ended(frames(0.0, 5.0, 1, (60, 0, 0), stream="camera"), "camera", 5.0),
    )
    events = play(engine(streams), inputs)
    check(events)
    assert {u.person for u in of(events, Utterance)} == {"unknown"}


@pytest.mark.parametrize(("stream", "modality"), [("audio", "audio"), ("video", "visual")])
def test_a_lost_device_is_the_reason_that_is_given_at_once(stream, modality):
    streams = (StreamInfo("audio", "audio", "me"), StreamInfo("video", "video", "me"))
    player = Player(engine(streams, LIVE))
    inputs = merged(talk(8.0, [(0.5, 7.5)])[:-1], frames(0.0, 8.0, 1, (60, 0, 0)))
    player.feed(inputs[: len(inputs) // 2])
    lost_s = player.engine.now_s
    player.push(DeviceState(stream, lost_s, False, "unplugged", "it was unplugged"))
    player.feed([item for item in inputs[len(inputs) // 2 :] if item.stream != stream])
    later = [e for e in of(player.events, EmotionEstimate) if lost_s + 0.5 < e.t1_s]
    assert later
    assert all(e.missing[modality] == "it was unplugged" for e in later)


def test_the_time_at_which_a_worker_was_done_is_the_stamp():
    run = engine((AUDIO,), LIVE)
    events = []

    def answer(outputs):
        for output in outputs:
            if isinstance(output, Work):
                done_s = output.issued_t_s + {"fuse": 0.3}.get(output.kind, 0.2)
                answer(run.push(WorkResult(output.id, fakes.compute(output), done_s)))
            else:
                events.append(output)

    for item in talk(4.0, [(0.5, 2.0)]):
        answer(run.push(item))
    final = next(e for e in of(events, EmotionEstimate) if e.final)
    decided_s = final.stages.voice_s
    assert final.stages.words_s == pytest.approx(decided_s + 0.2)
    assert final.stages.fused_s >= decided_s + 0.3
    assert final.stages.sent_s is None  # that is for the session to say


# --- everything at once ------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    conversation=conversations(),
    seed=st.integers(0, 10_000),
    eagerness=st.sampled_from([0.0, 0.3, 0.9]),
    failing=st.sampled_from([0.0, 0.2, 0.9]),
    config=st.sampled_from([LIVE, EARLY]),
)
def test_whatever_load_devices_and_workers_do_every_utterance_has_its_final_estimate(
    conversation, seed, eagerness, failing, config
):
    rng = np.random.default_rng(seed)

    def unreliable(work: Work):
        return Failed(f"{work.kind}: no") if rng.random() < failing else fakes.compute(work)

    player = Player(conversation.engine(config), rng=rng, eagerness=eagerness, compute=unreliable)
    streams = [stream.name for stream in conversation.streams]
    for item in rechunk(conversation.inputs, rng):
        player.feed([item])
        t_s = player.engine.now_s
        if rng.random() < 0.3:
            player.push(QueueAges(t_s, {"words": float(rng.choice([0.0, 0.1, 9.0]))}))
        if rng.random() < 0.05:
            there = bool(rng.random() < 0.5)
            player.push(DeviceState(str(rng.choice(streams)), t_s, there, "" if there else "busy", "well"))
    events = player.finish()
    check(events)
    check_order_of_finals(events)
