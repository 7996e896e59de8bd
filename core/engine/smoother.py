"""Smoothing with hysteresis: rolling estimates that do not flicker, labels that do not chatter.

Probabilities, confidence, abstention and active labels follow one and the same smoothing, so that they never
contradict each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.config import EstimateConfig

Probabilities = NDArray[np.float32]

LEAST: Final = 1e-6
"""Probability that confidence is divided by, at least."""


class Smoothed(NamedTuple):
    """A smoothed rolling result.

    Attributes:
        probabilities: (C,) in [0, 1].
        active: (C,) bool; none where it abstains.
        confidence: in [0, 1]: the largest probability times the smoothed evidence.
        abstained: whether the confidence is below the checkpoint's limit.
    """

    probabilities: Probabilities
    active: NDArray[np.bool_]
    confidence: float
    abstained: bool


@dataclass(slots=True)
class _Memory:
    """What is known of a person.

    Attributes:
        t_s: stream time of the last result.
        probabilities, evidence: smoothed.
        active: (C,) bool.
        asked_s: (C,) how long each label's probability has asked for the other state.
    """

    t_s: float
    probabilities: Probabilities
    evidence: float
    active: NDArray[np.bool_]
    asked_s: NDArray[np.float64]


@dataclass(slots=True)
class Smoother:
    """Exponential smoothing per person.

    A label becomes active when its probability has been at or above its threshold for `active_after_s`, and
    ceases to be when it has been below the threshold less `hysteresis` for as long.

    Attributes:
        config: time constants and hysteresis.
        thresholds: (C,) float32, from the checkpoint.
        abstain_below: confidence, from the checkpoint.
    """

    config: EstimateConfig
    thresholds: Probabilities
    abstain_below: float = 0.0
    _memory: dict[str, _Memory] = field(default_factory=dict)

    def push(
        self,
        person: str,
        t_s: float,
        probabilities: Probabilities,
        thresholds: Probabilities | None = None,
        confidence: float | None = None,
    ) -> Smoothed:
        """Take in one rolling result.

        Args:
            person: whose.
            t_s: stream time, increasing per person.
            probabilities: (C,) in [0, 1].
            thresholds: (C,) of this result; None = those of the checkpoint.
            confidence: of this result; None = its largest probability.
        """
        top = max(float(probabilities.max()), LEAST)
        evidence = 1.0 if confidence is None else min(1.0, confidence / top)
        limits = self.thresholds if thresholds is None else thresholds
        last = self._memory.get(person)
        if last is None:
            nothing = np.zeros(len(probabilities))
            memory = _Memory(t_s, probabilities, evidence, nothing.astype(np.bool_), nothing)
        else:
            memory = self._after(last, t_s, probabilities, evidence, limits)
        memory = self._switched(memory, limits)
        self._memory[person] = memory
        sure = float(memory.probabilities.max()) * memory.evidence
        abstained = sure < self.abstain_below
        active = memory.active & (not abstained)
        return Smoothed(memory.probabilities, active, sure, abstained)

    def reset(self, person: str) -> None:
        """Forget a person: what comes next stands alone."""
        self._memory.pop(person, None)

    def _after(
        self, last: _Memory, t_s: float, probabilities: Probabilities, evidence: float, limits: Probabilities
    ) -> _Memory:
        """The memory with a further result; labels whose probability asks for a change wait for longer."""
        elapsed_s = t_s - last.t_s
        gain = self._gain(elapsed_s)
        smooth = last.probabilities + gain * (probabilities - last.probabilities)
        asks = self._asks(last.active, smooth, limits)
        asked_before = self._asks(last.active, last.probabilities, limits)
        asked_s = np.where(asks & asked_before, last.asked_s + elapsed_s, 0.0)
        seen = last.evidence + float(gain) * (evidence - last.evidence)
        return _Memory(t_s, smooth, seen, last.active, asked_s)

    def _switched(self, memory: _Memory, limits: Probabilities) -> _Memory:
        """The memory with those labels switched whose time has come."""
        asks = self._asks(memory.active, memory.probabilities, limits)
        due = asks & (memory.asked_s >= self.config.active_after_s)
        asked_s = np.where(due, 0.0, memory.asked_s)
        return _Memory(memory.t_s, memory.probabilities, memory.evidence, memory.active ^ due, asked_s)

    def _asks(
        self, active: NDArray[np.bool_], probabilities: Probabilities, limits: Probabilities
    ) -> NDArray[np.bool_]:
        """(C,) labels whose probability asks for the other state."""
        off = np.maximum(limits - self.config.hysteresis, 0.0)
        return np.where(active, probabilities < off, probabilities >= limits)

    def _gain(self, elapsed_s: float) -> np.float32:
        if self.config.smoothing_s == 0:
            return np.float32(1.0)
        return np.float32(1.0 - math.exp(-elapsed_s / self.config.smoothing_s))
