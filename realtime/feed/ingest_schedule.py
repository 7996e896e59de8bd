"""When what a client sends is due: its clock against ours, networks between them."""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 10.0
LATE_S: Final = 0.1
EARLY_S: Final = 0.5


class PlayoutSchedule:
    """Plays what a client stamps at the pace of time, however it arrives.

    The first frame is due when it arrives. What arrives early waits, and jitter disappears. When everything
    of the last 10 s came late, or much too early, the clocks have drifted apart (or the network has changed),
    and the schedule moves. No clock in here: time comes in as numbers.
    """

    def __init__(self) -> None:
        self._zero_s: float | None = None
        self._now_s = 0.0
        self._since_s = 0.0
        self._latest_s, self._earliest_s = -float("inf"), float("inf")

    def arrived(self, t_s: float, clock_s: float) -> None:
        """What ends at stream time `t_s` has arrived."""
        if self._zero_s is None:
            self._zero_s = clock_s - t_s
            self._since_s = clock_s
        lateness_s = clock_s - self._zero_s - t_s
        self._latest_s = max(self._latest_s, lateness_s)
        self._earliest_s = min(self._earliest_s, lateness_s)
        if clock_s - self._since_s >= WINDOW_S:
            self._move()
            self._since_s = clock_s

    def now_s(self, clock_s: float) -> float:
        """Present stream time; never goes back. 0 before anything arrived."""
        if self._zero_s is not None:
            self._now_s = max(self._now_s, clock_s - self._zero_s)
        return self._now_s

    def _move(self) -> None:
        assert self._zero_s is not None
        if self._earliest_s > LATE_S:
            self._zero_s += self._earliest_s
        elif self._latest_s < -EARLY_S:
            self._zero_s += self._latest_s
        self._latest_s, self._earliest_s = -float("inf"), float("inf")
