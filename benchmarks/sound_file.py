"""The sound of a recording as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_mono(path: Path, rate_hz: int) -> NDArray[np.float32]:
    """The first sound stream, mixed down and resampled: (samples,), -1 to 1.

    Raises:
        av.FFmpegError: the file cannot be read.
    """
    import av

    resampler = av.AudioResampler("flt", "mono", rate_hz)
    with av.open(str(path)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])
