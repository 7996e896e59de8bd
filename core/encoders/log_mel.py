"""Whisper's log-mel spectrogram in numpy. No torch here: the live loop uses this file.

Radford et al. 2022: 25 ms Hann windows every 10 ms, 80 mel bands (Slaney's scale and norm) up to 8 kHz,
log10, the lowest 8 decades under the loudest value kept, scaled by (x + 4) / 4.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, Samples

WINDOW: Final = 400
HOP: Final = 160
BANDS: Final = 80
BLOCK_SAMPLES: Final = SAMPLE_RATE // 2
"""Samples of new audio per encoded block (0.5 s)."""
INPUT_SAMPLES: Final = 2 * SAMPLE_RATE
"""Samples of a block with its left context (2.0 s): the encoder's fixed input length."""


def log_mel(samples: Samples) -> NDArray[np.float32]:
    """Log-mel spectrogram, equal to Whisper's for audio of this length.

    Args:
        samples: (..., n) float32 in [-1, 1], 16 kHz, n a multiple of 160 and at least 400.

    Returns:
        (..., 80, n / 160) float32.
    """
    half = WINDOW // 2
    padded = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(half, half)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=-1)[..., ::HOP, :][..., :-1, :]
    power = np.abs(np.fft.rfft(frames * _window(), axis=-1)) ** 2  # (..., frames, 201)
    mel = np.log10(np.maximum(power @ mel_filters().T, 1e-10))
    floor = mel.max(axis=(-2, -1), keepdims=True) - 8.0
    scaled = (np.maximum(mel, floor) + 4.0) / 4.0
    return np.ascontiguousarray(np.swapaxes(scaled, -1, -2), dtype=np.float32)


def padded_block(samples: Samples) -> Samples:
    """Zeros before `samples` up to exactly 2.0 s: a block at the start of speech has less context.

    Raises:
        ValueError: there are more than 32,000 samples.
    """
    missing = INPUT_SAMPLES - len(samples)
    if missing < 0:
        raise ValueError(f"a block with its context has {len(samples)} samples, more than {INPUT_SAMPLES}")
    return np.concatenate([np.zeros(missing, np.float32), samples])


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float64]:
    """(80, 201): triangles on Slaney's mel scale, each of area 1 in hertz."""
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    edges = _hertz(np.linspace(0.0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    widths = np.diff(edges)
    slopes = edges[:, None] - bins
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    filters: NDArray[np.float64] = triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters


# Slaney's scale is linear (200/3 Hz per mel) up to 1 kHz and logarithmic (27 mel per factor 6.4) above.


def _mel(hertz: float) -> float:
    if hertz < 1000:
        return hertz * 3 / 200
    return 15.0 + float(np.log(hertz / 1000)) * 27 / float(np.log(6.4))


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = 1000 * np.exp((mel - 15.0) * np.log(6.4) / 27)
    return np.where(mel < 15.0, mel * 200 / 3, above)
