"""What the same weights recognise when nothing hurries them."""

from __future__ import annotations

import numpy as np
import soxr

from benchmarks.competitors.products import Recogniser
from benchmarks.competitors.speech import Script

_RATE_HZ = 16_000


def transcripts(script: Script, shared: Recogniser) -> list[str]:
    """The text of each utterance alone, with faster-whisper's own defaults in 8 bits."""
    from faster_whisper import WhisperModel

    model = WhisperModel(shared.folder, device="cpu", compute_type="int8", cpu_threads=shared.threads)
    texts = []
    for index in range(len(script.spans)):
        sound = soxr.resample(script.utterance(index), script.rate_hz, _RATE_HZ).astype(np.float32)
        segments, _ = model.transcribe(sound, language=shared.language)
        texts.append(" ".join(segment.text for segment in segments))
    return texts
