"""An utterance cut into the encoder's inputs, as the live loop does: blocks on a grid, with left context."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.encoders.audio import POOLED
from core.encoders.log_mel import BLOCK_SAMPLES, INPUT_SAMPLES
from core.inputs import SAMPLE_RATE, Samples

TOKEN_S = POOLED * 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Inputs of one utterance.

    Attributes:
        samples: (n, 32000) float32: blocks with their context.
        newest: tokens that each of them gives.
        times_s: (n * newest,) float32, middles of the tokens since the utterance's start.
        spoken: (n * newest,) bool: the token lies within the utterance.
    """

    samples: NDArray[np.float32]
    newest: int
    times_s: NDArray[np.float32]
    spoken: NDArray[np.bool_]


def cut(samples: Samples, span: tuple[int, int], offset: int, block_samples: int = BLOCK_SAMPLES) -> Blocks:
    """Cut the utterance `span` out of a recording.

    Args:
        samples: (n,) the whole recording; before and after it there is silence.
        span: first and one past the last sample of the utterance.
        offset: place of the grid, in samples; live it is 0 on the stream's clock.
        block_samples: new samples per block; live 0.5 s. Longer ones are cheaper to train on.
    """
    start, end = span
    first = (start - offset) // block_samples
    last = -(-(end - offset) // block_samples)
    padded = np.concatenate(
        [np.zeros(INPUT_SAMPLES, np.float32), samples, np.zeros(INPUT_SAMPLES, np.float32)]
    )
    begins = offset + np.arange(first, last) * block_samples
    ends = begins + block_samples + INPUT_SAMPLES  # places in `padded`
    inputs = np.stack([padded[at - INPUT_SAMPLES : at] for at in ends])
    newest = round(block_samples / SAMPLE_RATE / TOKEN_S)
    within = (np.arange(newest) + 0.5) * TOKEN_S
    times = (begins[:, None] / SAMPLE_RATE + within - start / SAMPLE_RATE).reshape(-1)
    spoken = (times > 0) & (times < (end - start) / SAMPLE_RATE)
    return Blocks(inputs, newest, times.astype(np.float32), spoken)
