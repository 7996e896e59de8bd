"""Sentences about what could not be read, without drowning the reader in a badly damaged file."""

from __future__ import annotations


class FaultLog:
    """Collects one stream's faults in a shared list.

    Args:
        sentences: where to put them.
        limit: so many are told one by one; the rest is counted.
    """

    def __init__(self, sentences: list[str], *, limit: int = 20) -> None:
        self._sentences = sentences
        self._limit = limit
        self._noted = 0

    def note(self, sentence: str) -> None:
        """Add a sentence."""
        self._noted += 1
        if self._noted <= self._limit:
            self._sentences.append(sentence)

    def finish(self) -> None:
        """Say how many sentences were held back."""
        if self._noted > self._limit:
            self._sentences.append(f"{self._noted - self._limit} more faults of this kind were found.")
