"""Placing an example's tokens in a window as the live loop would see them.

Live windows roll over the last 6 s and end with an utterance of up to 12 s; a modality may cover part of the
window only, and starts anywhere in it. The corpora know nothing of that, so training draws it at random.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from core.config_base import Strict
from core.labels import Modality
from core.window import Tokens
from train.data.token_set import Timing

SECONDS_PER_WORD: Final = 0.33
"""Mean pace of English speech; for texts without times."""

SECONDS_PER_LOOK: Final = 0.2
"""Five looks at a face in a second, as the face stage's default rate."""


class WindowAugmentation(Strict):
    """How windows are drawn in training.

    Attributes:
        shortest_s, longest_s: bounds of a window's length.
        partial: share of timed examples of which only a random stretch is kept.
        repeated: share of timed examples that are heard twice or more, until the window is full, as in a long
            utterance: recorded clips are shorter than live ones.
        least_kept: smallest share of an example that such a stretch keeps.
        longest_look_s: a single face is repeated for up to so long.
        noise: standard deviation of noise on each feature, as a share of its deviation within the example.
    """

    shortest_s: float = Field(1.5, gt=0)
    longest_s: float = Field(12.0, gt=0)
    partial: float = Field(0.35, ge=0, le=1)
    repeated: float = Field(0.2, ge=0, le=1)
    least_kept: float = Field(0.4, gt=0, le=1)
    longest_look_s: float = Field(8.0, gt=0)
    noise: float = Field(0.05, ge=0)


def place(tokens: Tokens, timing: Timing, config: WindowAugmentation, rng: np.random.Generator) -> Tokens:
    """Draw one placement of an example's tokens.

    Args:
        tokens: at least one token.
        timing: what its times mean.
        config: the bounds.
        rng: source of chance.

    Returns:
        At least one token; times in seconds since a window's start, increasing, in [0, longest_s].
    """
    if timing == "fixed":
        return tokens
    length_s = rng.uniform(config.shortest_s, config.longest_s)
    if timing == "views":
        return _noisy(_track(tokens, length_s, config, rng), config, rng)
    timed = tokens if timing == "timed" else Tokens(tokens.values, _spoken(tokens.times_s, rng))
    if timing == "timed" and rng.random() < config.repeated:
        timed = _repeat(timed, length_s, rng)
    elif timing == "timed" and rng.random() < config.partial:
        timed = _stretch(timed, config, rng)
    first, last = float(timed.times_s[0]), float(timed.times_s[-1])
    room_s = length_s - (last - first)
    if room_s < 0:  # longer than the window: a rolling window shows a piece of it
        start_s = first + rng.uniform(0.0, -room_s)
        inside = (timed.times_s >= start_s) & (timed.times_s <= start_s + length_s)
        if not inside.any():  # a window in a pause: take what is nearest
            nearest = int(np.abs(timed.times_s - start_s).argmin())
            return Tokens(timed.values[[nearest]], np.zeros(1, np.float32))
        timed = Tokens(timed.values[inside], timed.times_s[inside] - np.float32(start_s))
    else:
        shift_s = rng.uniform(0.0, room_s) - first
        timed = Tokens(timed.values, timed.times_s + np.float32(shift_s))
    return _noisy(timed, config, rng)


def place_together(
    tokens: dict[Modality, Tokens],
    timings: dict[Modality, Timing],
    config: WindowAugmentation,
    rng: np.random.Generator,
) -> dict[Modality, Tokens]:
    """Draw one placement of the modalities of one recording: they keep their common clock."""
    given = {m: as_given(t, timings[m]) for m, t in tokens.items()}
    if "fixed" in timings.values():
        return given
    first = min(float(t.times_s[0]) for t in given.values())
    last = max(float(t.times_s[-1]) for t in given.values())
    room_s = config.longest_s - (last - first)
    shift_s = np.float32(rng.uniform(0.0, max(0.0, room_s)) - first)
    return {m: _noisy(Tokens(t.values, t.times_s + shift_s), config, rng) for m, t in given.items()}


def as_given(tokens: Tokens, timing: Timing) -> Tokens:
    """The one placement that evaluation uses: no chance, times from 0, a single look at a picture."""
    if timing == "views":
        return Tokens(tokens.values[:1], np.zeros(1, np.float32))
    if timing == "ordered":
        times_s = (tokens.times_s + 0.5) * np.float32(SECONDS_PER_WORD)
        return Tokens(tokens.values, times_s)
    return tokens


def _track(tokens: Tokens, length_s: float, config: WindowAugmentation, rng: np.random.Generator) -> Tokens:
    """One face seen for a while: looks drawn from the example's views."""
    seen_s = rng.uniform(0.0, min(length_s, config.longest_look_s))
    start_s = rng.uniform(0.0, length_s - seen_s)
    times_s = np.arange(start_s, start_s + seen_s + 1e-6, SECONDS_PER_LOOK, dtype=np.float32)
    kept = rng.random(len(times_s)) < rng.uniform(0.5, 1.0)  # frames in which the face was not found
    kept[0] = True
    looks = rng.integers(0, len(tokens), int(kept.sum()))
    return Tokens(tokens.values[looks], times_s[kept])


def _spoken(words: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Times of words spoken at a random pace with uneven lengths, for the number of each token's word."""
    number = (words - words[0]).astype(np.int64)
    pace_s = SECONDS_PER_WORD * rng.uniform(0.5, 1.8)
    middles = np.cumsum(rng.uniform(0.4, 1.6, number[-1] + 1) * pace_s)
    return middles[number].astype(np.float32)


def _repeat(tokens: Tokens, length_s: float, rng: np.random.Generator) -> Tokens:
    """The tokens again and again, with a pause between, as often as fits into the window; at least once."""
    pause_s = rng.uniform(0.2, 1.0)
    period_s = float(tokens.times_s[-1] - tokens.times_s[0]) + pause_s
    times = max(1, min(10, int((length_s + pause_s) / period_s)))
    shifts = np.repeat(np.arange(times) * period_s, len(tokens)).astype(np.float32)
    return Tokens(np.tile(tokens.values, (times, 1)), np.tile(tokens.times_s, times) + shifts)


def _stretch(tokens: Tokens, config: WindowAugmentation, rng: np.random.Generator) -> Tokens:
    kept = max(1, round(len(tokens) * rng.uniform(config.least_kept, 1.0)))
    start = int(rng.integers(0, len(tokens) - kept + 1))
    return Tokens(tokens.values[start : start + kept], tokens.times_s[start : start + kept])


def _noisy(tokens: Tokens, config: WindowAugmentation, rng: np.random.Generator) -> Tokens:
    if not config.noise or len(tokens) == 0:
        return tokens
    spread = np.float32(config.noise) * tokens.values.std(axis=0)
    noise = rng.standard_normal(tokens.values.shape, np.float32) * spread
    return Tokens(tokens.values + noise, tokens.times_s)
