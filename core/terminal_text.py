"""Text that came from elsewhere, made fit for a terminal, a cue file or a message."""

from __future__ import annotations

import unicodedata
from typing import Final

_REVERSING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that reverse the direction of what follows, so that a text reads as another one than it is."""


def steers(character: str) -> bool:
    """Whether a character controls a terminal (C0, C1, DEL), reverses text or is half a surrogate pair.

    Joiners and direction marks that scripts need are not among them.
    """
    return character in _REVERSING or unicodedata.category(character) in {"Cc", "Cs"}


def clean(text: str) -> str:
    """`text` in one line, without characters that steer.

    White space becomes a space, half a surrogate pair (a byte of a file's name that is no UTF-8) becomes
    U+FFFD, and everything else of the kind is left out.
    """
    return "".join(map(_shown, text))


def clean_lines(text: str) -> str:
    """The same, except that the text's own line breaks ("\\n") stay."""
    return "\n".join(map(clean, text.split("\n")))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    if not steers(character):
        return character
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) == "Cs" else ""
