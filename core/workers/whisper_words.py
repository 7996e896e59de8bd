"""From the recogniser's aligned pieces to words with sane times."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.terminal_text import clean


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters with times in seconds and a probability in [0, 1].

    A leading space begins a new word; words that were put together have no surrounding spaces.
    """

    text: str
    t0_s: float
    t1_s: float
    probability: float


def words_of_pieces(
    pieces: tuple[Piece, ...], text: str, speech_s: float, *, spaced: bool
) -> tuple[Piece, ...]:
    """Put pieces together into words with times that never decrease, within the audio.

    Args:
        pieces: in reading order, as aligned; empty where the alignment failed.
        text: all of what was written.
        speech_s: length of the audio, seconds.
        spaced: whether the language puts spaces between its words.
    """
    words: list[Piece] = []
    for piece in pieces:
        begins = piece.text.startswith(" ") if spaced else _has_letters(piece.text)
        if begins or not words:
            words.append(piece)
        else:
            words[-1] = _joined(words[-1], piece)
    words = [replace(word, text=shown) for word in words if (shown := clean(word.text).strip())]
    if not words or words[-1].t1_s <= words[0].t0_s:
        return _spread(text, speech_s, spaced=spaced)
    return _in_order(words, speech_s)


def _joined(word: Piece, more: Piece) -> Piece:
    """Punctuation is aligned to the silence that follows: it adds characters, but no time and no doubt."""
    text = word.text + more.text
    if not _has_letters(more.text):
        return replace(word, text=text)
    if not _has_letters(word.text):
        return replace(more, text=text)
    return Piece(text, word.t0_s, more.t1_s, (word.probability + more.probability) / 2)


def _in_order(words: list[Piece], speech_s: float) -> tuple[Piece, ...]:
    ordered: list[Piece] = []
    at = 0.0
    for word in words:
        t0 = min(max(word.t0_s, at), speech_s)
        at = min(max(word.t1_s, t0), speech_s)
        ordered.append(replace(word, t0_s=t0, t1_s=at))
    return tuple(ordered)


def _spread(text: str, speech_s: float, *, spaced: bool) -> tuple[Piece, ...]:
    """Words over the whole audio, each for its share of the characters; nothing vouches for them: 0.5."""
    parts = text.split() if spaced else [c for c in text if not c.isspace()]
    total = sum(map(len, parts))
    words: list[Piece] = []
    done = 0
    for part in parts:
        t0 = speech_s * (done / total)
        done += len(part)
        words.append(Piece(part, t0, speech_s * (done / total), 0.5))
    return tuple(words)


def _has_letters(text: str) -> bool:
    return any(c.isalnum() for c in text)
