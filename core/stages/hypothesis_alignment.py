"""Where a new hypothesis goes on after the words that are committed already.

The new hypothesis may spell the committed part differently. The seam is the place in it up to which its words
stand for the committed ones: the least edits in text, and the fewest words on the wrong side in time.
"""

from __future__ import annotations

from collections.abc import Callable

from core.work import Word


def words_after(
    committed: tuple[Word, ...], words: tuple[Word, ...], key: Callable[[str], str]
) -> tuple[Word, ...]:
    """The words of a hypothesis that come after the committed ones.

    Args:
        committed: words that are settled, in time order.
        words: a hypothesis of the same utterance from its start, in time order.
        key: two words count as the same when this of their texts is equal.
    """
    settled = [key(word.text) for word in committed]
    found = [key(word.text) for word in words]
    if found[: len(settled)] == settled:
        return words[len(settled) :]
    edits = _edits_to_prefixes(settled, found)
    misplaced = _misplaced(words, committed[-1].t1_s)
    costs = [e + m for e, m in zip(edits, misplaced, strict=True)]
    return words[costs.index(min(costs)) :]


def _edits_to_prefixes(settled: list[str], found: list[str]) -> list[float]:
    """Levenshtein distance between all of `settled` and each prefix of `found`, the empty one first."""
    row = [float(j) for j in range(len(found) + 1)]
    for i, expected in enumerate(settled, start=1):
        diagonal, row[0] = row[0], float(i)
        for j, actual in enumerate(found, start=1):
            replaced = diagonal + (expected != actual)
            diagonal = row[j]
            row[j] = min(replaced, row[j] + 1, row[j - 1] + 1)
    return row


def _misplaced(words: tuple[Word, ...], seam_s: float) -> list[float]:
    """For each place of the seam: by how much words before it are late, and words after it early.

    A word's share is the distance of its middle from the seam in seconds, at most 1: as bad as one edit.
    """
    offsets = [(word.t0_s + word.t1_s) / 2 - seam_s for word in words]
    late = [min(1.0, max(0.0, offset)) for offset in offsets]
    early = [min(1.0, max(0.0, -offset)) for offset in offsets]
    return [sum(late[:j]) + sum(early[j:]) for j in range(len(words) + 1)]
