import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encoders.silero import VoiceState
from core.errors import StreamGap
from core.inputs import AudioChunk
from core.stages.vad import Vad


class Loudness:
    """Stands in for the network: half the frame's mean and half what it remembers of the frames before."""

    def initial_state(self):
        return VoiceState(np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32))

    def probability(self, frame, state):
        assert frame.shape == (512,)
        level = 0.5 * float(np.abs(frame).mean()) + 0.5 * float(state.recurrent[0, 0, 0])
        return level, VoiceState(np.full((2, 1, 128), level, np.float32), frame[-64:])


def run(cuts, samples, start=0):
    voice, frames = Vad(Loudness()), []
    for a, b in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        frames += voice.push(AudioChunk("audio", start + a, samples[a:b]))
    return frames


SAMPLES = np.random.default_rng(1).uniform(-1, 1, 5_000).astype(np.float32)


@given(st.lists(st.integers(0, len(SAMPLES)), max_size=20).map(sorted), st.integers(0, 10**9))
def test_chunked_equals_whole(cuts, start):
    whole = run([], SAMPLES, start)
    assert run(cuts, SAMPLES, start) == whole
    assert [f.start_sample for f in whole] == [start + 512 * i for i in range(9)]


def test_a_hole_must_be_reported_first():
    voice = Vad(Loudness())
    voice.push(AudioChunk("audio", 0, SAMPLES[:700]))
    with pytest.raises(StreamGap, match="700"):
        voice.push(AudioChunk("audio", 900, SAMPLES[:700]))


def test_after_a_gap_frames_begin_where_the_audio_does_and_nothing_is_remembered():
    voice = Vad(Loudness())
    voice.push(AudioChunk("audio", 0, SAMPLES[:700]))
    voice.gap()
    assert voice.push(AudioChunk("audio", 9_000, SAMPLES)) == run([], SAMPLES, 9_000)


def test_the_state_can_be_put_back():
    voice = Vad(Loudness())
    voice.push(AudioChunk("audio", 0, SAMPLES[:1_300]))
    kept = voice.state
    after = voice.push(AudioChunk("audio", 1_300, SAMPLES[1_300:]))
    voice.state = kept
    assert voice.push(AudioChunk("audio", 1_300, SAMPLES[1_300:])) == after
