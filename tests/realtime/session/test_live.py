"""The live session: from hello to end, whatever devices and workers do."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest

from core.errors import SourceError
from core.events import EmotionEstimate, End, Hello, Status, StreamInfo, Transcript, Utterance
from core.inputs import AudioChunk, DeviceState, Gap
from core.work import Transcribe
from realtime.runs.live import with_person
from realtime.session import live
from tests.core import fakes
from tests.core.fakes import chunks, frames, merged, voice
from tests.core.laws import check, check_order_of_finals, of
from tests.realtime.live import ListSink, ScriptedSource, play_live, session_of

ME = (StreamInfo("audio", "audio", "me"),)


def talk(duration_s=6.0, spans=((0.5, 2.0), (3.0, 4.5))):
    return chunks(voice(duration_s, spans), size=512)


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(live, "TICK_S", 0.002)


def test_hello_comes_first_the_end_last_and_every_utterance_has_its_final_estimate(hello):
    events, end = play_live(ScriptedSource(talk()), hello)
    assert isinstance(events[0], Hello)
    assert events[0].started_at != hello.started_at
    check(events)
    check_order_of_finals(events)
    assert (end.reason, end.faults, end.utterances, end.finals) == ("finished", (), 2, 2)
    assert end.t_s == pytest.approx(6.0, abs=0.01)


def test_every_estimate_carries_its_stamps_in_the_order_of_the_stages(hello):
    inputs = merged(talk(), frames(0.0, 6.0, 1, (60, 0, 0)))
    events, _ = play_live(ScriptedSource(inputs), hello)
    estimates = of(events, EmotionEstimate)
    assert estimates
    for estimate in estimates:
        stages = estimate.stages
        assert stages.sent_s is not None
        assert stages.captured_s <= stages.fused_s <= stages.sent_s
        for stamp in (stages.voice_s, stages.words_s, stages.encoded_s):
            assert stamp is None or stamp <= stages.sent_s + 0.04
    finals = [e for e in estimates if e.final]
    assert all(e.stages.words_s is not None and e.stages.encoded_s is not None for e in finals)


def test_an_interrupt_lets_the_last_words_and_their_final_estimate_come(hello):
    interrupted = threading.Event()
    source = ScriptedSource(talk(6.0, [(0.5, 6.0)]))

    def press(item):
        if isinstance(item, AudioChunk) and item.start_sample > 48_000:
            interrupted.set()

    source.pause_at = press
    events, end = play_live(source, hello, interrupted=interrupted)
    check(events)
    assert (end.reason, end.finals) == ("interrupted", 1)
    assert 3.0 <= end.t_s < 4.0
    assert [e.ended_by for e in of(events, Utterance) if e.final] == ["end"]
    assert of(events, Transcript)[-1].text


def test_a_run_of_so_many_seconds_ends_by_itself(hello):
    events, end = play_live(ScriptedSource(talk()), hello, seconds=2.0)
    check(events)
    assert end.reason == "finished"
    assert 2.0 <= end.t_s < 3.0


def test_a_source_that_breaks_ends_the_run_with_its_fault_and_keeps_what_was_heard(hello):
    source = ScriptedSource(talk())

    def tear(item):
        if isinstance(item, AudioChunk) and item.start_sample > 24_000:
            raise SourceError("was torn out.", where="microphone")

    source.pause_at = tear
    events, end = play_live(source, hello)
    check(events)
    assert (end.reason, end.finals) == ("failed", 1)
    assert end.faults == ("microphone: was torn out.",)


def test_without_any_device_the_run_ends_and_says_why(hello):
    states = [DeviceState("audio", t / 2, False, "unplugged", "No microphone is plugged in.") for t in (0, 1)]
    gaps = [Gap("audio", t / 10, (t + 1) / 10, "unplugged") for t in range(100)]
    source = ScriptedSource([states[0], *gaps[:5], states[1], *gaps[5:]], streams=ME)
    events, end = play_live(source, hello)
    assert end.reason == "failed"
    assert end.faults[0].startswith("no device can be used: audio: No microphone is plugged in.")
    assert [s.code for s in of(events, Status)].count("gap") == 1


def test_a_device_that_is_lost_is_a_modality_missing_with_its_reason_and_comes_back(hello):
    sound = talk(8.0, [(0.5, 7.5)])
    sight = [
        *frames(0.0, 3.0, 1, (60, 0, 0)),
        DeviceState("video", 3.0, False, "frozen", "The camera's picture stands still"),
        Gap("video", 3.0, 5.5, "frozen"),
        DeviceState("video", 5.5, True, "", "The camera is back"),
        *frames(5.5, 8.0, 1, (60, 0, 0)),
    ]
    streams = (StreamInfo("audio", "audio", "me"), StreamInfo("video", "video", "me"))
    events, _ = play_live(ScriptedSource(merged(sound, sight), streams=streams), hello)
    check(events)
    codes = [(s.code, s.value) for s in of(events, Status) if s.code.startswith("modality")]
    assert codes == [("modality_missing", "frozen"), ("modality_back", None)]
    reasons = {e.missing.get("visual") for e in of(events, EmotionEstimate) if 3.5 < e.t1_s < 5.4}
    assert "The camera's picture stands still" in reasons
    assert any("visual" in e.modalities for e in of(events, EmotionEstimate) if e.t1_s > 7.0)


def test_what_is_muted_never_reaches_the_engine(hello):
    source = ScriptedSource(talk(8.0, [(0.5, 2.0), (3.5, 5.0), (6.5, 7.5)]), streams=ME)
    sink = ListSink()
    fed = []

    class Tape:
        def write(self, at_s, item):
            fed.append(item)

    session = session_of(source, sink, tape=Tape())

    def mute(item):
        if isinstance(item, AudioChunk) and item.start_sample == 512 * 90:
            session.mute("audio", muted=True)
        if isinstance(item, AudioChunk) and item.start_sample == 512 * 180:
            session.mute("audio", muted=False)

    source.pause_at = mute
    end = session.run(hello)
    session.threads.close()
    assert end.utterances == 2
    assert [s.value for s in of(sink.events, Status) if s.code == "modality_missing"] == ["muted"]
    heard = np.concatenate([i.samples for i in fed if isinstance(i, AudioChunk)])
    loud = np.abs(heard).reshape(-1, 512).mean(axis=1) > 0.1
    assert 70 < loud.sum() < 90  # 2.5 of 4 seconds
    assert next(i.reason for i in fed if isinstance(i, Gap)) == "muted"


def test_words_that_hang_are_given_up_and_the_final_estimate_still_comes(hello, monkeypatch):
    monkeypatch.setattr(live, "FINISH_S", 3.0)
    ticks, release = itertools.count(), threading.Event()

    def hang(order: Transcribe):
        release.wait(20)
        return fakes.transcribe(order)

    source = ScriptedSource(talk(4.0, [(0.5, 2.0)]))
    sink = ListSink()
    session = session_of(
        source, sink, workers={**fakes.WORKERS, "transcribe": hang}, clock=lambda: next(ticks) * 0.01
    )
    end = session.run(hello)
    release.set()
    session.threads.close()
    check(sink.events)
    assert end.finals == 1
    final = next(e for e in of(sink.events, EmotionEstimate) if e.final)
    assert final.modalities == ("audio",)
    assert any("no answer within" in fault for fault in end.faults)


def test_at_the_end_a_recogniser_that_hangs_is_waited_for_five_seconds_and_no_longer(hello):
    ticks, release, interrupted = itertools.count(), threading.Event(), threading.Event()
    pressed_s: list[float] = []

    def hang(order: Transcribe):
        release.wait(20)
        return fakes.transcribe(order)

    def clock():
        return next(ticks) * 0.01

    def press(item):
        if isinstance(item, AudioChunk) and item.start_sample > 24_000 and not interrupted.is_set():
            pressed_s.append(clock())
            interrupted.set()

    source, sink = ScriptedSource(talk(4.0, [(0.5, 4.0)])), ListSink()
    source.pause_at = press
    workers = {**fakes.WORKERS, "transcribe": hang}
    session = session_of(source, sink, workers=workers, clock=clock, interrupted=interrupted)
    end = session.run(hello)
    waited_s = clock() - pressed_s[0]
    release.set()
    session.threads.close()
    check(sink.events)
    assert (end.reason, end.finals) == ("interrupted", 1)
    assert next(e for e in of(sink.events, EmotionEstimate) if e.final).modalities == ("audio",)
    assert waited_s < 7.0
    assert any("within 5 s at the end" in fault for fault in end.faults)


def test_a_worker_that_fails_on_everything_costs_no_final(hello):
    def fail(order):
        raise ZeroDivisionError

    workers = {**fakes.WORKERS, "transcribe": fail, "encode_audio": fail}
    events, end = play_live(ScriptedSource(talk()), hello, workers=workers)
    check(events)
    assert end.finals == 2
    assert all(e.abstained for e in of(events, EmotionEstimate) if e.final)
    assert len([s for s in of(events, Status) if s.code == "model_fault"]) <= 4


def test_samples_lie_on_a_grid_of_sixteen_bits_so_that_a_recording_is_exact(hello):
    fed = []

    class Tape:
        def write(self, at_s, item):
            fed.append(item)

    play_live(ScriptedSource(chunks(np.linspace(-1, 1, 4_000, dtype=np.float32))), hello, tape=Tape())
    samples = np.concatenate([i.samples for i in fed if isinstance(i, AudioChunk)])
    assert samples.dtype == np.float32
    assert (samples * 32_768 == np.round(samples * 32_768)).all()
    assert np.abs(samples).max() <= 1.0


def test_the_other_sides_sound_alone_is_one_person_and_with_faces_it_is_paired_with_them():
    sound, me = StreamInfo("them", "audio"), StreamInfo("camera", "video", "me")
    faces = StreamInfo("screen", "video")
    assert with_person((sound, me)) == (replace(sound, person="them"), me)
    assert with_person((sound, me, faces)) == (sound, me, faces)


def test_an_end_follows_even_when_the_run_is_interrupted_before_anything_came(hello):
    interrupted = threading.Event()
    interrupted.set()
    _, end = play_live(ScriptedSource(talk()), hello, interrupted=interrupted)
    assert isinstance(end, End)
    assert end.reason == "interrupted"
