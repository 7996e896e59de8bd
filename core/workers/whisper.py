"""Whisper through faster-whisper and CTranslate2, with an audio context that is not padded to 30 s.

faster-whisper's own `transcribe` always encodes 30 s. CTranslate2's encoder takes any length, and most of the
time goes into encoding; so this file calls the parts (features, encoder, decoder, alignment) one by one.
"""

from __future__ import annotations

import ctypes
import logging
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from core.errors import ModelError, WeightsError
from core.inputs import SAMPLE_RATE, Samples
from core.workers.whisper_rules import checked_languages, fit_features
from core.workers.whisper_words import Piece, words_of_pieces

if TYPE_CHECKING:  # loading them takes half a second, and only who transcribes needs them
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

Device = Literal["auto", "cpu", "cuda"]

LONGEST_CONTEXT_S: Final = 30
"""What Whisper was trained on; it hears no more at once."""

_FRAMES_PER_SECOND = 100
_MOST_TOKENS = 448
_MOST_HOT_TOKENS = 100
_FILES = ("model.bin", "config.json", "tokenizer.json")
_UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Speech after the encoder.

    Attributes:
        features: the encoder's output, held by CTranslate2.
        speech_s: length of the audio without padding, seconds.
    """

    features: Any
    speech_s: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder wrote.

    Attributes:
        text: as written, without surrounding spaces.
        tokens: its text tokens.
        log_probability: mean natural logarithm of the tokens' probabilities, <= 0.
        no_speech: the decoder's probability that there is no speech, in [0, 1].
        complete: False when it had not come to an end after the most tokens allowed.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    no_speech: float
    complete: bool


class Whisper:
    """One loaded network. It keeps no state between calls and samples nothing: equal input, equal output.

    Args:
        folder: a CTranslate2 conversion: model.bin, config.json, tokenizer.json, vocabulary.
        device: "auto" takes a GPU if one passes a trial, else the CPU.
        cpu_threads: threads on the CPU; another number may round sums differently.

    Raises:
        WeightsError: a file is missing.
        ModelError: the network cannot be loaded, its files do not belong together, or the device that was
            named cannot run it.
    """

    def __init__(self, folder: Path, *, device: Device = "auto", cpu_threads: int = 2) -> None:
        for file in _FILES:
            if not (folder / file).is_file():
                raise WeightsError(
                    f"has no {file}: it is no complete Whisper folder.",
                    where=str(folder),
                    fix="Run `emotrack models pull`.",
                )
        self._model = _load(folder, device, cpu_threads)
        fit_features(self._model, folder)
        self.languages: frozenset[str] = checked_languages(
            self._model.hf_tokenizer,
            self._model.supported_languages,
            multilingual=self._model.model.is_multilingual,
            where=folder,
        )
        """Codes that `decode` takes; a network for English alone knows no others."""

    def encode(self, samples: Samples, context_s: int) -> Encoded:
        """Hear `samples`, (n,) float32 at 16 kHz, padded with silence to `context_s` seconds.

        Raises:
            ModelError: the encoder failed.
        """
        wanted = context_s * SAMPLE_RATE
        assert len(samples) <= wanted, "choose a context that holds the speech"
        padded = np.pad(samples, (0, wanted - len(samples)))
        mel = self._model.feature_extractor(padded)[:, : context_s * _FRAMES_PER_SECOND]
        try:
            features = self._model.encode(np.ascontiguousarray(mel))
        except RuntimeError as error:
            raise ModelError(f"Whisper's encoder failed: {error}") from error
        return Encoded(features, len(samples) / SAMPLE_RATE)

    def language_probabilities(self, encoded: Encoded) -> dict[str, float]:
        """How likely each language is, likeliest first. English alone for an English network."""
        if not self._model.model.is_multilingual:
            return {"en": 1.0}
        found = self._model.model.detect_language(encoded.features)[0]
        return {token.strip("<|>"): float(probability) for token, probability in found}

    def decode(
        self, encoded: Encoded, language: str, *, most_tokens: int, beams: int, hot_words: str = ""
    ) -> Decoded:
        """Write down what was said in at most so many tokens, without time stamps or sampling.

        Args:
            encoded: what was heard.
            language: one of `languages`.
            most_tokens: where to give up.
            beams: how many wordings are followed at once; 1 is greedy.
            hot_words: names and terms to be expected, given as if they had been said before.

        Raises:
            ModelError: the decoder failed.
        """
        tokenizer = self._tokenizer(language)
        prompt = [*_said_before(tokenizer, hot_words), *tokenizer.sot_sequence, tokenizer.no_timestamps]
        limit = min(_MOST_TOKENS, len(prompt) + most_tokens)
        try:
            result = self._model.model.generate(
                encoded.features,
                [prompt],
                beam_size=beams,
                max_length=limit,
                return_scores=True,
                return_no_speech_prob=True,
            )[0]
        except RuntimeError as error:
            raise ModelError(f"Whisper's decoder failed: {error}") from error
        written = result.sequences_ids[0]
        tokens = tuple(token for token in written if token < tokenizer.eot)
        # CTranslate2's score is the mean over the tokens; the end token counts as one more.
        mean = result.scores[0] * len(written) / (len(written) + 1)
        return Decoded(
            text=tokenizer.decode(written).strip(),
            tokens=tokens,
            log_probability=float(mean),
            no_speech=float(result.no_speech_prob),
            complete=len(prompt) + len(written) < limit,
        )

    def align(self, encoded: Encoded, decoded: Decoded, language: str) -> tuple[Piece, ...]:
        """When each word was said, from the decoder's attention; seconds since the start of the audio.

        Where the attention gives no alignment, the words are spread over the audio by their lengths.
        """
        tokenizer = self._tokenizer(language)
        frames = round(encoded.speech_s * _FRAMES_PER_SECOND)
        try:
            found = self._model.find_alignment(tokenizer, [list(decoded.tokens)], encoded.features, frames)[0]
        except (RuntimeError, IndexError) as error:
            _log.debug("Whisper's alignment failed (%s): words are spread evenly.", error)
            found = []
        pieces = tuple(
            Piece(w["word"], float(w["start"]), float(w["end"]), float(w["probability"])) for w in found
        )
        return words_of_pieces(
            pieces, decoded.text, encoded.speech_s, spaced=language not in _UNSPACED_LANGUAGES
        )

    def _tokenizer(self, language: str) -> Tokenizer:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._model.hf_tokenizer,
            self._model.model.is_multilingual,
            task="transcribe",
            language=language,
        )


def _said_before(tokenizer: Tokenizer, text: str) -> list[int]:
    if not text.strip():
        return []
    return [tokenizer.sot_prev, *tokenizer.encode(" " + text.strip())[:_MOST_HOT_TOKENS]]


def _load(folder: Path, device: Device, cpu_threads: int) -> WhisperModel:
    """The network on a device that has proved that it can run it."""
    if device != "cpu":
        try:
            return _on_cuda(folder)
        except (RuntimeError, ValueError) as error:
            if device == "cuda":
                raise ModelError(
                    f"Whisper does not run on the GPU: {error}",
                    where=str(folder),
                    fix="Install nvidia-cublas-cu12, or choose the device cpu.",
                ) from error
            _log.info("Whisper runs on the CPU: %s", error)
    try:
        return _network(folder, device="cpu", compute_type="int8", cpu_threads=cpu_threads)
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"cannot be loaded as a Whisper network: {error}",
            where=str(folder),
            fix="Run `emotrack models verify` to check the files, then `emotrack models pull`.",
        ) from error


def _on_cuda(folder: Path) -> WhisperModel:
    """Load on the GPU and hear one second of silence: missing libraries show at the first encoding only."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        raise RuntimeError("there is no CUDA device")
    _preload_cublas()
    model = _network(folder, device="cuda", compute_type="float16", cpu_threads=1)
    mel = model.feature_extractor(np.zeros(SAMPLE_RATE, dtype=np.float32))
    model.encode(np.ascontiguousarray(mel[:, :_FRAMES_PER_SECOND]))
    return model


def _preload_cublas() -> None:
    """CTranslate2 asks the system for CUDA 12's cuBLAS; the one from a wheel must be loaded beforehand."""
    spec = find_spec("nvidia.cublas") if find_spec("nvidia") else None
    for root in spec.submodule_search_locations or () if spec else ():
        for library in ("libcublasLt.so.12", "libcublas.so.12"):
            path = Path(root) / "lib" / library
            if path.is_file():
                try:
                    ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
                except OSError as error:
                    raise RuntimeError(f"{library} cannot be loaded: {error}") from error


def _network(folder: Path, *, device: str, compute_type: str, cpu_threads: int) -> WhisperModel:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read on import: nothing may ask the hub behind our back
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(folder),
        device=device,
        compute_type=compute_type,
        cpu_threads=cpu_threads,
        num_workers=1,
        local_files_only=True,
    )
