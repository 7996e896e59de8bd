from dataclasses import replace

import numpy as np
import pytest

from core.encoders.silero import FRAME_SAMPLES, SileroVoice
from core.errors import ModelError, StreamGap


@pytest.fixture(scope="module")
def network(weights):
    return SileroVoice(weights("silero-vad") / "silero_vad_16k_op15.onnx")


def vowels(seconds):
    """A buzzing source through three wandering formants: close enough to a voice for the network."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(3)
    count = int(seconds * 16_000)
    t = np.arange(count) / 16_000
    pitch = 120 * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * t))
    source = np.diff(np.floor(np.cumsum(pitch) / 16_000), prepend=0) + 0.01 * rng.standard_normal(count)
    out = np.zeros(count)
    formants = [(700, 1200, 2500), (300, 2200, 3000), (400, 800, 2400)]
    for i, start in enumerate(range(0, count, 3_000)):
        sound = source[start : start + 3_000]
        for f in formants[i % 3]:
            r = np.exp(-np.pi * 90 / 16_000)
            sound = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * f / 16_000), r * r], sound)
        out[start : start + 3_000] = sound * np.hanning(len(sound))
    return (0.3 * out / np.abs(out).max()).astype(np.float32)


def probabilities(network, samples):
    state, found = network.initial_state(), []
    for start in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        probability, state = network.probability(samples[start : start + FRAME_SAMPLES], state)
        found.append(probability)
    return np.array(found)


def test_a_voice_is_likelier_speech_than_silence_and_noise(network):
    rng = np.random.default_rng(0)
    noise = (0.05 * rng.standard_normal(32_000)).astype(np.float32)
    assert probabilities(network, vowels(2)).max() > 0.5
    assert probabilities(network, np.zeros(32_000, np.float32)).max() < 0.2
    assert probabilities(network, noise).max() < 0.5


def test_the_memory_is_a_value_that_no_call_changes(network):
    samples = vowels(1)
    state = network.initial_state()
    for start in range(0, 5 * FRAME_SAMPLES, FRAME_SAMPLES):
        _, state = network.probability(samples[start : start + FRAME_SAMPLES], state)
    kept = replace(state, recurrent=state.recurrent.copy(), context=state.context.copy())
    frame = samples[5 * FRAME_SAMPLES : 6 * FRAME_SAMPLES]
    first, _ = network.probability(frame, state)
    network.probability(np.zeros(FRAME_SAMPLES, np.float32), network.initial_state())
    again, _ = network.probability(frame, state)
    assert first == again
    np.testing.assert_array_equal(state.recurrent, kept.recurrent)
    np.testing.assert_array_equal(state.context, kept.context)


def test_the_context_is_the_end_of_the_frame(network):
    frame = vowels(1)[:FRAME_SAMPLES]
    _, state = network.probability(frame, network.initial_state())
    np.testing.assert_array_equal(state.context, frame[-64:])
    frame[-64:] = 0
    assert state.context.any(), "the state must not look into the caller's buffer"


@pytest.mark.parametrize("shape", [(511,), (513,), (0,), (1, 512)])
def test_a_frame_of_another_length_is_refused(network, shape):
    with pytest.raises(StreamGap, match="512"):
        network.probability(np.zeros(shape, np.float32), network.initial_state())


def test_a_file_that_is_no_network_is_a_model_error(tmp_path):
    bad = tmp_path / "voice.onnx"
    bad.write_bytes(b"this is not a network")
    with pytest.raises(ModelError, match="voice activity") as caught:
        SileroVoice(bad)
    assert caught.value.where == str(bad)


def test_an_absent_file_is_a_model_error(tmp_path):
    with pytest.raises(ModelError):
        SileroVoice(tmp_path / "absent.onnx")
