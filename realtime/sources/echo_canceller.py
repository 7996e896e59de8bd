"""The echo guard: what the loudspeaker plays and the microphone hears again does not count as my voice.

Three steps, each on the samples of `me` and `them` at the same stream time:

1. The delay between both is looked for (`echo_delay`). With headphones there is none, and nothing is touched.
2. An adaptive filter subtracts the echo (`echo_filter`). What I say at the same time stays.
3. What is left of it while only the loudspeaker speaks is silenced: blocks in which no more is left than the
   filter usually leaves of such an echo.

No input or output.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.inputs import SAMPLE_RATE, Samples
from realtime.sources.echo_delay import DelayFinder, EchoVerdict
from realtime.sources.echo_filter import BLOCK, EchoFilter

AHEAD: Final = 256
"""Samples by which the loudspeaker is given to the filter early: the delay found may be that much late."""

_SMOOTH: Final = 0.6
_TAIL: Final = 0.85
"""How much less echo is expected with each block after the loudspeaker falls silent (44 dB in a second)."""

_LEAK: Final = 0.5
"""Share of the echo's power that an untrained filter leaves."""

_LEARN_LEAK, _FORGET_LEAK = 0.1, 1.002
_LOUDER: Final = 4.0
"""My voice opens the gate when it exceeds what is left of the echo by this factor (6 dB)."""

_HOLD_BLOCKS: Final = 12
_FLOOR: Final = 0.003
_PASSES: Final = 3


class EchoCanceller:
    """Cleans the microphone block by block.

    Attributes:
        silenced_s: how much was silenced so far.
    """

    def __init__(self) -> None:
        self._finder = DelayFinder()
        self._filter: EchoFilter | None = None
        self._left = self._echo = 1e-9
        self._leak = _LEAK
        self._gain = 1.0
        self._open_for = 0
        self.silenced_s = 0.0

    @property
    def verdict(self) -> EchoVerdict:
        """Whether the microphone hears the loudspeaker, as far as known."""
        return self._finder.verdict

    @property
    def listening(self) -> bool:
        """Whether the loudspeaker has played at all."""
        return self._finder.active_s > 0

    @property
    def delay(self) -> int:
        """Samples by which what the filter needs of the loudspeaker lies back."""
        return self._finder.delay - AHEAD if self._finder.verdict == "echo" else 0

    def observe(self, far: Samples, near: Samples) -> bool:
        """Look for the delay in what was played and heard at the same time. True when it is a new one."""
        moved = self._finder.push(far, near)
        if moved:
            self._filter = EchoFilter()
        return moved

    def learn(self, far: Samples, near: Samples) -> None:
        """Let the filter learn the room: the loudspeaker `delay` samples earlier, and the microphone."""
        if self._filter is not None:
            for at in [*range(0, len(near) - BLOCK + 1, BLOCK)] * _PASSES:
                self._filter.step(far[at : at + BLOCK], near[at : at + BLOCK])

    def clean(self, far: Samples, near: Samples) -> Samples:
        """One block: the loudspeaker `delay` samples earlier, and the microphone; both (BLOCK,)."""
        if self._filter is None:
            return near
        rest, echo = self._filter.step(far, near)
        if float(np.mean(rest**2)) > 2 * float(np.mean(near**2)):  # the filter has lost its way
            rest = near
        self._left = _SMOOTH * self._left + (1 - _SMOOTH) * float(np.mean(rest**2))
        power = float(np.mean(echo**2))
        self._echo = max(_SMOOTH * self._echo + (1 - _SMOOTH) * power, _TAIL * self._echo)
        return self._gated(rest)

    def _gated(self, rest: Samples) -> Samples:
        left = self._left / (self._echo + 1e-12)
        mine = left > _LOUDER * self._leak
        self._leak = min(_LEAK, self._leak * _FORGET_LEAK)
        if left < self._leak:
            self._leak += _LEARN_LEAK * (left - self._leak)
        self._open_for = _HOLD_BLOCKS if mine else max(0, self._open_for - 1)
        target = 1.0 if self._open_for else _FLOOR
        ramp = np.linspace(self._gain, target, BLOCK, dtype=np.float32)
        self._gain = target
        if target < 1.0:
            self.silenced_s += BLOCK / SAMPLE_RATE
        return rest * ramp
