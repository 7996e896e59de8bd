"""How a device's count of samples maps to the clock: a line, found robustly.

Blocks arrive late by the operating system's whim, never early. So the truth is the lower edge of the cloud
(device time, arrival): the least delay within each second of device time is kept, and through these minima
goes the line of Theil and Sen (Sen 1968, J. Am. Stat. Assoc. 63), which up to 29 % of outliers do not bend.
No input or output: time comes in as numbers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

MAX_DRIFT_PPM: Final = 500.0
"""Sound cards are within 100 ppm, cheap USB ones within 200; what exceeds this is a wrong estimate."""

_BUCKET_S: Final = 1.0
_KEEP: Final = 400
_TRUST_AFTER_S: Final = 15.0
_RECENT: Final = 10
_SLOPE_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ClockFit:
    """arrival = device_s * (1 + slope) + offset_s, at the lower edge.

    Attributes:
        slope: relative; positive when the device counts too slowly.
        offset_s: at device second 0.
        spread_s: median distance of the minima from the line: the jitter that is left.
    """

    slope: float
    offset_s: float
    spread_s: float

    def arrival_s(self, device_s: float) -> float:
        """When device time `device_s` arrives without delay by the operating system."""
        return device_s + self.slope * device_s + self.offset_s


class ClockModel:
    """Takes pairs of device time and arrival in; gives the line.

    Args:
        slope: what is known of this device from before, used until there is enough of its own.
    """

    def __init__(self, slope: float = 0.0) -> None:
        self._slope = slope
        self._buckets: deque[tuple[float, float]] = deque(maxlen=_KEEP)  # device_s, least delay
        self._number = -1
        self._fit: ClockFit | None = None
        self._slope_due_s = 0.0

    def add(self, device_s: float, arrival_s: float) -> None:
        """Note that device time `device_s` arrived at `arrival_s`. `device_s` never decreases."""
        delay_s = arrival_s - device_s
        number = int(device_s // _BUCKET_S)
        if number != self._number:
            self._buckets.append((device_s, delay_s))
            self._number, self._fit = number, None
        elif delay_s < self._buckets[-1][1]:
            self._buckets[-1] = (device_s, delay_s)
            if len(self._buckets) <= _RECENT:
                self._fit = None

    @property
    def known(self) -> bool:
        """Whether anything has been added."""
        return bool(self._buckets)

    @property
    def fit(self) -> ClockFit:
        """The line so far. Recomputed about once a second, its slope less often.

        Raises:
            ValueError: nothing has been added.
        """
        if not self._buckets:
            raise ValueError("no point has been added yet")
        if self._fit is None:
            self._fit = self._fitted()
        return self._fit

    def _fitted(self) -> ClockFit:
        times_s, delays_s = np.array(self._buckets, dtype=np.float64).T
        if times_s[-1] - times_s[0] >= _TRUST_AFTER_S and times_s[-1] >= self._slope_due_s:
            self._slope = _theil_sen(times_s, delays_s)
            self._slope_due_s = times_s[-1] + _SLOPE_EVERY_S
        above = delays_s - self._slope * times_s
        # While there are few minima the least is the best guess; later their middle moves less.
        recent = above[-_RECENT:]
        offset_s = float(recent.min() if len(above) < _RECENT else np.median(recent))
        spread_s = float(np.median(np.abs(recent - offset_s)))
        return ClockFit(self._slope, offset_s, spread_s)


def _theil_sen(times_s: np.typing.NDArray[np.float64], delays_s: np.typing.NDArray[np.float64]) -> float:
    first, second = np.triu_indices(len(times_s), k=max(1, len(times_s) // 3))
    slopes = (delays_s[second] - delays_s[first]) / (times_s[second] - times_s[first])
    return float(np.clip(np.median(slopes), -MAX_DRIFT_PPM * 1e-6, MAX_DRIFT_PPM * 1e-6))
