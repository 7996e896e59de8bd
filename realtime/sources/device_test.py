"""A short test of devices: what they deliver, how loud, how bright. Nothing of it is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from core.inputs import SAMPLE_RATE, AudioChunk, DeviceState, SourceInput, VideoFrame
from realtime.sources.live import LiveSource

OPENING_S = 6.0
"""So long a device may take until it delivers."""


@dataclass(slots=True)
class DeviceTestResult:
    """What one stream gave.

    Attributes:
        stream: name of the stream.
        kind: "audio" or "video".
        present: whether it was usable at the end.
        reason: why not, see `DeviceState`; "" when present.
        message: the device's last state, for people.
        delivered_s: seconds of sound or of pictures.
        peak_dbfs, rms_dbfs: level of the sound in decibels of full scale; -inf = digital silence.
        rate_hz: pictures per second; 0 for sound.
        size: width and height of the pictures.
        brightness: mean of the pictures in [0, 255].
    """

    stream: str
    kind: str
    present: bool = False
    reason: str = "starting"
    message: str = ""
    delivered_s: float = 0.0
    peak_dbfs: float = -math.inf
    rms_dbfs: float = -math.inf
    rate_hz: float = 0.0
    size: tuple[int, int] | None = None
    brightness: float = 0.0
    _power: list[float] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)

    @property
    def enough(self) -> bool:
        """Whether it has delivered at all, or has said why it does not."""
        return self.delivered_s > 0 or self.reason not in ("", "starting")

    def take(self, item: SourceInput) -> None:
        """Note what an input tells."""
        match item:
            case DeviceState():
                self.present, self.reason, self.message = item.present, item.reason, item.message
            case AudioChunk():
                self.delivered_s += len(item.samples) / SAMPLE_RATE
                self.peak_dbfs = max(self.peak_dbfs, _decibels(float(np.abs(item.samples).max(initial=0))))
                self._power.append(float(np.mean(np.square(item.samples))) if len(item.samples) else 0.0)
                self.rms_dbfs = _decibels(math.sqrt(sum(self._power) / len(self._power)))
            case VideoFrame():
                self._times.append(item.t_s)
                self.delivered_s = max(1e-3, self._times[-1] - self._times[0])
                self.rate_hz = (len(self._times) - 1) / self.delivered_s
                self.size = (item.image.shape[1], item.image.shape[0])
                self.brightness = float(item.image.mean())


def run_device_test(source: LiveSource, duration_s: float) -> dict[str, DeviceTestResult]:
    """Run a source until every stream had `duration_s` since it began to deliver, or said why it cannot.

    Returns:
        Stream -> what it gave.
    """
    results = {info.name: DeviceTestResult(info.name, info.kind) for info in source.streams}
    begun_s: float | None = None
    with source:
        for item in source.inputs():
            results[item.stream].take(item)
            now_s = source.now_s()
            if begun_s is None and (all(t.enough for t in results.values()) or now_s > OPENING_S):
                begun_s = now_s
            if begun_s is not None and now_s - begun_s >= duration_s:
                break
    return results


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
