"""Words with times to word pieces with times. No torch here: the live loop uses this file.

Legend: B batch, T word pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError

MAX_PIECES: Final = 64
"""Longest input in word pieces, the two marks at both ends included."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One text, ready for the encoder.

    Attributes:
        ids: (T,) int64.
        times_s: (T,) float32, the time of the word that a piece belongs to.
    """

    ids: NDArray[np.int64]
    times_s: NDArray[np.float32]


class PieceTokenizer:
    """WordPiece tokenisation with the vocabulary of MiniLM.

    Args:
        folder: holds `tokenizer.json`, beside the encoder's weights.

    Raises:
        ModelError: the file is absent or damaged.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer  # heavy: only who encodes text pays for it

        path = folder / "tokenizer.json"
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more special
            raise ModelError(
                f"cannot be read as a tokenizer ({error}).",
                where=str(path),
                fix="Fetch the weights again: emotrack models pull.",
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def pieces(self, words: Sequence[str], times_s: Sequence[float]) -> Pieces:
        """Split the words of one utterance.

        A text longer than `MAX_PIECES` loses its beginning: the newest words are nearest to the estimate.

        Args:
            words: in time order; a "word" may hold spaces.
            times_s: one time per word, in seconds.

        Raises:
            ValueError: there are no words, or not as many times as words.
        """
        if not words or len(words) != len(times_s):
            raise ValueError(f"{len(words)} words and {len(times_s)} times: one time per word is needed")
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])
        encoding = self._tokenizer.encode(" ".join(words))
        # Pieces know the characters they came from; marks have no characters and take their neighbour's time.
        middle = [(a + b) / 2 for a, b in encoding.offsets[1:-1]]
        owner = np.clip(np.searchsorted(starts, middle, side="right") - 1, 0, len(words) - 1)
        first, last, kept = encoding.ids[0], encoding.ids[-1], MAX_PIECES - 2
        ids = [first, *encoding.ids[1:-1][-kept:], last]
        inner = [float(times_s[index]) for index in owner[-kept:]] or [float(times_s[-1])]
        times = [inner[0], *inner[: len(ids) - 2], inner[-1]]
        return Pieces(np.array(ids, np.int64), np.array(times, np.float32))


def pad_pieces(batch: Sequence[Pieces]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Pad texts to the longest one: ids (B, T) int64 and mask (B, T) bool, True for a real piece."""
    longest = max(len(pieces.ids) for pieces in batch)
    ids = np.zeros((len(batch), longest), np.int64)
    mask = np.zeros((len(batch), longest), np.bool_)
    for row, pieces in enumerate(batch):
        ids[row, : len(pieces.ids)] = pieces.ids
        mask[row, : len(pieces.ids)] = True
    return ids, mask
