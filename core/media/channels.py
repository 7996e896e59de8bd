"""Which channel of a recording is heard: the mix of all, or one where mixing loses what it says.

Channels that are out of phase cancel each other, a channel that a layout takes for the effects (LFE) is left
out of the mix, and one voice among many channels becomes too quiet. So the mix is compared with its channels,
a quarter of a second at a time, by what rises above each one's own steady noise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, Samples

BLOCK: Final = SAMPLE_RATE // 4
"""Samples that are judged together."""

LOST: Final = 0.16
"""The mix loses a channel of which less than this share (-16 dB) is left in it."""

AUDIBLE: Final = 0.002
"""Root mean square (-54 dB of full scale) from which a channel says anything."""

_EVIDENCE: Final = 2
"""Blocks in a row: a single bang in a channel of effects is no reason."""

_NOISE_BLOCKS: Final = 40
_NOISE_KNOWN: Final = 8

Levels = NDArray[np.float64]


class ChannelChoice:
    """Passes on the mix, or a channel from where the mix loses it; the mix itself is never changed.

    Args:
        channels: how many there are, at least 2.
        note: told in one sentence when the choice changes.
    """

    def __init__(self, channels: int, note: Callable[[str], None]) -> None:
        self._channels = channels
        self._note = note
        self._used: int | None = None  # None: the mix
        self._levels: deque[Levels] = deque(maxlen=_NOISE_BLOCKS)
        self._mix: Samples = np.zeros(0, np.float32)
        self._parts: NDArray[np.float32] = np.zeros((channels, 0), np.float32)
        self._held = 0  # samples at the beginning of `_mix` that were judged and wait for more evidence
        self._begin_s = 0.0

    def begin(self, t_s: float) -> None:
        """The next samples begin at stream second `t_s`; everything before was flushed."""
        self._begin_s = t_s

    def push(self, mix: Samples, parts: NDArray[np.float32]) -> Samples:
        """Take samples in and give those that are decided on.

        Args:
            mix: (n,) float32.
            parts: (channels, m) float32; m may differ from n by a few samples that come with the next.
        """
        self._mix = np.concatenate([self._mix, mix])
        self._parts = np.concatenate([self._parts, parts], axis=1)
        out = [np.zeros(0, np.float32)]
        while min(len(self._mix), self._parts.shape[1]) - self._held >= BLOCK:
            out.append(self._judge(BLOCK))
        return np.concatenate(out)

    def flush(self) -> Samples:
        """Give the rest."""
        size = min(len(self._mix), self._parts.shape[1]) - self._held
        out = [self._judge(size)] if size else []
        if self._held:
            self._change()
        out.append(self._give(len(self._mix)))
        self._parts = self._parts[:, :0]
        return np.concatenate(out)

    def _judge(self, size: int) -> Samples:
        block = slice(self._held, self._held + size)
        levels = np.array([_level(self._mix[block]), *map(_level, self._parts[:, block])])
        self._levels.append(levels)
        self._held += size
        if not self._loses(self._rising(levels)):
            return self._give(self._held)
        if self._held >= _EVIDENCE * BLOCK:
            self._change()
            return self._give(self._held)
        return np.zeros(0, np.float32)

    def _rising(self, levels: Levels) -> Levels:
        """(1 + channels,): how much of each is above its steady noise, the mix first."""
        if len(self._levels) < _NOISE_KNOWN:
            return levels
        noise = np.min(self._levels, axis=0)
        return np.asarray(np.sqrt(np.maximum(levels**2 - 2 * noise**2, 0.0)))

    def _loses(self, rising: Levels) -> bool:
        loudest = float(rising[1:].max())
        return (
            loudest > AUDIBLE and float(rising[0 if self._used is None else 1 + self._used]) < LOST * loudest
        )

    def _change(self) -> None:
        """What was held is lost with the present choice: make another."""
        rising = self._rising(self._levels[-1])
        mix_loses = float(rising[0]) < LOST * float(rising[1:].max())
        self._used = int(rising[1:].argmax()) if mix_loses else None
        if self._used is None:
            self._note(f"From {self._begin_s:.2f} s on all {self._channels} channels are mixed.")
            return
        self._note(
            f"Mixing the {self._channels} channels would lose the sound from {self._begin_s:.2f} s on; "
            f"channel {self._used + 1} is used, the others are not."
        )

    def _give(self, size: int) -> Samples:
        chosen = self._mix[:size] if self._used is None else self._parts[self._used, :size]
        if len(chosen) < size:  # the channels may end a few samples before the mix
            chosen = np.concatenate([chosen, self._mix[len(chosen) : size]])
        self._mix, self._parts = self._mix[size:], self._parts[:, size:]
        self._held = 0
        self._begin_s += size / SAMPLE_RATE
        return chosen.copy()


def _level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
