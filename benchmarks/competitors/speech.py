"""What is played: utterances with silence between them, and when each of them truly ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAD_S: Final = 2.0
"""Silence before the first utterance: everybody has heard that nobody speaks."""

_FRAME_S: Final = 0.01
_SMOOTH: Final = 5  # frames: a single crackle is no speech
_SHORTEST: Final = 8  # frames
_BELOW_PEAK_DB: Final = 35.0
_ABOVE_FLOOR_DB: Final = 7.0
_AT_MOST_BELOW_PEAK_DB: Final = 10.0
_SILENT_DB: Final = -90.0
_PAD_S: Final = 0.2
_FADE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Script:
    """Sound to be played and what is said in it.

    Attributes:
        sound: (samples,) float32, -1 to 1, mono.
        rate_hz: its sampling rate.
        spans: (start, end) of each utterance's speech, in seconds from the sound's beginning.
    """

    sound: NDArray[np.float32]
    rate_hz: int
    spans: tuple[tuple[float, float], ...]

    @property
    def length_s(self) -> float:
        """From the first sample to the last."""
        return len(self.sound) / self.rate_hz

    def utterance(self, index: int) -> NDArray[np.float32]:
        """The sound of one utterance with a little around it, (samples,)."""
        start_s, end_s = self.spans[index]
        first, last = (round(at * self.rate_hz) for at in (start_s - _PAD_S, end_s + _PAD_S))
        return self.sound[max(0, first) : last]


def speech_span(sound: NDArray[np.float32], rate_hz: int) -> tuple[float, float] | None:
    """Where speech begins and ends in a clip of one utterance, in seconds; None if it is silent.

    No voice detector decides, since every product has one of its own: speech is what is louder than 35 dB
    below the loudest 50 ms and 7 dB louder than the clip's own noise, for 80 ms at least.
    """
    frame = int(rate_hz * _FRAME_S)
    count = len(sound) // frame
    if count == 0:
        return None
    power = np.mean(np.square(sound[: count * frame].reshape(count, frame), dtype=np.float64), axis=1)
    level_db = 10 * np.log10(np.convolve(power, np.full(_SMOOTH, 1 / _SMOOTH), "same")[:count] + 1e-12)
    peak_db = float(level_db.max())
    if peak_db <= _SILENT_DB:
        return None
    above_noise_db = float(np.percentile(level_db, 10)) + _ABOVE_FLOOR_DB
    threshold_db = max(peak_db - _BELOW_PEAK_DB, min(above_noise_db, peak_db - _AT_MOST_BELOW_PEAK_DB))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], level_db > threshold_db, [False]]).astype(int)))
    runs = [(first, last) for first, last in edges.reshape(-1, 2) if last - first >= _SHORTEST]
    return (float(runs[0][0]) * _FRAME_S, float(runs[-1][1]) * _FRAME_S) if runs else None


def script(clips: Sequence[NDArray[np.float32]], rate_hz: int, pause_s: float) -> Script:
    """Clips of one utterance each, one after the other.

    Each is cut 0.2 s before its speech and after it, faded, and followed by digital silence until
    `pause_s` after its speech. Clips without speech are left out.
    """
    parts: list[NDArray[np.float32]] = [np.zeros(int(LEAD_S * rate_hz), np.float32)]
    spans: list[tuple[float, float]] = []
    at = len(parts[0])
    for clip in clips:
        span = speech_span(clip, rate_hz)
        if span is None:
            continue
        first = max(0, int((span[0] - _PAD_S) * rate_hz))
        last = int((span[1] + _PAD_S) * rate_hz)
        piece = _faded(clip[first:last], int(_FADE_S * rate_hz))
        start_s, end_s = (at / rate_hz + s - first / rate_hz for s in span)
        silence = np.zeros(max(0, round((end_s + pause_s) * rate_hz) - at - len(piece)), np.float32)
        parts += [piece, silence]
        spans.append((start_s, end_s))
        at += len(piece) + len(silence)
    return Script(np.concatenate(parts), rate_hz, tuple(spans))


def _faded(piece: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Without a click at its ends."""
    ramp = np.linspace(0, 1, samples, dtype=np.float32)
    piece = piece.copy()
    piece[:samples] *= ramp
    piece[len(piece) - samples :] *= ramp[::-1]
    return piece
