"""Audio files as the live loop would hear them, and where speech is in them."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from core.encoders.silero import FRAME_SAMPLES, SileroVoice
from core.errors import SourceError
from core.inputs import SAMPLE_RATE, Samples

_SPEECH = 0.4
_PAD_SAMPLES = round(0.1 * SAMPLE_RATE)


def read_samples(path: Path) -> Samples:
    """Read a file as (n,) float32 in [-1, 1], mono, 16 kHz.

    Raises:
        SourceError: it cannot be decoded.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise SourceError(f"cannot be decoded ({error}).", where=str(path)) from error
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        divisor = gcd(rate, SAMPLE_RATE)
        mono = resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor)
    return np.ascontiguousarray(mono, dtype=np.float32)


def speech_span(samples: Samples, voice: SileroVoice) -> tuple[int, int]:
    """First and one past the last sample of speech, 0.1 s of padding included; all of it if none is found."""
    state = voice.initial_state()
    padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.float32)])
    spoken = []
    for index, frame in enumerate(padded.reshape(-1, FRAME_SAMPLES)):
        probability, state = voice.probability(frame, state)
        if probability >= _SPEECH:
            spoken.append(index)
    if not spoken:
        return 0, len(samples)
    start = max(0, spoken[0] * FRAME_SAMPLES - _PAD_SAMPLES)
    return start, min(len(samples), (spoken[-1] + 1) * FRAME_SAMPLES + _PAD_SAMPLES)
