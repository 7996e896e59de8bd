"""Votes of EmotionLines' five annotators, written as one string of digits: they make soft labels.

The order is neutral, joy, sadness, fear, anger, surprise, disgust: "4100000" is four for
neutral, one for joy.
"""

from __future__ import annotations

from typing import Final

from core.errors import SourceError

ORDER: Final = ("neutral", "joy", "sadness", "fear", "anger", "surprise", "disgust")


def shares_of(votes: str, *, where: str) -> dict[str, float]:
    """Label -> share of the votes, for labels that have one.

    Raises:
        SourceError: not seven digits, or no vote among them.
    """
    total = sum(map(int, votes)) if votes.isascii() and votes.isdigit() else 0
    if len(votes) != len(ORDER) or not total:
        raise SourceError(f"{votes!r} is not seven numbers of votes.", where=where)
    return {name: int(count) / total for name, count in zip(ORDER, votes, strict=True) if count != "0"}
