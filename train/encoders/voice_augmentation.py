"""Random changes to speech: other rooms, microphones, lines, levels and paces.

Everything works on (n,) float32 samples at 16 kHz.
"""

from __future__ import annotations

import numpy as np

from core.inputs import SAMPLE_RATE, Samples


def augment(samples: Samples, rng: np.random.Generator, place: np.random.Generator) -> Samples:
    """Pace, room, line, level and noise, each by chance. The length changes with the pace.

    Args:
        samples: of one clip.
        rng: decides what may differ from clip to clip: pace and level.
        place: decides what stays while somebody speaks: room, line and noise. Generators with one seed
            put several clips into one place.
    """
    room, line, noise = place.random(3)
    if rng.random() < 0.5:
        samples = _pace(samples, rng)
    if room < 0.25:
        samples = _room(samples, place)
    if line < 0.3:
        samples = _line(samples, place)
    samples = _level(samples, rng)
    if noise < 0.5:
        samples = _noise(samples, place)
    return np.clip(samples, -1, 1).astype(np.float32)


def _pace(samples: Samples, rng: np.random.Generator) -> Samples:
    """Speed and pitch together, by up to 10 %."""
    factor = rng.uniform(0.9, 1.1)
    places = np.arange(0, len(samples) - 1, factor)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def _room(samples: Samples, rng: np.random.Generator) -> Samples:
    """Convolution with a decaying noise: reverberation of 0.1 to 0.5 s."""
    length = round(rng.uniform(0.1, 0.5) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    response = np.concatenate([[1.0], tail * rng.uniform(0.02, 0.12)])
    return _convolved(samples, response)


def _line(samples: Samples, rng: np.random.Generator) -> Samples:
    """Lose what lies above 3 to 7 kHz and below up to 300 Hz, as telephones and codecs do."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    high, low = rng.uniform(3000, 7000), rng.uniform(0, 300)
    gain = 1 / (1 + (hertz / high) ** 16) / (1 + (low / np.maximum(hertz, 1)) ** 4)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)


def _level(samples: Samples, rng: np.random.Generator) -> Samples:
    """Near the recorded level, or at any peak level from -36 to 0 dB."""
    peak = float(np.abs(samples).max()) + 1e-5
    if rng.random() < 0.5:
        decibel = rng.normal(0, 6)
        return samples * np.float32(min(10 ** (decibel / 20), 1 / peak))
    return samples * np.float32(10 ** (rng.uniform(-36, 0) / 20) / peak)


def _noise(samples: Samples, rng: np.random.Generator) -> Samples:
    """Noise between white and brown, 5 to 35 dB below the speech."""
    brown, below_db = rng.uniform(0, 1), rng.uniform(5, 35)  # drawn first: clips differ in length
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    colour = np.maximum(np.arange(len(spectrum)), 1.0) ** -brown
    noise = np.fft.irfft(spectrum * colour, len(samples))
    loudness = np.sqrt(np.mean(samples**2)) * 10 ** (-below_db / 20)
    return samples + (noise * loudness / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)


def _convolved(samples: Samples, response: np.ndarray) -> Samples:
    size = len(samples) + len(response) - 1
    product = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: len(samples)].astype(np.float32)
