"""Which language an utterance is decoded in.

Whisper detects languages well on several seconds of speech and badly on one. So a run settles on a language
at its first final utterance that is long and clear enough, and leaves it only for one heard very clearly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

_LONG_ENOUGH_S = 1.5
_CLEAR = 0.5
_LONG_ENOUGH_TO_CHANGE_S = 2.0
_VERY_CLEAR = 0.9
_GUESS = "en"


@dataclass(frozen=True, slots=True)
class LanguageState:
    """What the run has settled on: a BCP 47 primary subtag, None so far."""

    settled: str | None = None


def choose_language(
    probabilities: Mapping[str, float],
    state: LanguageState,
    *,
    speech_s: float,
    final: bool,
    known: Collection[str],
) -> tuple[str, LanguageState]:
    """The language for one order, and the state after it. Only final utterances change the state.

    Args:
        probabilities: language -> probability in [0, 1].
        state: what the orders before left behind.
        speech_s: length of the speech, seconds.
        final: whether the utterance is complete.
        known: languages that the network can write.
    """
    usable = {language: p for language, p in probabilities.items() if language in known}
    likeliest = max(usable, key=lambda language: usable[language], default=_GUESS)
    clarity = usable.get(likeliest, 0.0)
    if state.settled is None:
        clear = clarity >= _CLEAR and speech_s >= _LONG_ENOUGH_S
        if clear and final:
            return likeliest, LanguageState(likeliest)
        # A short or unclear start: believe what is very likely only, else what Whisper was trained on most.
        return (likeliest if clear or clarity >= _VERY_CLEAR else _GUESS), state
    if clarity >= _VERY_CLEAR and speech_s >= _LONG_ENOUGH_TO_CHANGE_S:
        return likeliest, LanguageState(likeliest) if final else state
    return state.settled, state
