"""The recent past of one audio stream, addressed by sample index."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.inputs import Samples


@dataclass(slots=True)
class AudioBuffer:
    """Keeps what was appended until it is forgotten. A gap reads as zeros."""

    _frames: dict[int, Samples] = field(default_factory=dict)

    def append(self, start_sample: int, samples: Samples) -> None:
        """Add a run of samples; runs come in order and do not overlap."""
        self._frames[start_sample] = samples

    def forget_before(self, sample: int) -> None:
        """Drop the runs that lie wholly before `sample`."""
        while self._frames:
            first, run = next(iter(self._frames.items()))
            if first + len(run) > sample:
                return
            del self._frames[first]

    def read(self, start_sample: int, end_sample: int) -> Samples:
        """Samples of [start, end): (end - start,) float32, zeros where nothing was heard."""
        out = np.zeros(end_sample - start_sample, np.float32)
        for at, frame in self._frames.items():
            lo, hi = max(at, start_sample), min(at + len(frame), end_sample)
            if lo < hi:
                out[lo - start_sample : hi - start_sample] = frame[lo - at : hi - at]
        return out
