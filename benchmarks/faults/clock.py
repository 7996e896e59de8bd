"""The command with a wall clock that can be set from outside: SIGUSR1 puts it on, SIGUSR2 back by two hours.

    python -m benchmarks.faults.clock live ...

Setting the machine's clock would hit every other program. Stream time must not notice either way.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Final

AHEAD_S: Final = 3_600.0
BACK_S: Final = -7_200.0

_real = time.time
_offset_s = 0.0


def _time() -> float:
    return _real() + _offset_s


def _set(number: int, frame: object) -> None:
    global _offset_s  # noqa: PLW0603 - a clock is global
    _offset_s += AHEAD_S if number == signal.SIGUSR1 else BACK_S


def _main() -> int:
    time.time = _time
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _set)
    import emotrack

    return emotrack.main()


if __name__ == "__main__":
    sys.exit(_main())
