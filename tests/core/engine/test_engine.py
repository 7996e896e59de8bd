"""The engine on conversations made by hand: what is said when, and what becomes of holes and ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.errors import StreamGap
from core.events import EmotionEstimate, Status, StreamInfo, Transcript, Utterance
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, Tick
from core.labels import MODALITIES
from core.work import EncodeAudio, Failed, Hypothesis, Transcribe, Word, Work, WorkResult
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, CONFIG, LIVE, VIDEO, engine
from tests.core.fakes import FRAME_S, Player, chunks, ended, frames, lines, merged, play, voice
from tests.core.laws import by, check, check_order_of_finals, of


def talk(duration_s, spans, stream="audio"):
    """A stream with speech in `spans`."""
    return ended(chunks(voice(duration_s, spans), stream), stream, duration_s)


def watched(duration_s, faces=1, motion=(60, 0, 0)):
    return ended(frames(0.0, duration_s, faces, motion), "video", duration_s)


# --- what is said ------------------------------------------------------------------------------------


def test_speech_with_a_moving_mouth_becomes_an_utterance_of_that_person_with_words_and_estimates():
    events = play(engine(), merged(talk(5.0, [(1.0, 3.0)]), watched(5.0)))
    check(events)
    opened, *_, closed = of(events, Utterance)
    assert (opened.id, opened.final) == ("u1", False)
    assert (closed.person, closed.ended_by, closed.final) == ("p1", "pause", True)
    assert closed.t0_s == pytest.approx(0.8, abs=0.05)
    assert closed.t1_s == pytest.approx(3.2, abs=0.05)
    final = of(events, EmotionEstimate)[-1] if of(events, EmotionEstimate)[-1].final else None
    final = final or next(e for e in of(events, EmotionEstimate) if e.final)
    assert final.modalities == MODALITIES
    assert final.missing == {}
    assert len(of(events, Transcript)[-1].words) >= 5


def test_a_person_who_is_seen_but_does_not_speak_has_rolling_estimates_on_the_hops():
    events = play(engine((VIDEO,)), watched(3.0))
    estimates = of(events, EmotionEstimate)
    assert not of(events, Utterance)
    assert {e.id for e in estimates} == {"p1/1"}
    hops = [e.t1_s for e in estimates]
    assert hops == pytest.approx(list(np.arange(hops[0], 3.0 + 0.01, 0.25)))
    assert not any(e.final for e in estimates)


def test_sound_alone_gives_utterances_of_an_unknown_person():
    events = play(engine((AUDIO,)), talk(4.0, [(0.5, 2.0)]))
    check(events)
    assert {e.person for e in of(events, EmotionEstimate)} == {"unknown"}
    assert {e.missing["visual"] for e in of(events, EmotionEstimate)} == {"no video"}


def test_silence_without_pictures_says_nothing():
    assert play(engine((AUDIO,)), talk(3.0, [])) == []


def test_streams_that_end_at_once_say_nothing_and_finish():
    run = engine()
    assert play(run, [EndOfStream("video", 0.0), EndOfStream("audio", 0.0)]) == []
    assert run.finished


def test_a_source_without_streams_is_finished_from_the_start():
    assert engine(()).finished


def test_streams_that_belong_to_a_person_speak_for_that_person():
    streams = (StreamInfo("mic", "audio", "me"), StreamInfo("far", "audio", "them"))
    inputs = merged(talk(6.0, [(0.5, 2.0), (4.0, 5.0)], "mic"), talk(6.0, [(1.5, 3.0)], "far"))
    events = play(engine(streams), inputs)
    check(events)
    check_order_of_finals(events)
    finals = [(e.id, e.person) for e in of(events, EmotionEstimate) if e.final]
    assert finals == [("u1", "me"), ("u2", "them"), ("u3", "me")]


def test_rolling_estimates_between_two_utterances_count_from_a_new_id():
    still, moving = (0, 0, 0), (60, 0, 0)
    parts = [(0.0, 1.0, still), (1.0, 2.0, moving), (2.0, 5.0, still), (5.0, 6.0, moving), (6.0, 9.0, still)]
    sight = [frame for t0_s, t1_s, motion in parts for frame in frames(t0_s, t1_s, 1, motion)]
    events = play(engine(), merged(talk(9.0, [(1.0, 2.0), (5.0, 6.0)]), ended(sight, "video", 9.0)))
    check(events)
    own = [e.id for e in of(events, EmotionEstimate) if e.person == "p1"]
    assert [name for name, _ in itertools.groupby(own)] == ["p1/1", "u1", "p1/2", "u2", "p1/3"]


def test_an_utterance_of_a_fifth_of_a_second_gets_its_transcript_and_final_estimate():
    events = play(engine((AUDIO,)), talk(3.0, [(1.0, 1.2)]))
    check(events)
    assert [u.ended_by for u in of(events, Utterance) if u.final] == ["pause"]


def test_a_monologue_of_ninety_seconds_is_cut_into_utterances_without_a_hole_between_them():
    events = play(engine((AUDIO,)), talk(92.0, [(1.0, 91.0)]))
    check(events)
    closed = [u for u in of(events, Utterance) if u.final]
    assert len(closed) >= 8
    assert {u.ended_by for u in closed[:-1]} == {"max_length"}
    assert all(u.t1_s - u.t0_s <= CONFIG.voice.max_turn_s for u in closed)
    assert all(a.t1_s == b.t0_s for a, b in itertools.pairwise(closed))


def test_at_a_forced_split_every_word_stands_once_and_in_its_own_utterance():
    """The split lies seconds before the place at which it is decided; partial words have gone beyond it."""

    def compute(work):
        if not isinstance(work.payload, Transcribe):
            return fakes.compute(work)
        order = work.payload  # a word every half second of the stream, whatever part of it is heard
        t0_s = order.start_sample / SAMPLE_RATE
        t1_s = t0_s + len(order.samples) / SAMPLE_RATE
        numbers = [n for n in range(1, 100) if t0_s <= 0.5 * n - 0.05 and 0.5 * n + 0.4 <= t1_s]
        words = tuple(Word(f"w{n}", 0.5 * n, 0.5 * n + 0.3, 0.9) for n in numbers)
        return Hypothesis(order.utterance, words, "en", order.final)

    # the voice grows quiet for a moment at 9.5 s, so that the split falls there
    loud = voice(30.0, [(1.0, 9.42), (9.48, 21.0), (21.05, 29.0)])
    often = CONFIG.transcript.model_copy(update={"first_partial_s": 0.5, "partial_every_s": 0.5})
    run = engine((AUDIO,), CONFIG.model_copy(update={"transcript": often}))
    events = play(run, ended(chunks(loud), "audio", 30.0), compute=compute)
    check(events)
    finals = [t for t in of(events, Transcript) if t.final]
    said = [word.text for transcript in finals for word in transcript.words]
    assert {u.ended_by for u in of(events, Utterance) if u.final} >= {"max_length"}
    assert len(said) == len(set(said))
    assert len(said) > 40


def test_an_utterance_that_lasts_to_the_last_sample_ends_with_the_stream():
    events = play(engine((AUDIO,)), ended(chunks(voice(2.3337, [(1.0, 2.3337)])), "audio", 2.3337))
    check(events)
    closed = of(events, Utterance)[-1]
    assert closed.ended_by == "end"
    assert closed.t1_s == pytest.approx(2.3337, abs=1 / SAMPLE_RATE)


def test_a_duration_shorter_than_the_samples_cuts_nothing_off():
    samples = chunks(voice(2.0, [(0.5, 2.0)]))
    assert lines(play(engine((AUDIO,)), ended(samples, "audio", 1.5))) == lines(
        play(engine((AUDIO,)), ended(samples, "audio", 2.0))
    )


def test_partial_transcripts_come_while_the_utterance_is_open_and_only_grow():
    events = play(engine((AUDIO,)), talk(8.0, [(0.5, 7.0)]))
    transcripts = of(events, Transcript)
    assert len(transcripts) >= 4
    assert transcripts[1].text
    assert transcripts[0].pending
    check(events)


# --- holes -------------------------------------------------------------------------------------------


def test_a_hole_in_the_sound_ends_the_utterance_there_and_is_said():
    first = chunks(voice(2.0, [(0.5, 2.0)]))
    second = chunks(voice(2.0, [(0.3, 1.0)]), start=40_000)
    inputs = [*first, Gap("audio", 2.0, 2.5, "the microphone was unplugged"), *second]
    events = play(engine((AUDIO,)), ended(inputs, "audio", 4.5))
    check(events)
    closed = [u for u in of(events, Utterance) if u.final]
    assert [(u.ended_by, u.t1_s) for u in closed] == [("gap", 2.0), ("pause", closed[1].t1_s)]
    (status,) = of(events, Status)
    assert (status.code, status.level, status.stream, status.t_s) == ("gap", "warning", "audio", 2.0)
    assert "the microphone was unplugged" in status.message


def test_samples_after_a_hole_never_count_for_the_speech_before_it():
    sound = [
        *chunks(voice(2.2, [(0.5, 2.2)])),
        Gap("audio", 2.2, 2.3, "a hole"),
        *chunks(voice(1.0, [(0.0, 1.0)], seed=5), start=36_800),
        EndOfStream("audio", 3.3),
    ]
    sight = watched(3.3)
    blocks = []
    for inputs in ([*sound, *sight], merged(sound, sight)):
        player = Player(engine())
        player.feed(inputs)
        player.finish()
        payloads = [w.payload for w in player.orders if isinstance(w.payload, EncodeAudio)]
        blocks.append([(b.start_sample, b.samples.tobytes()) for b in payloads])
    assert blocks[0] == blocks[1]


def test_a_hole_right_behind_a_frame_of_the_voice_network_comes_after_it_in_any_interleaving():
    samples = voice(2.048, [(0.5, 2.048)])  # 64 frames exactly
    sound = ended([*chunks(samples), Gap("audio", 2.048, 2.548, "a hole")], "audio", 2.548)
    sight = watched(3.0)
    together = lines(play(engine(), merged(sound, sight)))
    assert lines(play(engine(), [*sound, *sight])) == together
    assert lines(play(engine(), [*sight, *sound])) == together


def test_an_unannounced_hole_in_the_sound_is_refused():
    run = engine((AUDIO,))
    run.push(AudioChunk("audio", 0, np.zeros(512, np.float32)))
    with pytest.raises(StreamGap, match="audio"):
        run.push(AudioChunk("audio", 1024, np.zeros(512, np.float32)))


def test_the_picture_after_a_hole_is_not_compared_with_the_one_before_it():
    inputs = [*frames(0.0, 2.0, 1), Gap("video", 2.0, 4.0, "a stall"), *frames(4.0, 6.0, 1)]
    player = Player(engine((VIDEO,)))
    player.feed(ended(inputs, "video", 6.0))
    player.finish()
    looks = {w.payload.t_s: w.payload for w in player.orders if w.kind == "faces"}
    assert looks[4.0].previous is None
    assert looks[1.8].previous is not None
    assert looks[1.8].elapsed_s == pytest.approx(FRAME_S)


@pytest.mark.parametrize(("still", "left"), [(True, []), (False, ["p1"])])
def test_a_still_picture_of_some_seconds_ends_nobody_and_pictures_that_are_lost_do(still, left):
    hole = Gap("video", 2.0, 6.0, "no pictures", still=still)
    events = play(engine((VIDEO,)), ended([*frames(0.0, 2.0, 1), hole, *frames(6.0, 8.0, 1)], "video", 8.0))
    assert [s.person for s in of(events, Status) if s.code == "person_left"] == left
    assert {e.person for e in of(events, EmotionEstimate)} == {"p1"}


def test_a_person_leaves_when_the_pictures_have_ended():
    inputs = merged(talk(8.0, []), watched(2.0))
    left = [s for s in of(play(engine(), inputs), Status) if s.code == "person_left"]
    assert [s.person for s in left] == ["p1"]
    assert 2.0 < left[0].t_s <= 2.0 + CONFIG.faces.lost_after_s + 0.25


def test_faces_are_looked_for_at_the_configured_rate():
    player = Player(engine((VIDEO,)))
    player.feed(watched(4.0))
    player.finish()
    assert len([w for w in player.orders if w.kind == "faces"]) == 20


# --- time --------------------------------------------------------------------------------------------


def test_stream_time_stands_still_until_an_order_that_is_due_is_answered():
    player = Player(engine((VIDEO,)), np.random.default_rng(0), eagerness=0.0)
    player.feed(frames(0.0, 2.0, 1))
    assert player.engine.waiting
    assert player.engine.now_s <= CONFIG.latency_s.faces
    assert player.engine.backlog >= 15
    player.deliver()
    assert player.engine.now_s > CONFIG.latency_s.faces


def test_a_live_run_does_not_wait_for_results():
    player = Player(engine((VIDEO,), LIVE), np.random.default_rng(0), eagerness=0.0)
    player.feed(frames(0.0, 2.0, 1))
    assert not player.engine.waiting
    assert player.engine.now_s > 1.7


def test_a_tick_lets_time_pass_on_a_silent_stream():
    for config in (LIVE, CONFIG):
        run = Player(engine(BOTH, config))
        run.feed(frames(0.0, 1.0, 1))
        assert not [s for s in of(run.events, Status) if s.code == "person_left"]
        run.push(Tick(12.0))
        while run.pending:
            run.deliver()
        assert [s.code for s in of(run.events, Status)] == ["person_appeared", "person_left"]


def test_a_result_that_nobody_asked_for_changes_nothing():
    run = engine((AUDIO,))
    assert run.push(WorkResult(99, Failed("who are you"))) == []
    assert run.finished is False


def test_an_answer_that_comes_twice_counts_once():
    inputs = talk(4.0, [(0.5, 2.0)])

    class Twice(Player):
        def deliver(self):
            work = self.pending.pop(0)
            for _ in range(2):
                self.push(WorkResult(work.id, fakes.compute(work)))

    twice = Twice(engine((AUDIO,)))
    twice.feed(inputs)
    assert lines(twice.finish()) == lines(play(engine((AUDIO,)), inputs))


# --- faults ------------------------------------------------------------------------------------------


def breaking(*kinds):
    """Workers of which some kinds always fail."""

    def compute(work: Work):
        return Failed(f"{work.kind}: broken") if work.kind in kinds else fakes.compute(work)

    return compute


@pytest.mark.parametrize(
    ("broken", "used"),
    [
        ((), "text+audio+visual"),
        (("transcribe",), "audio+visual"),
        (("encode_text",), "audio+visual"),
        (("encode_audio",), "text+visual"),
        (("encode_visual",), "text+audio"),
        (("encode_text", "encode_audio"), "visual"),
        (("encode_text", "encode_visual"), "audio"),
        (("encode_audio", "encode_visual"), "text"),
    ],
)
def test_each_of_the_seven_patterns_of_availability_has_its_final_estimate(broken, used):
    inputs = merged(talk(5.0, [(1.0, 3.0)]), watched(5.0))
    events = play(engine(), inputs, compute=breaking(*broken))
    check(events)
    final = next(e for e in of(events, EmotionEstimate) if e.final)
    assert "+".join(final.modalities) == used


def test_when_every_encoder_fails_the_utterance_still_ends_and_its_final_estimate_abstains():
    inputs = merged(talk(5.0, [(1.0, 3.0)]), watched(5.0))
    broken = breaking("encode_text", "encode_audio", "encode_visual")
    events = play(engine(), inputs, compute=broken)
    check(events)
    (estimate,) = of(events, EmotionEstimate)
    assert (estimate.final, estimate.abstained, estimate.modalities) == (True, True, ())
    assert estimate.confidence == 0.0
    assert set(estimate.missing) == set(MODALITIES)
    assert set(estimate.probabilities.values()) == {0.0}
    assert [s.level for s in of(events, Status) if s.code == "abstained"] == ["warning"]
    assert of(events, Transcript)[-1].final
    assert of(events, Utterance)[-1].final


def test_when_the_fusion_of_a_final_window_fails_the_estimate_abstains_and_the_next_one_comes():
    failed = []

    def compute(work: Work):
        if work.kind == "fuse" and not failed and work.payload.windows[0].t1_s < 2.0 < work.issued_t_s:
            failed.append(work)
            return Failed("fuse: out of memory")
        return fakes.compute(work)

    events = play(engine((AUDIO,)), talk(6.0, [(0.5, 1.5), (3.0, 4.0)]), compute=compute)
    check(events)
    finals = [e for e in of(events, EmotionEstimate) if e.final]
    assert failed
    assert [(e.id, e.abstained) for e in finals] == [("u1", True), ("u2", False)]


def test_a_worker_that_never_works_is_said_now_and_then_with_what_was_left_unsaid():
    inputs = merged(talk(31.0, [(1.0, 30.0)]), watched(31.0))
    events = play(engine(), inputs, compute=breaking("encode_visual"))
    messages = [s.message for s in of(events, Status) if s.code == "model_fault"]
    assert len(messages) == 4
    assert messages[0] == "encode_visual: broken"
    assert messages[1].startswith("encode_visual: broken (")


def test_the_run_ends_where_its_streams_end_and_not_at_the_next_hop():
    run = engine((AUDIO,))
    play(run, ended(chunks(voice(2.06, [])), "audio", 2.06))
    assert run.now_s == pytest.approx(2.06)


def test_when_the_last_recognition_fails_the_newest_partial_words_become_final():
    def compute(work: Work):
        if isinstance(work.payload, Transcribe) and work.payload.final:
            return Failed("transcribe: out of memory")
        return fakes.compute(work)

    events = play(engine((AUDIO,)), talk(6.0, [(0.5, 4.0)]), compute=compute)
    check(events)
    assert of(events, Transcript)[-1].final
    assert len(of(events, Transcript)[-1].words) >= 5


class Holding(Player):
    """Answers at once, except the orders that `held` names: those come last of all, in order."""

    def __init__(self, engine, held):
        super().__init__(engine)
        self.held, self.late = held, []

    def deliver(self):
        work = self.pending.pop(0)
        if self.held(work):
            self.late.append(work)
        else:
            self.push(WorkResult(work.id, fakes.compute(work)))

    def let_go(self):
        for work in self.late:
            self.push(WorkResult(work.id, fakes.compute(work)))
            while self.pending:
                super().deliver()


def words_of_the_first(work: Work) -> bool:
    return work.kind == "encode_text" and work.payload.utterance == "u1"


def the_first_fusion_with_a_whole_utterance(work: Work) -> bool:
    return work.kind == "fuse" and work.payload.windows[0].t1_s < 2.0 - 0.2 < work.issued_t_s < 2.6


@pytest.mark.parametrize("held", [words_of_the_first, the_first_fusion_with_a_whole_utterance])
def test_final_estimates_of_a_stream_come_in_order_however_late_a_result_is(held):
    player = Holding(engine((AUDIO,), LIVE), held)
    player.feed(talk(6.0, [(0.5, 1.5), (3.0, 4.0)]))
    assert player.late
    assert not [e for e in of(player.events, EmotionEstimate) if e.final]
    player.let_go()
    events = player.finish()
    check(events)
    assert [e.id for e in of(events, EmotionEstimate) if e.final] == ["u1", "u2"]


def test_words_that_were_replaced_in_the_meantime_are_not_estimated_from():
    """An older text that is encoded after a newer one must not win."""
    texts = itertools.count()
    player = Holding(engine((AUDIO,), LIVE), lambda w: w.kind == "encode_text" and next(texts) == 0)
    player.feed(talk(5.0, [(0.5, 3.0)]))
    player.let_go()
    player.finish()
    words = [order.payload.words for order in player.orders if order.kind == "encode_text"]
    windows = [w for order in player.orders if order.kind == "fuse" for w in order.payload.windows]
    assert len(words[0]) < len(words[-1])
    assert len(windows[-1].tokens["text"]) == len(words[-1])


# --- memory ------------------------------------------------------------------------------------------


def test_ten_minutes_leave_no_more_behind_than_one_does():
    def conversation(start, minutes):
        for minute in range(start, start + minutes):
            spans = [(2.0, 5.0), (8.0, 8.3), (20.0, 50.0)]
            sound = chunks(voice(60.0, spans), start=minute * 60 * SAMPLE_RATE)
            yield from merged(sound, frames(minute * 60.0, minute * 60.0 + 60.0, 1, (60, 0, 0)))

    config = CONFIG.model_copy(update={"estimates": CONFIG.estimates.model_copy(update={"hop_s": 1.0})})
    player = Player(engine(BOTH, config))
    player.feed(conversation(0, 2))
    early = sizes(player.engine)
    for minute in range(2, 10):
        player.feed(conversation(minute, 1))
    late = sizes(player.engine)
    assert by(of(player.events, Utterance), "id").keys() >= {f"u{i}" for i in range(1, 40)}
    for name, size in late.items():
        assert size <= early[name] * 1.2 + 5, name


def sizes(run) -> dict[str, int]:
    """How many things each part of an engine holds."""
    state = run.state
    speech, speaker = state.speech["audio"], state.speech["audio"].active_speaker.state
    return {
        "utterances": len(state.utterances),
        "audio runs": sum(len(u.audio) for u in state.utterances.values()),
        "of the stream": len(speech.utterances),
        "samples": sum(len(frame) for frame in speech.buffer._frames.values()),
        "recent": len(speech.endpointer.state.recent),
        "voices": len(speaker.voice),
        "mouths": sum(map(len, speaker.mouths.values())),
        "face tokens": sum(map(len, state.faces._tracks.values())),
        "tracks": len(state.vision["video"].tracks.state.tracks),
        "transcripts": len(speech.transcription.transcripts.state),
        "jobs": len(state.scheduler.owners),
        "parked": len(state.timeline._heap),
        "expected": len(state.timeline._expected),
        "orders": len(state.scheduler.issued),
        "quiet": len(state.estimator._quiet),
        "smoothed": len(state.estimator.smoother._memory),
    }
