import numpy as np
import pytest
import torch

from core.encoders.log_mel import INPUT_SAMPLES, log_mel, padded_block
from train.encoders.audio_data import log_mel as torch_log_mel


@pytest.fixture
def samples():
    chance = np.random.default_rng(0)
    t = np.arange(INPUT_SAMPLES) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * t) * (t > 0.7)
    return (tone + chance.normal(0, 0.002, len(t))).astype(np.float32)


def test_it_is_whispers_own_spectrogram(samples):
    from faster_whisper.feature_extractor import FeatureExtractor

    expected = FeatureExtractor()(samples, padding=0)
    assert expected.shape == (80, 200)
    np.testing.assert_allclose(log_mel(samples), expected, atol=1e-5)


def test_training_sees_the_same_spectrogram(samples):
    batch = np.stack([samples, samples[::-1] * 0.1])
    found = torch_log_mel(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(found, log_mel(batch), atol=2e-4)


def test_a_short_block_is_padded_at_its_start():
    block = padded_block(np.ones(8000, np.float32))
    assert block.shape == (INPUT_SAMPLES,)
    assert block[:-8000].sum() == 0
    assert block[-8000:].all()
    with pytest.raises(ValueError, match="more than 32000"):
        padded_block(np.ones(INPUT_SAMPLES + 1, np.float32))


def test_silence_is_finite():
    assert np.isfinite(log_mel(np.zeros(INPUT_SAMPLES, np.float32))).all()
