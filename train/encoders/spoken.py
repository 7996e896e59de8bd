"""Written text as a recogniser would have it, and times for its words."""

from __future__ import annotations

import random
import re
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\[(NAME|RELIGION)\]")
_NOT_SPOKEN: Final = re.compile(r"[^\w\s'’-]")
_WORDS_PER_SECOND: Final = (1.8, 3.6)


def spoken(text: str) -> str:
    """Without punctuation and pictures; GoEmotions' placeholders become words. Never empty."""
    words = _NOT_SPOKEN.sub(" ", _PLACEHOLDER.sub(lambda m: m[1].lower(), text)).split()
    return " ".join(words) or text


def word_times(count: int, rng: random.Random, longest_start_s: float = 3.0) -> list[float]:
    """Times in seconds for the middles of `count` words of one speaker at a usual pace."""
    pace, start = rng.uniform(*_WORDS_PER_SECOND), rng.uniform(0, longest_start_s)
    return [start + (index + 0.5) / pace for index in range(count)]
