"""One unbroken run of a device's sound, steered along its clock line."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import Samples
from realtime.sources.clock_model import ClockFit
from realtime.sources.drift_resampler import DriftResampler

_HORIZON_S: Final = 20.0
"""An error of position is worked off at such a rate that it would be gone after this long."""

_DEAD_ZONE_S: Final = 0.003
_GENTLE: Final = 0.0002
_ROUGH_FROM_S: Final = 0.05


class AudioSegment:
    """Resamples blocks and keeps what has been given next to where the clock says it belongs.

    Args:
        start_s: stream time of the run's first sample.
        rate_hz: samples per second that the device announces.

    Attributes:
        error_s: where the clock puts the newest sample minus where it was put.
    """

    def __init__(self, start_s: float, rate_hz: float) -> None:
        self._start_s = start_s
        self._resampler = DriftResampler(rate_hz)
        self.error_s = 0.0

    def push(self, samples: NDArray[np.float32], end_device_s: float, fit: ClockFit) -> Samples:
        """Take a block in whose last sample the device counts as `end_device_s`; give what is ready."""
        limit = _GENTLE if abs(self.error_s) < _ROUGH_FROM_S else 1.0
        pull = 0.0
        if abs(self.error_s) > _DEAD_ZONE_S:
            pull = min(limit, max(-limit, self.error_s / _HORIZON_S))
        ready = self._resampler.push(samples, fit.slope + pull)
        self.error_s = fit.arrival_s(end_device_s) - (self._start_s + self._resampler.given_s)
        return ready

    def flush(self) -> Samples:
        """The rest of the run."""
        return self._resampler.flush()
