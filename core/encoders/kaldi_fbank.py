"""Kaldi's log-mel filterbank in numpy: what speaker networks were trained on.

Povey et al. 2011 (Kaldi's `compute-fbank-feats`) as WeSpeaker configures it: 25 ms Hamming windows every
10 ms without padding at the edges, mean removed, pre-emphasis .97, 80 bands from 20 Hz to 8 kHz, natural
logarithm,
no dither, samples on the scale of 16-bit integers.
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
_FFT: Final = 512
_LOWEST_HZ: Final = 20.0
_PREEMPHASIS: Final = 0.97
_FULL_SCALE: Final = 32768.0


def fbank(samples: Samples) -> NDArray[np.float32]:
    """Filterbank energies of whole windows.

    Args:
        samples: (n,) float32 in [-1, 1], 16 kHz, n at least 400.

    Returns:
        (1 + (n - 400) // 160, 80) float32.
    """
    scaled = samples.astype(np.float32) * np.float32(_FULL_SCALE)
    frames = np.lib.stride_tricks.sliding_window_view(scaled, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    spectrum = np.fft.rfft((frames - np.float32(_PREEMPHASIS) * before) * _hamming(), _FFT)
    power = np.abs(spectrum[:, : _FFT // 2]).astype(np.float32) ** 2
    energies: NDArray[np.float32] = np.log(np.maximum(power @ _filters(), np.finfo(np.float32).eps))
    return energies


@lru_cache(maxsize=1)
def _hamming() -> NDArray[np.float32]:
    return np.hamming(WINDOW).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.float32]:
    """(256, 80): triangles of equal width on Kaldi's mel scale."""
    mel = 1127.0 * np.log1p(np.arange(_FFT // 2) * SAMPLE_RATE / _FFT / 700.0)
    lowest, highest = 1127.0 * np.log1p(np.array([_LOWEST_HZ, SAMPLE_RATE / 2]) / 700.0)
    edges = np.linspace(lowest, highest, BANDS + 2)
    width = edges[1] - edges[0]
    rising, falling = (mel[:, None] - edges[:-2]) / width, (edges[2:] - mel[:, None]) / width
    filters: NDArray[np.float32] = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return filters
