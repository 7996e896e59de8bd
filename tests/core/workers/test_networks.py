"""Workers of the checkpoint's networks: each order has its outcome; real networks, random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from core.backends.base import NETWORKS
from core.backends.networks import Networks
from core.backends.onnx import OnnxNetwork
from core.inputs import SAMPLE_RATE
from core.spec import read_spec
from core.window import Window
from core.work import EncodeAudio, EncodeText, EncodeVisual, Fuse
from core.workers.networks import NetworkWorkers


@pytest.fixture(scope="module")
def workers(random_checkpoint, exported, weights):
    runners = {name: OnnxNetwork(exported / f"{name}.onnx") for name in NETWORKS}
    return NetworkWorkers(Networks(read_spec(random_checkpoint), runners, weights))


@pytest.fixture(scope="module")
def tokens(workers):
    samples = np.random.default_rng(1).normal(size=2 * SAMPLE_RATE).astype(np.float32) * 0.1
    return {
        "text": workers.encode_text(EncodeText("u1", ("what", "a", "day"), (8.1, 8.3, 8.6))).tokens,
        "audio": workers.encode_audio(EncodeAudio(8 * SAMPLE_RATE, samples, SAMPLE_RATE // 2)).tokens,
    }


def test_text_comes_back_with_its_utterance_and_its_times(workers):
    found = workers.encode_text(EncodeText("u4", ("what", "a", "day"), (8.1, 8.3, 8.6)))
    assert found.utterance == "u4"
    assert found.tokens.values.shape == (len(found.tokens), 384)
    assert np.unique(found.tokens.times_s).tolist() == pytest.approx([8.1, 8.3, 8.6])


def test_speech_comes_back_as_five_tokens_of_its_block(tokens, random_checkpoint):
    width = read_spec(random_checkpoint).encoders["audio"].width
    assert tokens["audio"].values.shape == (5, width)
    assert tokens["audio"].times_s.min() > 9.5
    assert tokens["audio"].times_s.max() < 10.0


def test_faces_come_back_one_token_each_in_the_same_order(workers):
    crops = np.random.default_rng(2).integers(0, 256, (3, 48, 48), np.uint8)
    found = workers.encode_visual(EncodeVisual(2.0, ("p1", "p2", "p3"), crops))
    assert (found.t_s, found.tracks, found.tokens.shape) == (2.0, ("p1", "p2", "p3"), (3, 256))
    turned = workers.encode_visual(EncodeVisual(2.0, ("p3",), crops[2:]))
    np.testing.assert_allclose(turned.tokens[0], found.tokens[2], atol=1e-4)


def test_every_window_of_an_order_has_its_output(workers, tokens):
    windows = (
        Window("p1", 8.0, 10.0, dict(tokens)),
        Window("unknown", 8.0, 10.0, {"audio": tokens["audio"]}),
    )
    both, one = workers.fuse(Fuse(windows)).outputs
    assert list(both.peers) == ["text", "audio"]
    assert list(one.peers) == list(one.attribution) == ["audio"]
    assert sum(both.attribution.values()) == pytest.approx(1.0)
    assert ((both.probabilities >= 0) & (both.probabilities <= 1)).all()


def test_the_same_order_has_the_same_outcome_to_the_last_bit(workers, tokens):
    order = Fuse((Window("p1", 8.0, 10.0, dict(tokens)),))
    first, second = workers.fuse(order).outputs[0], workers.fuse(order).outputs[0]
    assert first.probabilities.tobytes() == second.probabilities.tobytes()
