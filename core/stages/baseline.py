"""The person's own baseline: how somebody usually sounds, taken off what they sound like now.

Voices differ more from each other than emotions differ within a voice. The mean of a person's earlier tokens
says how that voice is on the whole; taken off, what is left is what changes. How much it usually changes is
the person's, too: a lively voice is measured by its own liveliness. Little history is trusted little: mean
and deviation are shrunk to 0 and 1, which are those of the training voices, because the encoder's tokens are
centred and scaled by them. Training and the live loop both come here (`train.encoding.history`,
`core.engine.estimation`).

Legend: T tokens, D token width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.labels import UNKNOWN_PERSON, Modality
from core.window import Tokens, Window

TOKEN_S: Final = 0.1
"""Seconds of speech that one audio token stands for."""

SHRINKAGE, HORIZON = "baseline_shrinkage_s", "baseline_horizon_s"
"""Names of the two numbers among an encoder's options; without them there is no baseline."""

DEVIATION: Final = "baseline_deviation"
"""Name of a third one, 1 where the deviation is compared besides."""

LEAST_CHANGE, MOST_CHANGE = 1 / 3, 3.0
"""Bounds of what a token is multiplied by: a monotonous minute is no reason to hear whispers as shouts."""


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """How much history counts.

    Attributes:
        shrinkage_s: seconds of speech at which the person's mean counts half.
        horizon_s: time constant, in seconds of the person's own speech, with which earlier speech is
            forgotten. It is far longer than a mood, so that a mood is not taken for the person.
        deviation: whether tokens are divided by the person's deviation besides.
    """

    shrinkage_s: float
    horizon_s: float
    deviation: bool = False

    @classmethod
    def of(cls, options: Mapping[str, float]) -> BaselineConfig | None:
        """From the options of an encoder; None where the checkpoint was trained without a baseline."""
        if SHRINKAGE not in options:
            return None
        return cls(options[SHRINKAGE], options[HORIZON], bool(options.get(DEVIATION, 0.0)))

    def options(self) -> dict[str, float]:
        """As options of an encoder."""
        found = {SHRINKAGE: self.shrinkage_s, HORIZON: self.horizon_s}
        return found | ({DEVIATION: 1.0} if self.deviation else {})


@dataclass(slots=True)
class Baseline:
    """Running mean and mean square of one person's tokens of one modality.

    Attributes:
        config: how much history counts.
        seconds: speech that the mean rests on; at most the horizon.
    """

    config: BaselineConfig
    seconds: float = 0.0
    _mean: NDArray[np.float64] | None = None
    _square: NDArray[np.float64] | None = None

    def push(self, values: NDArray[np.floating]) -> None:
        """Take an utterance in: (T, D)."""
        if not len(values):
            return
        span_s = len(values) * TOKEN_S
        kept_s = self.seconds * math.exp(-span_s / self.config.horizon_s)
        mean, square = values.mean(axis=0, dtype=np.float64), np.square(values, dtype=np.float64).mean(axis=0)
        if self._mean is not None and self._square is not None:
            mean = (kept_s * self._mean + span_s * mean) / (kept_s + span_s)
            square = (kept_s * self._square + span_s * square) / (kept_s + span_s)
        self._mean, self._square, self.seconds = mean, square, kept_s + span_s

    @property
    def weight(self) -> float:
        """Share of the person's mean that is taken off, in [0, 1)."""
        return self.seconds / (self.seconds + self.config.shrinkage_s)

    def taken_off(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, D) tokens less the shrunk mean, over the shrunk deviation where that is compared.

        Without history they stay as they are.
        """
        if self._mean is None or self._square is None:
            return values
        rest = values - (self.weight * self._mean).astype(np.float32)
        if not self.config.deviation:
            return rest
        return rest * change(self._square - self._mean**2, self.weight).astype(np.float32)


def change(variance: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """(D,) what tokens are multiplied by, in [`LEAST_CHANGE`, `MOST_CHANGE`].

    Args:
        variance: (D,) of the person's tokens, in units of that of the training voices.
        weight: of the history, in [0, 1).
    """
    bounded = np.clip(variance, MOST_CHANGE**-2, LEAST_CHANGE**-2)
    return np.asarray(bounded ** (-0.5 * weight))


@dataclass(slots=True)
class Baselines:
    """The baselines of everybody in a run: part of the engine's state, and never stored by itself.

    Speech of nobody known may be that of several people, so it has none.

    Attributes:
        config: None = the checkpoint was trained without.
        modality: whose tokens.
    """

    config: BaselineConfig | None
    modality: Modality = "audio"
    _persons: dict[str, Baseline] = field(default_factory=dict)

    def push(self, person: str, runs: Sequence[Tokens]) -> None:
        """Take in a finished utterance of a person: all of its token runs."""
        if self.config is None or person == UNKNOWN_PERSON or not runs:
            return
        baseline = self._persons.setdefault(person, Baseline(self.config))
        baseline.push(np.concatenate([run.values for run in runs]))

    def apply(self, window: Window) -> tuple[Window, dict[str, float]]:
        """Take the person's baseline off a window.

        Returns:
            The window, and modality -> seconds of earlier speech that it rests on, for those present.
        """
        tokens = window.tokens.get(self.modality)
        if self.config is None or tokens is None:
            return window, {}
        baseline = self._persons.get(window.person)
        if baseline is None:
            return window, {self.modality: 0.0}
        own = Tokens(baseline.taken_off(tokens.values), tokens.times_s)
        return replace(window, tokens={**window.tokens, self.modality: own}), {
            self.modality: baseline.seconds
        }

    def forget(self, person: str) -> None:
        """Drop a person: whoever comes next under that name starts afresh."""
        self._persons.pop(person, None)
