"""Whether to believe what Whisper wrote.

Whisper always writes something: on silence, noise and music it makes sentences up, and now and then it
repeats itself for ever. What it invents gives itself away by its own figures: no list of phrases is needed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from core.stages.transcript import same_word
from core.workers.whisper import Decoded

# Measured with base on acted, telephone and broadcast speech: log-probability above -0.7 and no-speech below
# 0.25 in every right answer; on silence, noises and music no-speech minus log-probability was above 1.4
# wherever the text did not repeat itself.
_LEAST_LOG_PROBABILITY = -1.0
_MOST_DOUBT = 1.2
_MOST_COMPRESSION = 2.4
_MOST_REPETITIONS = 5
_LONGEST_PHRASE_WORDS = 8
_FASTEST_WORDS_PER_S = 7.0
_WORDS_FREE = 3
_RECITED_WORDS = 4
# Of singing without words, texts of up to -0.46 were written, in languages that were 0.05 to 0.76 likely.
# Of 50 utterances of speech one in twenty lay below -0.5, and languages were 0.97 likely or more. Of less
# than 2 s the language is hard to tell, so there only what is less probable still is asked about.
_UNSURE = -0.5
_UNSURE_WHEN_SHORT = -0.7
_SHORT_S = 2.0
_CLEAR_LANGUAGE = 0.85
# Clear speech with an accent, or cut in mid-word, is unsure and its language .66 to .83 likely; its words are
# many and most of them probable. What is written on laughter, cries and moans is a word or two of .06 to .64.
_POSSIBLE_LANGUAGE = 0.6
_FLUENT_WORDS = 5
_FLUENT_PROBABILITY = 0.75
_SPELLED_SOUNDS = 6
_CHANTED = 3
_LONGEST_WORD = 12
_MOST_REPETITIONS_IN_A_WORD = 3


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a text must not be shown.

    Attributes:
        reason: for people; says nothing of the text, and no figures: equal reasons can be counted.
        loop: the decoder went round in circles, so another way of decoding may help; else it heard no speech.
        figure: what the reason rests on, for a log.
    """

    reason: str
    loop: bool
    figure: str = ""

    def __str__(self) -> str:
        """The reason with its figure."""
        return f"{self.reason} ({self.figure})" if self.figure else self.reason


def objection(decoded: Decoded, speech_s: float, hot_words: str = "") -> Objection | None:
    """Why this must not be shown, or None.

    Args:
        decoded: what was written.
        speech_s: length of the speech it was written for, seconds.
        hot_words: what the decoder was told to expect; where it hears nothing, it likes to repeat that.
    """
    words = [same_word(word) for word in decoded.text.split()]
    if not any(c.isalnum() for c in decoded.text):
        return Objection("nothing was said", loop=False)
    if _recites(words, [same_word(word) for word in hot_words.split()]):
        return Objection("only the expected words are repeated", loop=False)
    if not decoded.complete:
        return Objection("the text does not come to an end", loop=True)
    if decoded.log_probability < _LEAST_LOG_PROBABILITY:
        return Objection(
            "the words are guesses", loop=False, figure=f"log-probability {decoded.log_probability:.2f}"
        )
    if decoded.no_speech - decoded.log_probability > _MOST_DOUBT:
        return Objection(
            "it is hardly speech", loop=False, figure=f"no-speech probability {decoded.no_speech:.2f}"
        )
    if len(words) > _WORDS_FREE + _FASTEST_WORDS_PER_S * speech_s:
        return Objection(
            "too many words for its length", loop=True, figure=f"{len(words)} words in {speech_s:.1f} s"
        )
    if _loops(decoded.text, words):
        return Objection("the text repeats itself", loop=True)
    return None


def is_unsure(decoded: Decoded, speech_s: float) -> bool:
    """Whether it matters for this text, of so many seconds of speech, how clear its language is."""
    words = [same_word(word) for word in decoded.text.split()]
    chanted = _repetitions_in_a_word(words) >= _CHANTED
    least = _UNSURE if speech_s >= _SHORT_S else _UNSURE_WHEN_SHORT
    return decoded.log_probability < least or chanted or _is_spelled(decoded.text)


def babble(clarity: float) -> Objection | None:
    """Why an unsure text must not be shown, or None: the sound is not clearly in the language of the text.

    Args:
        clarity: what the network makes of the sound: probability of the language that the text is in, or of
            all that were allowed together. Do not ask about one that was given: somebody knows better.
    """
    if clarity < _CLEAR_LANGUAGE:
        return Objection("it is in no clear language", loop=False, figure=f"{clarity:.2f}")
    return None


def is_fluent(words: Sequence[str], probabilities: Sequence[float], language_probability: float) -> bool:
    """Whether unsure words are believed although their language is not clear: they are many, different, and
    at least half of them are probable.

    Args:
        words: as aligned.
        probabilities: of each, in [0, 1].
        language_probability: what the network makes of the sound, for the language of the text.
    """
    if len({same_word(word) for word in words}) < _FLUENT_WORDS:
        return False
    return language_probability >= _POSSIBLE_LANGUAGE and median(probabilities) >= _FLUENT_PROBABILITY


def _loops(text: str, words: list[str]) -> bool:
    if _compression(text) > _MOST_COMPRESSION or _repetitions(words) > _MOST_REPETITIONS:
        return True
    if _repetitions(_sounds(text)) > _MOST_REPETITIONS:
        return True
    return _repetitions_in_a_word(words) > _MOST_REPETITIONS_IN_A_WORD


def _repetitions_in_a_word(words: list[str]) -> int:
    if any(_is_unspaced(word) for word in words):
        words = ["".join(words)]
    return max((_repetitions(list(word)) for word in words if _is_long(word)), default=1)


def _sounds(text: str) -> list[str]:
    """The words, those with hyphens taken apart."""
    return [same_word(part) for part in text.replace("-", " ").split()]


def _is_spelled(text: str) -> bool:
    """Whether a word is a long chain of sounds: somebody spells, or sings vowels."""
    chains = [word.split("-") for word in text.split()]
    return any(len(chain) >= _SPELLED_SOUNDS and max(map(len, chain)) <= 2 for chain in chains)


def _is_unspaced(word: str) -> bool:
    """Whether it is of a script that needs no spaces between words: Chinese, Japanese, Korean."""
    return any(c >= "\u2e80" for c in word)


def _is_long(word: str) -> bool:
    """Too long for a word: a chain with hyphens, or a script without spaces."""
    return len(word) > _LONGEST_WORD or (len(word) > _LONGEST_WORD // 2 and not word.isascii())


def _recites(words: list[str], expected: list[str]) -> bool:
    """Whether the words are a piece of what was expected, in its order, too long to be chance."""
    length = len(words)
    if length < min(_RECITED_WORDS, len(expected)) or length < 2:
        return False
    return any(expected[i : i + length] == words for i in range(len(expected) - length + 1))


def _compression(text: str) -> float:
    """How many times smaller the text gets; above 2.4 it is a loop (Radford et al. 2022, section 4.5)."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw))


def _repetitions(words: list[str]) -> int:
    """How often in a row the most repeated phrase of up to eight words is said."""
    most = 1
    for length in range(1, _LONGEST_PHRASE_WORDS + 1):
        equal = 0
        for word, earlier in zip(words[length:], words, strict=False):
            equal = equal + 1 if word == earlier else 0
            most = max(most, equal // length + 1)
    return most
