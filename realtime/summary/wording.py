"""How an estimate is put into words, everywhere alike: adjectives, one word for certainty, names."""

from __future__ import annotations

import re
from typing import Final

from core.labels import UNKNOWN_PERSON

ADJECTIVES: Final = {
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "afraid",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprised",
    "neutral": "neutral",
}
MODALITY_NAMES: Final = {"text": "words", "audio": "voice", "visual": "face"}
CALM: Final = "neutral"
SURE: Final = 0.7
FAIRLY_SURE: Final = 0.5
APART: Final = 0.4
"""Two modalities that are so far apart, on both sides of the threshold, contradict each other."""

_KINDS: Final = {"p": "Person", "v": "Voice"}
_NUMBERED: Final = re.compile(r"([pv])(\d+)")
_DIGITS: Final = re.compile(r"(\d+)")


def adjective(label: str) -> str:
    """How somebody is who expresses `label`; a label that is not ours stands for itself."""
    return ADJECTIVES.get(label, label)


def sureness(certainty: float) -> str:
    """The one word for certainty.

    Args:
        certainty: a label's probability times the evidence behind it, in [0, 1]: of the most probable label
            it is `EmotionEstimate.confidence`.
    """
    if certainty >= SURE:
        return "sure"
    return "fairly sure" if certainty >= FAIRLY_SURE else "unsure"


def spoken_name(person: str) -> str:
    """What somebody is called where nobody has given a name: "Person 2" for "p2", "Voice 1" for "v1"."""
    if person == UNKNOWN_PERSON:
        return "Somebody"
    if person in {"me", "them"}:
        return person.capitalize()
    match = _NUMBERED.fullmatch(person)
    return f"{_KINDS[match[1]]} {match[2]}" if match else person


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts "Person 2" before "Person 10"."""
    return tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part.casefold())
        for part in _DIGITS.split(name)
        if part
    )


def percent(share: float) -> str:
    """A share in [0, 1], for people."""
    return f"{round(100 * share)}%"


def clock(t_s: float) -> str:
    """Stream time in whole seconds: 0:07, 1:02:03."""
    whole = max(0, int(t_s))
    minutes, seconds = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def length(duration_s: float) -> str:
    """A duration in words: 0 s, 17 s, 3 min 05 s, 1 h 02 min."""
    whole = round(max(0.0, duration_s))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
