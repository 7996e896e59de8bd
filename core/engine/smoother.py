"""Smoothing with hysteresis: rolling probabilities that do not flicker, labels that do not chatter."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.config import EstimateConfig

Probabilities = NDArray[np.float32]


@dataclass(slots=True)
class _Memory:
    t_s: float
    probabilities: Probabilities
    active: NDArray[np.bool_]


@dataclass(slots=True)
class Smoother:
    """Exponential smoothing per person; a threshold switches a label on, a lower one switches it off.

    Attributes:
        config: time constant and hysteresis.
        thresholds: (C,) float32, from the checkpoint.
    """

    config: EstimateConfig
    thresholds: Probabilities
    _memory: dict[str, _Memory] = field(default_factory=dict)

    def push(
        self,
        person: str,
        t_s: float,
        probabilities: Probabilities,
        thresholds: Probabilities | None = None,
    ) -> tuple[Probabilities, NDArray[np.bool_]]:
        """Take in one rolling result.

        Args:
            person: whose.
            t_s: stream time, increasing per person.
            probabilities: (C,) in [0, 1].
            thresholds: (C,) of this result; None = those of the checkpoint.

        Returns:
            Smoothed probabilities (C,) in [0, 1] and which labels are active (C,) bool.
        """
        last = self._memory.get(person)
        if last is None:
            smooth, was_active = probabilities, np.zeros(len(probabilities), np.bool_)
        else:
            smooth = last.probabilities + self._gain(t_s - last.t_s) * (probabilities - last.probabilities)
            was_active = last.active
        limits = self.thresholds if thresholds is None else thresholds
        off = np.maximum(limits - self.config.hysteresis, 0.0)
        active = (smooth >= limits) | (was_active & (smooth >= off))
        self._memory[person] = _Memory(t_s, smooth, active)
        return smooth, active

    def reset(self, person: str) -> None:
        """Forget a person: what comes next stands alone."""
        self._memory.pop(person, None)

    def _gain(self, elapsed_s: float) -> np.float32:
        if self.config.smoothing_s == 0:
            return np.float32(1.0)
        return np.float32(1.0 - math.exp(-elapsed_s / self.config.smoothing_s))
