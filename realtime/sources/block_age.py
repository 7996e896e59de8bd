"""How long a block of sound has waited to be taken, from the times that PortAudio gives with it.

A program that is too busy takes blocks late, and so does one whose device lost samples, as far as arrivals
tell. The device knows better: it says when the first sample of a block was recorded.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

_LONGEST_S: Final = 60.0
"""Ages beyond are no ages: some systems leave the time of recording out."""


class StreamTimes(Protocol):
    """PortAudio's times of one block, in seconds of the stream's own clock."""

    inputBufferAdcTime: float
    currentTime: float


class BlockAge:
    """Tells how much older a block is than blocks have to be.

    What every block's age has in it, the hardware's latency, is the least that was seen within the last
    minute: one wrong age is forgotten by then. A system that says the same age of every block therefore says
    nothing, and nothing comes of it.
    """

    def __init__(self) -> None:
        self._least_s = self._least_before_s = math.inf
        self._turn_s = -math.inf

    def of(self, times: StreamTimes, length_s: float) -> float:
        """Seconds that a block has waited.

        Args:
            times: of the block.
            length_s: of the block.

        Returns:
            >= 0; 0 where the device does not say.
        """
        age_s = times.currentTime - times.inputBufferAdcTime - length_s
        if times.inputBufferAdcTime <= 0 or not -_LONGEST_S < age_s < _LONGEST_S:
            return 0.0
        if times.currentTime - self._turn_s > _LONGEST_S / 2:
            self._turn_s = times.currentTime
            self._least_before_s, self._least_s = self._least_s, math.inf
        self._least_s = min(self._least_s, age_s)
        return age_s - min(self._least_s, self._least_before_s)
