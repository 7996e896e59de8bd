"""The real network, cut in two, says what it says in one piece; and it tells voices apart."""

import numpy as np
import pytest

from core.encoders.kaldi_fbank import fbank
from core.encoders.speaker import FEATURE_SAMPLES, LOOKAHEAD_SAMPLES, SpeakerNetwork
from core.errors import ModelError


@pytest.fixture(scope="module")
def path(weights):
    return weights("wespeaker") / "model.onnx"


@pytest.fixture(scope="module")
def network(path):
    return SpeakerNetwork(path)


def buzz(pitch_hz, seconds=3.0, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + 0.05 * np.sin(2 * np.pi * 2.1 * t))) / 16_000
    tone = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.1 * tone + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


def embed(network, samples):
    count = (len(samples) - LOOKAHEAD_SAMPLES) // FEATURE_SAMPLES
    return network.head.embed(network.features(samples[: count * FEATURE_SAMPLES + LOOKAHEAD_SAMPLES], count))


def test_trunk_and_head_are_the_whole_network(network, path):
    from core.onnx_session import open_session

    samples = buzz(140.0)[: 30 * FEATURE_SAMPLES + LOOKAHEAD_SAMPLES]
    energies = fbank(samples)
    (whole,) = open_session(path, threads=1, log_severity=4).run(
        None, {"input_features": (energies - energies.mean(axis=0))[None]}
    )
    halves = network.head.embed(network.features(samples, 30))
    assert float(halves @ whole[0] / np.linalg.norm(whole[0])) > 0.9999


def test_embeddings_have_length_one_and_the_same_voice_is_nearer_than_another(network):
    low, again, high = (embed(network, s) for s in (buzz(95.0), buzz(95.0, seed=1), buzz(260.0)))
    assert np.linalg.norm(low) == pytest.approx(1.0, abs=1e-5)
    assert float(low @ again) > float(low @ high) + 0.1


def test_what_was_not_heard_does_not_count_as_the_channel(network):
    samples = buzz(140.0)
    padded = np.concatenate([np.zeros(16_000, np.float32), samples])
    assert (
        float(
            embed(network, samples)
            @ network.head.embed(network.features(padded[: 49 * FEATURE_SAMPLES + LOOKAHEAD_SAMPLES], 30))
        )
        > 0.9
    )


def test_another_file_is_refused_with_what_to_do(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"no network")
    with pytest.raises(ModelError, match="models verify"):
        SpeakerNetwork(file)
