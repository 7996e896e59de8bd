"""A device's sound as 16 kHz mono, stretched by up to 0.2 % so that it keeps to stream time."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, Samples

MAX_STRETCH: Final = 0.0019
"""Three cents of pitch: nobody hears it, and no network does."""


class DriftResampler:
    """Resamples one run of blocks; what comes out does not depend on how the run is cut.

    Args:
        rate_hz: samples per second that the device announces, > 0.

    Attributes:
        given_s: stream seconds that all blocks pushed so far make, samples still inside included.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._stretch: float | None = None
        # soxr asks for the greatest ratio that will ever be used.
        self._soxr = soxr.ResampleStream(rate_hz * 1.002, SAMPLE_RATE, 1, dtype="float32", vr=True)
        self.given_s = 0.0

    def push(self, samples: NDArray[np.float32], stretch: float) -> Samples:
        """Take a block in.

        Args:
            samples: (n, channels) float32; the channels are averaged.
            stretch: how much longer than announced the block really was, relative; clipped to `MAX_STRETCH`.

        Returns:
            What is ready: (m,) float32 in [-1, 1]; m may be 0.
        """
        stretch = min(MAX_STRETCH, max(-MAX_STRETCH, stretch))
        if stretch != self._stretch:
            slew = 0 if self._stretch is None else round(self._rate_hz / 100)
            self._soxr.set_io_ratio(self._rate_hz / (1 + stretch), SAMPLE_RATE, slew)
            self._stretch = stretch
        self.given_s += len(samples) * (1 + stretch) / self._rate_hz
        return _clean(self._soxr.resample_chunk(mono(samples)))

    def flush(self) -> Samples:
        """The rest. The resampler is of no use afterwards."""
        return _clean(self._soxr.resample_chunk(np.zeros(0, np.float32), last=True))


def mono(samples: NDArray[np.float32]) -> Samples:
    """(n, channels) or (n,) -> (n,) float32, channels averaged, what is not a number replaced by 0."""
    mixed = samples.mean(axis=1, dtype=np.float32) if samples.ndim == 2 else samples
    return np.ascontiguousarray(np.nan_to_num(mixed, nan=0.0, posinf=1.0, neginf=-1.0), dtype=np.float32)


def _clean(samples: NDArray[np.float32]) -> Samples:
    return np.clip(samples, -1.0, 1.0)
