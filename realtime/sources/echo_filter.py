"""Takes a loudspeaker's echo out of a microphone: an adaptive filter that holds still while somebody speaks.

A partitioned-block frequency-domain Kalman filter (Enzner and Vary 2006; Kuech et al. 2014): the filter knows
how uncertain it is at each frequency, so it learns fast from echo alone and hardly at all from echo and my
voice together, without a detector of double talk. No input or output.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import Samples

BLOCK: Final = 256
"""Samples per step (16 ms)."""

_PARTS: Final = 12
"""Blocks that the filter spans (192 ms): a room's first reflections."""

_KEEP: Final = 0.9985
_EPS: Final = 1e-10


class EchoFilter:
    """Subtracts what the loudspeaker explains."""

    def __init__(self) -> None:
        bins = BLOCK + 1
        self._far = np.zeros(2 * BLOCK, np.float32)
        self._spectra = np.zeros((_PARTS, bins), np.complex128)
        self._weights = np.zeros((_PARTS, bins), np.complex128)
        self._doubt = np.full((_PARTS, bins), 0.1)
        self._noise: NDArray[np.float64] = np.full(bins, 1e-4)

    def step(self, far: Samples, near: Samples) -> tuple[Samples, Samples]:
        """One block of each, (BLOCK,).

        Returns:
            The microphone without echo, and the echo.
        """
        self._far = np.concatenate([self._far[BLOCK:], far])
        self._spectra = np.roll(self._spectra, 1, axis=0)
        self._spectra[0] = np.fft.rfft(self._far)
        echo = np.fft.irfft((self._weights * self._spectra).sum(axis=0))[BLOCK:].astype(np.float32)
        rest = near - echo
        self._learn(rest)
        return rest, echo

    def _learn(self, rest: Samples) -> None:
        error = np.fft.rfft(np.concatenate([np.zeros(BLOCK), rest]))
        self._noise = 0.7 * self._noise + 0.3 * np.abs(error) ** 2
        power = np.abs(self._spectra) ** 2
        expected = 0.5 * (self._doubt * power).sum(axis=0) + self._noise
        gain = self._doubt / (expected + _EPS)
        step = gain * np.conj(self._spectra) * error
        # Only the first half of each part is a causal filter.
        taps = np.fft.irfft(step, axis=1)
        taps[:, BLOCK:] = 0
        self._weights = self._weights + np.fft.rfft(taps, axis=1)
        shrunk = (1 - np.minimum(1.0, 0.5 * gain * power)) * self._doubt
        self._doubt = _KEEP**2 * shrunk + (1 - _KEEP**2) * np.abs(self._weights) ** 2
