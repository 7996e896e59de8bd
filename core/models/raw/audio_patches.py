"""Sound as patches of its wave form: 640 samples (40 ms), each one token.

After VATT (Akbari et al., NeurIPS 2021). The wave keeps its amplitude; the paper's released code keeps only
the sign of each sample.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, Samples

WIDTH: Final = 640
"""Samples of a patch."""

PATCH_S: Final = WIDTH / SAMPLE_RATE
"""Seconds of a patch."""


def audio_patches(samples: Samples) -> NDArray[np.float32]:
    """Cut a wave form into patches; any length will do.

    Args:
        samples: (n,) float32 in [-1, 1], mono, 16 kHz, n >= 1.

    Returns:
        (ceil(n / 640), 640) float32; the last one is filled with zeros.
    """
    return np.pad(samples, (0, -len(samples) % WIDTH)).reshape(-1, WIDTH)


def patch_times(count: int) -> NDArray[np.float32]:
    """(count,) seconds of the patches' middles since the first sample."""
    return ((np.arange(count) + 0.5) * PATCH_S).astype(np.float32)
