"""The recent past of one audio stream, addressed by sample index."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.inputs import SAMPLE_RATE, Samples


@dataclass(slots=True)
class AudioBuffer:
    """Keeps the last `keep_s` seconds. What was never heard (a gap, before the start) reads as zeros.

    Attributes:
        keep_s: length of the past that stays addressable.
        end_sample: index one past the newest sample.
    """

    keep_s: float
    end_sample: int = 0
    _frames: dict[int, Samples] = field(default_factory=dict)

    def append(self, start_sample: int, samples: Samples) -> None:
        """Add a frame; frames come in order and do not overlap."""
        self._frames[start_sample] = samples
        self.end_sample = start_sample + len(samples)
        horizon = self.end_sample - int(self.keep_s * SAMPLE_RATE)
        while self._frames and (first := next(iter(self._frames))) < horizon:
            del self._frames[first]

    def read(self, start_sample: int, end_sample: int) -> Samples:
        """Samples of [start, end): (end - start,) float32, zeros where nothing was heard."""
        out = np.zeros(end_sample - start_sample, np.float32)
        for at, frame in self._frames.items():
            lo, hi = max(at, start_sample), min(at + len(frame), end_sample)
            if lo < hi:
                out[lo - start_sample : hi - start_sample] = frame[lo - at : hi - at]
        return out
