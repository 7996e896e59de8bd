"""Whether a microphone hears what a loudspeaker plays, and how much later.

Generalised cross-correlation with phase transform (Knapp and Carter 1976): both spectra are reduced to their
phases, so that neither the room's colouring nor the voice's own periodicity hides the one delay at which the
microphone follows. No input or output.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from core.inputs import SAMPLE_RATE, Samples

RANGE_S: Final = (-0.1, 0.6)
"""Delays that are looked at: the stamps of two devices may be 0.1 s off, wireless loudspeakers 0.5 s late."""

WINDOW_S: Final = 1.5
_EVERY_S: Final = 0.25
_BAND_HZ: Final = (200.0, 5000.0)
_ACTIVE: Final = 1e-3
"""Root mean square above which a loudspeaker's signal counts as sound (-60 dB of full scale)."""

_SURE: Final = 9.0
"""The highest correlation over the spread of all others: unrelated voices stay below, an echo exceeds it."""

_LISTEN_S: Final = 1.5
_CONFIRM: Final = 2
_SAME: Final = 32
_MOVED: Final = 160
"""Samples: estimates that agree, and a change that needs a new filter."""

EchoVerdict = Literal["unknown", "echo", "none"]


class DelayFinder:
    """Looks for the loudspeaker in the microphone.

    Attributes:
        verdict: "unknown" until the loudspeaker has played for about a second.
        delay: samples by which the microphone follows the loudspeaker, while the verdict is "echo".
        active_s: for how long the loudspeaker has played so far.
        score: the last correlation peak over the spread of the others.
    """

    def __init__(self) -> None:
        self._window = round(WINDOW_S * SAMPLE_RATE)
        self._far = np.zeros(self._window, np.float32)
        self._near = np.zeros(self._window, np.float32)
        self._since = 0
        self.active_s = 0.0
        self._candidate = 0
        self._agreeing = 0
        self.verdict: EchoVerdict = "unknown"
        self.delay = 0
        self.score = 0.0

    def push(self, far: Samples, near: Samples) -> bool:
        """Take in what was played and heard at the same time; equal lengths. True when the delay is new."""
        self._far = np.concatenate([self._far, far])[-self._window :]
        self._near = np.concatenate([self._near, near])[-self._window :]
        self._since += len(far)
        if is_active(far):
            self.active_s += len(far) / SAMPLE_RATE
        if self._since < _EVERY_S * SAMPLE_RATE or not is_active(self._far):
            return False
        self._since = 0
        return self._judge(*self._peak())

    def _judge(self, delay: int, score: float) -> bool:
        """An echo stays where it is; what two unrelated voices have in common moves about."""
        self.score = score
        agrees = score >= _SURE and abs(delay - self._candidate) <= _SAME
        self._agreeing = self._agreeing + 1 if agrees else int(score >= _SURE)
        self._candidate = delay
        if self._agreeing >= (_CONFIRM if self.verdict != "echo" else 2 * _CONFIRM):
            moved = self.verdict != "echo" or abs(delay - self.delay) > _MOVED
            self.verdict = "echo"
            if moved:
                self.delay = delay
            return moved
        if self.verdict == "unknown" and self.active_s >= _LISTEN_S and not self._agreeing:
            self.verdict = "none"
        return False

    def _peak(self) -> tuple[int, float]:
        size = 2 * self._window
        far, near = np.fft.rfft(self._far, size), np.fft.rfft(self._near, size)
        cross = near * np.conj(far)
        frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
        inside = (frequencies > _BAND_HZ[0]) & (frequencies < _BAND_HZ[1])
        phases = np.where(inside, cross / (np.abs(cross) + 1e-12), 0)
        correlation = np.fft.irfft(phases, size)
        first, last = (round(edge_s * SAMPLE_RATE) for edge_s in RANGE_S)
        within = np.concatenate([correlation[first:], correlation[: last + 1]])
        best = int(np.argmax(within))
        spread = float(np.std(within)) + 1e-12
        return best + first, float(within[best]) / spread


def is_active(samples: Samples) -> bool:
    """Whether there is sound at all: (n,) float32."""
    return len(samples) > 0 and float(np.sqrt(np.mean(np.square(samples)))) > _ACTIVE
