import numpy as np
import pytest

from core.encoders.kaldi_fbank import BANDS, fbank

NOISE = np.random.default_rng(4).uniform(-0.3, 0.3, 16_000).astype(np.float32)


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_only_whole_windows_count(samples, frames):
    assert fbank(NOISE[:samples]).shape == (frames, BANDS)


def test_a_window_depends_on_its_own_samples_alone():
    whole = fbank(NOISE)
    np.testing.assert_allclose(fbank(NOISE[1_600:]), whole[10:], atol=1e-4)


def test_twice_as_loud_adds_the_logarithm_of_four():
    np.testing.assert_allclose(fbank(2 * NOISE) - fbank(NOISE), np.log(4.0), atol=1e-4)


@pytest.mark.parametrize("hertz", [200.0, 1_000.0, 4_000.0])
def test_a_tone_is_loudest_in_the_band_around_it(hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000).astype(np.float32)
    band = int(fbank(tone).mean(axis=0).argmax())
    low, high = (1127 * np.log1p(f / 700) for f in (20.0, 8_000.0))
    centre = low + (band + 1) * (high - low) / (BANDS + 1)
    assert abs(700 * np.expm1(centre / 1127) - hertz) < 0.06 * hertz + 20


def test_silence_is_the_lowest_value_and_no_warning():
    np.testing.assert_allclose(fbank(np.zeros(800, np.float32)), np.log(np.finfo(np.float32).eps), rtol=1e-5)
