"""`Engine.cut` and `vad`: windows of a given span, and stages that are handed in."""

from __future__ import annotations

import numpy as np
import pytest

from core.config import EngineConfig
from core.engine.engine import Engine
from core.engine.estimation import KEEP_S
from core.events import Utterance
from core.inputs import AudioChunk, EndOfStream
from core.stages.vad import Vad, VadFrame
from tests.core import fakes
from tests.core.conversations import AUDIO, BOTH, VIDEO
from tests.core.fakes import Player, chunks, ended, frames, merged, voice
from tests.core.laws import of


class Bounded(Vad):
    """Speech from 1 to 2 s, whatever is heard."""

    def push(self, chunk: AudioChunk) -> list[VadFrame]:
        return [
            VadFrame(f.start_sample, float(16_000 <= f.start_sample < 32_000)) for f in super().push(chunk)
        ]


def player(streams=BOTH, **options) -> Player:
    return Player(Engine(EngineConfig(), fakes.spec(), fakes.ScriptedVoice(), streams, **options))


def talk(duration_s, *spans):
    return ended(chunks(voice(duration_s, spans)), "audio", duration_s)


def test_a_window_holds_all_speech_and_the_speaking_face_of_the_span_whoever_it_is():
    run = player()
    sight = ended(frames(0.0, 6.0, 2, (60, 0, 0)), "video", 6.0)
    run.feed(merged(talk(6.0, (1.0, 2.0), (3.0, 4.0)), sight))
    window = run.engine.cut(0.5, 4.5, person="anna")
    assert (window.person, window.t0_s, window.t1_s) == ("anna", 0.5, 4.5)
    assert set(window.tokens) == {"text", "audio", "visual"}
    spoken = [(u.t0_s, u.t1_s) for u in of(run.events, Utterance) if u.final]
    times_s = window.tokens["audio"].times_s + 0.5
    assert all(any(t0_s <= t <= t1_s for t0_s, t1_s in spoken) for t in times_s)
    assert len(window.tokens["visual"]) in (19, 20, 21)  # one face, five times a second
    alone = run.engine.cut(2.4, 2.6)
    assert set(alone.tokens) == {"visual"}
    assert alone.person == "unknown"


def test_a_span_without_anything_gives_a_window_without_modalities():
    run = player((AUDIO,))
    run.feed(talk(3.0))
    assert run.engine.cut(0.0, 3.0).tokens == {}


@pytest.mark.parametrize(("t0_s", "t1_s"), [(2.0, 2.0), (3.0, 1.0)])
def test_an_empty_span_is_refused(t0_s, t1_s):
    with pytest.raises(ValueError, match="empty"):
        player().engine.cut(t0_s, t1_s)


def test_a_span_that_is_partly_forgotten_is_refused():
    run = player((VIDEO,))
    run.feed(ended(frames(0.0, 32.0, 1), "video", 32.0))
    with pytest.raises(ValueError, match="forgotten"):
        run.engine.cut(run.engine.now_s - KEEP_S - 0.1, 10.0)
    assert "visual" in run.engine.cut(run.engine.now_s - KEEP_S + 0.1, 10.0).tokens


def test_a_stage_that_is_handed_in_decides_what_is_speech():
    seen = []

    def bounded(stream):
        seen.append(stream)
        return Bounded(fakes.ScriptedVoice())

    run = player((AUDIO,), vad=bounded)
    run.feed([*chunks(np.zeros(64_000, np.float32)), EndOfStream("audio", 4.0)])
    assert seen == [AUDIO]
    last = of(run.events, Utterance)[-1]
    assert (last.t0_s, last.t1_s) == (pytest.approx(0.8, abs=0.05), pytest.approx(2.2, abs=0.05))


def test_a_snapshot_shares_the_network_and_nothing_else():
    run = player((AUDIO,))
    run.feed(chunks(voice(1.0, [(0.2, 0.9)])))
    stage = run.engine.state.speech["audio"].vad
    copied = run.engine.snapshot().speech["audio"].vad
    assert copied is not stage
    assert copied._network is stage._network
    before = copied.state
    run.feed(chunks(voice(1.0, []), start=16_000))
    assert copied.state is before
