"""How often something may happen: token buckets, and one per address for wrong tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MAX_ADDRESSES: Final = 1024


class RateLimiter:
    """Allows `burst` at once and `per_s` for long.

    Args:
        per_s: how fast it fills, > 0.
        burst: what it holds, >= 1.
        now_s: the present, on the clock that `take` is given.
    """

    __slots__ = ("_at_s", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """How many may happen now."""
        self._level = min(self._burst, self._level + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._level

    def take(self, now_s: float) -> bool:
        """Whether it may happen once more; if so, it has."""
        if self.level(now_s) < 1.0:
            return False
        self._level -= 1.0
        return True


class WrongTokens:
    """Counts wrong tokens by address.

    Args:
        per_s, burst: as for `RateLimiter`.
        clock: monotonic seconds.
    """

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, RateLimiter] = {}
        self.total = 0

    def note(self, address: str) -> None:
        """Somebody there has shown a wrong token."""
        self.total += 1
        bucket = self._buckets.pop(address, None) or RateLimiter(self._per_s, self._burst, self._clock())
        bucket.take(self._clock())
        self._buckets[address] = bucket  # last: the longest unused goes first
        while len(self._buckets) > MAX_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]

    def blocked(self, address: str) -> bool:
        """Whether whoever is there has to wait."""
        bucket = self._buckets.get(address)
        return bucket is not None and bucket.level(self._clock()) < 1.0
