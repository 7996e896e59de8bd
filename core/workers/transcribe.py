"""The worker that turns speech into words, and rather into none than into invented ones."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.encoders.silero import FRAME_SAMPLES
from core.errors import ConfigError, ModelError
from core.inputs import SAMPLE_RATE, AudioChunk, Samples
from core.stages.vad import Vad, VadNetwork
from core.work import Hypothesis, Transcribe, Word
from core.workers.whisper import LONGEST_CONTEXT_S, Decoded, Device, Encoded, Whisper
from core.workers.whisper_guard import Objection, babble, is_fluent, is_unsure, objection
from core.workers.whisper_language import (
    LanguageChoice,
    LanguageState,
    among,
    choose_language,
    parse_languages,
)
from core.workers.whisper_words import Piece

CONTEXTS_S: Final = (10, 15, 20, LONGEST_CONTEXT_S)
"""Seconds of audio that Whisper is given, padded with silence: a few fixed sizes."""

# Silence kept after the speech. With little of it the decoder does not find the end and repeats itself.
_PARTIAL_ROOM_S = 2.0
_FINAL_ROOM_S = 5.0
# Several beams hear noisy speech better, but like to repeat themselves: then greed helps.
_PARTIAL_BEAMS = (1,)
_FINAL_BEAMS = (5, 1)
_VOICED = 0.35  # as little as keeps a turn open by default
_LEAST_VOICED_FRAMES = 3
_SHORTEST_FIRST_WORD_S = 0.15
_TOKENS_PER_S = 12
_TOKENS_FREE = 24
_MOST_TOKENS = 224
_NO_VOICE = "nobody speaks in it"

_log = logging.getLogger(__name__)


class Recogniser(Protocol):
    """What the worker needs of `core.workers.whisper.Whisper`."""

    languages: frozenset[str]

    def encode(self, samples: Samples, context_s: int) -> Encoded: ...  # noqa: D102
    def language_probabilities(self, encoded: Encoded) -> dict[str, float]: ...  # noqa: D102
    def decode(  # noqa: D102
        self, encoded: Encoded, language: str, *, most_tokens: int, beams: int, hot_words: str = ""
    ) -> Decoded: ...
    def align(self, encoded: Encoded, decoded: Decoded, language: str) -> tuple[Piece, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Heard:
    """Words that are believed, their language, and how certain that is; None where it was given."""

    pieces: tuple[Piece, ...]
    language: str
    certainty: float | None


class Transcriber:
    """Answers `Transcribe` orders.

    Audio is encoded with a short context, because that is where the time goes. When the result is not to be
    believed, a final order is tried again with Whisper's full 30 s; where no result can be believed there are
    no words. A partial order is not tried twice: the next one comes soon.

    Args:
        recogniser: the network.
        language: code to decode in, such as "en"; several, such as "en,de", when it is one of them; None
            detects it among all.
        voice: asked whether there is a voice at all before Whisper is; None trusts the turn.
        least_context_s: seconds encoded at least; 30 makes every order as slow and as sure as can be.
        hot_words: names and terms to be expected, as running text.

    Attributes:
        language: the only thing remembered between orders (see `whisper_language`): the same orders in the
            same order give the same answers. Set it to `LanguageState()` at the start of a run.

    Raises:
        ConfigError: the network does not know a `language`.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        *,
        language: str | None = None,
        voice: VadNetwork | None = None,
        least_context_s: int = CONTEXTS_S[0],
        hot_words: str = "",
    ) -> None:
        allowed = _allowed(language)
        for code in allowed:
            if code not in recogniser.languages:
                raise ConfigError(
                    f"this Whisper does not know the language {code!r}.",
                    fix="Use a code such as en or de, and a multilingual size for others than English.",
                )
        self.language = LanguageState()
        self._recogniser = recogniser
        self._allowed = frozenset(allowed)
        self._fixed_language = allowed[0] if len(allowed) == 1 else None
        self._voice = voice
        self._least_context_s = least_context_s
        self._hot_words = hot_words

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        device: Device = "auto",
        cpu_threads: int = 2,
        language: str | None = None,
        voice: VadNetwork | None = None,
    ) -> Self:
        """Load a CTranslate2 Whisper from a local folder. Raises what `Whisper` and the constructor raise."""
        recogniser = Whisper(folder, device=device, cpu_threads=cpu_threads)
        return cls(recogniser, language=language, voice=voice)

    @property
    def current_language(self) -> str | None:
        """The language that is fixed or that the run has settled on; None while that is open."""
        return self._fixed_language if self._fixed_language is not None else self.language.settled

    def knows(self, language: str) -> bool:
        """Whether the network can write `language`."""
        return language in self._recogniser.languages

    def run(self, order: Transcribe) -> Hypothesis:
        """Recognise the order's audio. No words is a result too, and it has a reason.

        Raises:
            ModelError: the network failed, or the audio is longer than 30 s.
        """
        speech_s = len(order.samples) / SAMPLE_RATE
        if speech_s > LONGEST_CONTEXT_S:
            raise ModelError(
                f"an utterance of {speech_s:.1f} s is longer than the {LONGEST_CONTEXT_S} s Whisper hears.",
                fix="Lower voice.max_turn_s.",
            )
        onset_s = self._voice_onset_s(order.samples)
        if onset_s is None:
            return Hypothesis(order.utterance, (), "", order.final, rejected=_NO_VOICE)
        reason = ""
        for context_s in self._contexts_s(speech_s, final=order.final):
            heard = self._hear(order, context_s)
            if isinstance(heard, Heard):
                words = _words(heard.pieces, order, onset_s)
                return Hypothesis(order.utterance, words, heard.language, order.final, heard.certainty)
            reason = heard.reason
        return Hypothesis(order.utterance, (), "", order.final, rejected=reason)

    def _contexts_s(self, speech_s: float, *, final: bool) -> list[int]:
        room_s = _FINAL_ROOM_S if final else _PARTIAL_ROOM_S
        fitting = [c for c in CONTEXTS_S if c >= max(self._least_context_s, speech_s + room_s)]
        first = fitting[0] if fitting else LONGEST_CONTEXT_S
        return [first, LONGEST_CONTEXT_S] if final and first < LONGEST_CONTEXT_S else [first]

    def _hear(self, order: Transcribe, context_s: int) -> Heard | Objection:
        """Believable words, or why there are none. Only what is believed settles the run's language."""
        encoded = self._recogniser.encode(order.samples, context_s)
        chosen, certainty = self._choose_language(encoded, final=order.final)
        language = chosen.language
        full = context_s == LONGEST_CONTEXT_S
        most_tokens = _MOST_TOKENS if full else round(_TOKENS_FREE + _TOKENS_PER_S * encoded.speech_s)
        doubt: Objection | None = None
        for beams in _FINAL_BEAMS if order.final else _PARTIAL_BEAMS:
            decoded = self._recogniser.decode(
                encoded, language, most_tokens=most_tokens, beams=beams, hot_words=self._hot_words
            )
            doubt = objection(decoded, encoded.speech_s, self._hot_words)
            if doubt is None:
                pieces = self._recogniser.align(encoded, decoded, language)
                doubt = self._babble(encoded, decoded, pieces, language)
                if doubt is None:
                    self.language = chosen.state
                    return Heard(pieces, language, certainty)
            _log.debug("%s, context %d s, beams %d: %s.", order.utterance, context_s, beams, doubt)
            if not doubt.loop:
                break
        assert doubt is not None, "words without a doubt are returned"
        return doubt

    def _babble(
        self, encoded: Encoded, decoded: Decoded, pieces: tuple[Piece, ...], language: str
    ) -> Objection | None:
        """Why unsure words are in no language that is spoken; None where a language was given."""
        if self._fixed_language is not None or not is_unsure(decoded, encoded.speech_s):
            return None
        probabilities = self._recogniser.language_probabilities(encoded)
        # Of several languages that were given, each speaks for the others: which of them it is matters less.
        clarity = sum(probabilities.get(code, 0.0) for code in self._allowed or {language})
        words, sureness = [piece.text for piece in pieces], [piece.probability for piece in pieces]
        if is_fluent(words, sureness, clarity):
            return None
        return babble(clarity)

    def _choose_language(self, encoded: Encoded, *, final: bool) -> tuple[LanguageChoice, float | None]:
        """The language to decode in, and how certain that is; None where one was given."""
        if self._fixed_language is not None:
            return LanguageChoice(self._fixed_language, 1.0, self.language), None
        choice = choose_language(
            among(self._recogniser.language_probabilities(encoded), self._allowed),
            self.language,
            speech_s=encoded.speech_s,
            final=final,
            known=self._allowed or self._recogniser.languages,
        )
        return choice, round(choice.certainty, 4)

    def _voice_onset_s(self, samples: Samples) -> float | None:
        """Seconds until the voice sets in, None where there is none; 0 when nobody was asked to listen."""
        if self._voice is None:
            return 0.0 if len(samples) else None
        frames = Vad(self._voice).push(AudioChunk("order", 0, samples))
        voiced: NDArray[np.intp] = np.flatnonzero([frame.probability >= _VOICED for frame in frames])
        if len(voiced) < _LEAST_VOICED_FRAMES:
            return None
        return int(voiced[0]) * FRAME_SAMPLES / SAMPLE_RATE


def _allowed(language: str | None) -> tuple[str, ...]:
    try:
        return parse_languages(language)
    except ValueError as error:
        raise ConfigError(f"{error}.") from error


def _words(pieces: tuple[Piece, ...], order: Transcribe, onset_s: float) -> tuple[Word, ...]:
    """Words in stream time. Attention begins the first word with the audio; it begins with the voice."""
    t_s = order.start_sample / SAMPLE_RATE
    words = []
    for i, piece in enumerate(pieces):
        t0 = max(piece.t0_s, min(onset_s, piece.t1_s - _SHORTEST_FIRST_WORD_S)) if i == 0 else piece.t0_s
        words.append(
            Word(piece.text, round(t_s + t0, 3), round(t_s + piece.t1_s, 3), round(piece.probability, 4))
        )
    return tuple(words)
