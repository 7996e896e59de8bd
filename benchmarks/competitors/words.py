"""Words that a product settled on, put beside those that were said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.live_figures import words_apart
from core.stages.transcript import same_word

WordHistory = Sequence[tuple[float, tuple[str, ...]]]

_FAR: Final = 1_000_000
_ENOUGH: Final = 0.75


@dataclass(slots=True)
class RecognisedWords:
    """What a client was told, and when.

    Attributes:
        final: (wall-clock second, all words settled so far), whenever they changed.
        shown: the same with words that may still change.
    """

    final: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    shown: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def update(self, at_s: float, settled: str, open_end: str = "") -> None:
        """Take in the whole text as it stands now."""
        for told, text in ((self.final, settled), (self.shown, f"{settled} {open_end}")):
            words = plain_words(text)
            if not told or told[-1][1] != words:
                told.append((at_s, words))


def plain_words(text: str) -> tuple[str, ...]:
    """Words without case and punctuation."""
    return tuple(word for word in map(same_word, text.split()) if any(map(str.isalnum, word)))


def ends_in(told: WordHistory, said: Sequence[Sequence[str]], starts_s: Sequence[float]) -> list[int]:
    """How many of the heard words belong to the utterances up to each one.

    Heard and said words are aligned with as few changes as possible. A word belongs to no utterance that had
    not begun when it was told; words that nobody said belong to the utterance before them.

    Args:
        told: all words so far, whenever they changed; the last entry is the end.
        said: words of each utterance.
        starts_s: wall-clock second at which each utterance began.

    Returns:
        per utterance the number of heard words from the beginning to its end.
    """
    heard = told[-1][1] if told else ()
    first_s = [next(at_s for at_s, words in told if len(words) > j) for j in range(len(heard))]
    flat = [(word, start_s) for words, start_s in zip(said, starts_s, strict=True) for word in words]
    changes = np.array(
        [
            [
                _FAR if at_s < start_s else int(word != other)
                for other, at_s in zip(heard, first_s, strict=True)
            ]
            for word, start_s in flat
        ],
        np.int64,
    ).reshape(len(flat), len(heard))
    last = _last_columns(_costs(changes), changes)
    return [last[int(count)] for count in np.cumsum([len(words) for words in said])]


def _costs(changes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Least number of changes between the first i said and the first j heard words."""
    rows, columns = changes.shape
    costs = np.add.outer(np.arange(rows + 1), np.arange(columns + 1))
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            change = costs[i - 1, j - 1] + changes[i - 1, j - 1]
            costs[i, j] = min(change, costs[i - 1, j] + 1, costs[i, j - 1] + 1)
    return costs


def _last_columns(costs: NDArray[np.int64], changes: NDArray[np.int64]) -> list[int]:
    """Per number of said words, how many heard words an alignment of least cost gives them."""
    i, j = changes.shape
    last = [0] * (i + 1)
    last[i] = j
    while i > 0:
        if j > 0 and costs[i, j] == costs[i - 1, j - 1] + changes[i - 1, j - 1]:
            i, j = i - 1, j - 1
            last[i] = j
        elif costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            last[i] = j
        else:
            j -= 1
    return last


def settled_at(told: WordHistory, ends: Sequence[int], said: Sequence[Sequence[str]]) -> list[float | None]:
    """When the words of each utterance stood as they stand at the end.

    Args:
        told: all words so far, whenever they changed; the last entry is the end.
        ends: per utterance the number of words from the beginning to its end.
        said: words of each utterance.

    Returns:
        wall-clock seconds; None for an utterance of which fewer than three quarters of the words were heard:
        who leaves out the last ones would seem fast.
    """
    if not told:
        return [None] * len(said)
    whole = told[-1][1]
    found: list[float | None] = []
    for before, end, words_said in zip([0, *ends[:-1]], ends, said, strict=True):
        since = None
        for at_s, words in told:
            if words[:end] != whole[:end]:
                since = None
            elif since is None:
                since = at_s
        found.append(since if end - before >= _ENOUGH * len(words_said) else None)
    return found


def word_error(heard: Sequence[str], said: Sequence[Sequence[str]]) -> float:
    """Words to change, leave out or put in, per word that was said."""
    return round(words_apart([word for words in said for word in words], heard), 4)
