"""Inputs that make no sense are refused, and those that lead far ahead are not walked through."""

from __future__ import annotations

import math

import numpy as np
import pytest

import core.engine.engine as engine_module
from core.engine.input_checks import LATEST_S, fitting
from core.engine.load_shedding import QueueAges
from core.errors import SourceError
from core.events import EmotionEstimate, Status, Utterance
from core.inputs import AudioChunk, ClockState, DeviceState, EndOfStream, Gap, Tick, VideoFrame
from core.work import Failed, Fused, Hypothesis, WorkResult
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, CONFIG, LIVE, engine
from tests.core.fakes import Player, chunks, ended, frames, merged, voice
from tests.core.laws import check, of

SILENCE = np.zeros(512, np.float32)
IMAGE = np.zeros((2, 3, 3), np.uint8)
NO_TIMES = [math.nan, math.inf, -math.inf, 1e12, 1e300, -2 * LATEST_S]


@pytest.mark.parametrize("t_s", NO_TIMES)
@pytest.mark.parametrize(
    "made",
    [
        lambda t_s: VideoFrame("video", t_s, IMAGE),
        lambda t_s: Gap("audio", 0.0, t_s, "a hole"),
        lambda t_s: Gap("video", t_s, 2.0, "a hole"),
        lambda t_s: EndOfStream("audio", t_s),
        Tick,
        lambda t_s: DeviceState("audio", t_s, False, "busy", "It is busy."),
        lambda t_s: ClockState("audio", 1.0, 0.0, t_s, 0.1),
        lambda t_s: QueueAges(1.0, {"words": t_s}),
        lambda t_s: WorkResult(1, Failed("no"), done_s=t_s),
    ],
)
@pytest.mark.parametrize("config", [CONFIG, LIVE])
def test_a_time_that_is_none_is_refused_and_changes_nothing(config, made, t_s):
    run = engine(BOTH, config)
    with pytest.raises(SourceError, match="stream time counts seconds from the start of the run"):
        run.push(made(t_s))
    assert (run.backlog, run.now_s) == (engine(BOTH, config).backlog, 0.0)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (AudioChunk("microphone", 0, SILENCE), "no audio stream 'microphone'; announced were: audio"),
        (AudioChunk("video", 0, SILENCE), "no audio stream 'video'"),
        (VideoFrame("audio", 0.0, IMAGE), "no video stream 'audio'; announced were: video"),
        (Gap("screen", 0.0, 1.0, "a hole"), "no known stream 'screen'; announced were: audio, video"),
        (EndOfStream("screen", 0.0), "no known stream 'screen'"),
        (Gap("audio", 3.0, 2.0, "a hole"), "a gap from 3.000 s back to 2.000 s"),
        (AudioChunk("audio", 0, SILENCE + np.float32("nan")), "samples that are no numbers"),
        (AudioChunk("audio", 10**13, SILENCE), "has a time of 6.25e+08"),
    ],
)
def test_what_fits_no_stream_is_refused(item, message):
    with pytest.raises(SourceError, match=message.replace("+", r"\+")):
        engine().push(item)


@pytest.fixture
def hops(monkeypatch):
    """How many hops were worked through."""
    walked = []
    emit = engine_module.emit_rolling

    def counted(state):
        walked.append(state.now_s)
        return emit(state)

    monkeypatch.setattr(engine_module, "emit_rolling", counted)
    return walked


@pytest.mark.parametrize("config", [CONFIG, LIVE])
@pytest.mark.parametrize("stream", ["audio", "video"])
def test_a_gap_of_hours_is_not_walked_through(hops, config, stream):
    far_s = 8_000.0
    end_s = {"audio": 3.0, "video": 3.0} | {stream: far_s + 3.0}
    sound = chunks(voice(3.0, [(0.5, 3.0)]))
    sight = frames(0.0, 3.0, 1, (60, 0, 0))
    gap = Gap(stream, 3.0, far_s, "a hole")
    later = (
        chunks(voice(3.0, [(1.0, 2.0)]), start=round(far_s * 16_000))
        if stream == "audio"
        else frames(far_s, far_s + 3.0, 1)
    )
    inputs = [*merged(sound, sight), gap, *later]
    inputs += [EndOfStream(name, t_s) for name, t_s in end_s.items()]
    player = Player(engine(BOTH, config))
    player.feed(inputs)
    events = player.finish()
    check(events)
    assert len(hops) < 400
    assert next(u.ended_by for u in of(events, Utterance) if u.final) in ("gap", "end")
    assert player.engine.now_s >= far_s


@pytest.mark.parametrize("config", [CONFIG, LIVE])
def test_a_tick_far_ahead_is_not_walked_through(hops, config):
    player = Player(engine(BOTH, config))
    player.feed([*merged(chunks(voice(3.0, [(0.5, 2.0)])), frames(0.0, 3.0, 1, (60, 0, 0))), Tick(LATEST_S)])
    assert len(hops) < 400
    assert [s.code for s in of(player.events, Status)][-1] == "person_left"
    player.feed([EndOfStream("audio", LATEST_S), EndOfStream("video", LATEST_S)])
    check(player.finish())


def test_a_live_tick_far_ahead_is_not_walked_through_while_somebody_speaks(hops):
    player = Player(engine((AUDIO,), LIVE))
    player.feed([*chunks(voice(3.0, [(0.5, 3.0)])), Tick(LATEST_S)])
    assert len(hops) < 400
    assert not [u for u in of(player.events, Utterance) if u.final]


def test_hops_go_on_where_they_fall_after_a_long_silence():
    inputs = [*chunks(voice(100.0, [(98.0, 99.5)]))]
    player = Player(engine((AUDIO,)))
    player.feed(ended(inputs, "audio", 100.0))
    rolling = [e.t1_s for e in of(player.finish(), EmotionEstimate) if not e.final]
    assert rolling
    assert all((t_s / CONFIG.estimates.hop_s).is_integer() for t_s in rolling)


def test_a_result_that_fits_no_job_counts_as_a_failure_and_the_run_goes_on():
    def wrong(work):
        others = {"fuse": Fused(()), "faces": Hypothesis("u1", (), "", final=False)}
        return others.get(work.kind) or fakes.compute(work)

    player = Player(engine(BOTH), compute=wrong)
    player.feed(
        merged(
            ended(chunks(voice(4.0, [(0.5, 2.0)])), "audio", 4.0),
            ended(frames(0.0, 4.0, 1, (60, 0, 0)), "video", 4.0),
        )
    )
    events = player.finish()
    check(events)
    said = {s.message.partition(":")[0] for s in of(events, Status) if s.code == "model_fault"}
    assert said == {"fuse", "faces"}
    assert all(e.abstained for e in of(events, EmotionEstimate) if e.final)


def test_results_that_fit_pass():
    hypothesis, failed = Hypothesis("u1", (), "", final=True), Failed("no")
    assert fitting("transcribe", hypothesis) is hypothesis
    assert fitting("faces", failed) is failed
    assert fitting("faces", hypothesis) == Failed("faces: the result is of another kind of work")
    assert fitting("fuse", Fused(()), 2) == Failed("fuse: 0 outputs came for 2 windows")
