"""Which language an utterance is decoded in, and how certain that is.

Whisper detects languages well on several seconds of speech and badly on one. So a run settles on a language
at its first final utterance that is long and clear enough, and leaves it only for one heard very clearly.
Who knows what will be spoken can say so: then no other language is ever a candidate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

AUTO: Final = "auto"

_LONG_ENOUGH_S = 1.5
_CLEAR = 0.5
_LONG_ENOUGH_TO_CHANGE_S = 2.0
_VERY_CLEAR = 0.9
_GUESS = "en"
# How likely the next utterance is in the language of those before, and the length from which on the sound of
# one is taken at its word: only for the certainty that is told.
_STAY = 0.95
_FULL_WEIGHT_S = 2.0
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class LanguageState:
    """What the run has settled on: a BCP 47 primary subtag, None so far."""

    settled: str | None = None


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """The language for one order.

    Attributes:
        language: BCP 47 primary subtag.
        certainty: in [0, 1], how likely it is what is spoken.
        state: what to remember when the words are believed.
    """

    language: str
    certainty: float
    state: LanguageState


def parse_languages(text: str | None) -> tuple[str, ...]:
    """The languages that may be spoken, of "en", "en,de" or "auto"; empty = any.

    Raises:
        ValueError: one of them is no code of a language.
    """
    if text is None or text.strip().lower() == AUTO:
        return ()
    codes = tuple(dict.fromkeys(code.strip().lower() for code in text.split(",")))
    for code in codes:
        if re.fullmatch("[a-z]{2,3}", code) is None:
            raise ValueError(
                f'{code!r} is no code of a language; write two or three letters such as "en", several as '
                '"en,de", or "auto": then it is recognised'
            )
    return codes


def choose_language(
    probabilities: Mapping[str, float],
    state: LanguageState,
    *,
    speech_s: float,
    final: bool,
    known: Collection[str],
) -> LanguageChoice:
    """The language for one order. Only final utterances change the state.

    Args:
        probabilities: language -> probability in [0, 1].
        state: what the orders before left behind.
        speech_s: length of the speech, seconds.
        final: whether the utterance is complete.
        known: languages that can be spoken and that the network can write.
    """
    usable = {language: p for language, p in probabilities.items() if language in known}
    likeliest = max(usable, key=lambda language: usable[language], default=_guess(known))
    clarity = usable.get(likeliest, 0.0)
    if state.settled is None or state.settled not in known:
        clear = clarity >= _CLEAR and speech_s >= _LONG_ENOUGH_S
        if clear and final:
            return LanguageChoice(likeliest, clarity, LanguageState(likeliest))
        # A short or unclear start: believe what is very likely only, else what Whisper was trained on most.
        language = likeliest if clear or clarity >= _VERY_CLEAR or _GUESS not in known else _GUESS
        return LanguageChoice(language, usable.get(language, 0.0), state)
    if likeliest != state.settled and clarity >= _VERY_CLEAR and speech_s >= _LONG_ENOUGH_TO_CHANGE_S:
        return LanguageChoice(likeliest, clarity, LanguageState(likeliest) if final else state)
    return LanguageChoice(state.settled, _certainty(usable, state.settled, speech_s), state)


def among(probabilities: Mapping[str, float], allowed: Collection[str]) -> dict[str, float]:
    """The probabilities, given that one of `allowed` is spoken; all of them where none is named."""
    if not allowed:
        return dict(probabilities)
    usable = {language: max(probabilities.get(language, 0.0), _LEAST) for language in allowed}
    total = sum(usable.values())
    return {language: p / total for language, p in usable.items()}


def _guess(known: Collection[str]) -> str:
    return _GUESS if _GUESS in known or not known else min(known)


def _certainty(usable: Mapping[str, float], settled: str, speech_s: float) -> float:
    """How likely the settled language still is: Bayes' rule, against the likeliest other one."""
    other = max((p for language, p in usable.items() if language != settled), default=0.0)
    weight = min(1.0, speech_s / _FULL_WEIGHT_S)
    stays = _STAY * max(usable.get(settled, 0.0), _LEAST) ** weight
    leaves = (1.0 - _STAY) * max(other, _LEAST) ** weight
    return float(stays / (stays + leaves))
