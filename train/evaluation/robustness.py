"""The same examples under worse conditions: noise in the sound, errors in the words, faces that are lost.

Sound and words are spoiled before they are encoded, so that the whole chain is judged. Whatever is spoiled
depends on the example alone: every run and every checkpoint gets the same.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from core.inputs import Samples
from core.models.storage import load_network
from core.window import Tokens
from train.corpora.base import ClipExample, Example, TextExample
from train.corpora.registry import corpus
from train.corpora.sound import read_samples
from train.data.token_set import Ragged, TokenSet
from train.encoding.corpus import EncodingContext
from train.encoding.features import EncodeClips, EncodeTexts, Locate, encode_examples, speech_tokens
from train.evaluation.branches import branches_of
from train.evaluation.judge_checkpoint import Figures, branch_figures
from train.evaluation.prepared_split import PreparedSplit

NOISE_DB: Final = (20.0, 10.0, 0.0)
WORD_ERRORS: Final = (0.2, 0.4)
FACES_LOST: Final = (0.3, 0.6)

_SUBSTITUTED, _DELETED = 0.65, 0.20
"""Shares of the errors of a recogniser; the rest are words that nobody said."""


class NoisyClips(EncodeClips):
    """Utterances with white noise.

    Args:
        folder, locate: as for `EncodeClips`.
        snr_db: power of the utterance over that of the noise.
    """

    def __init__(self, folder: Path, locate: Locate, snr_db: float) -> None:
        super().__init__(folder, locate)
        self._snr_db = snr_db

    @torch.no_grad()
    def __call__(self, examples: Sequence[Example]) -> list[Tokens]:
        """One token per 0.1 s of what is still taken for speech."""
        return [speech_tokens(self._noisy(e), self._voice, self._encoder) for e in examples]

    def content(self, example: Example) -> bytes:
        """The file's hash and the noise."""
        return super().content(example) + f" white noise {self._snr_db} dB".encode()

    def _noisy(self, example: Example) -> Samples:
        assert isinstance(example, ClipExample)
        rng = np.random.default_rng(_seed(example))
        return with_noise(read_samples(example.path), self._snr_db, rng)


class TextsWithWordErrors(EncodeTexts):
    """Texts as a recogniser with a given word error rate might hand them on.

    Args:
        folder, locate: as for `EncodeTexts`.
        rate: words in error, in [0, 1].
        vocabulary: words that are heard instead, often used ones often.
    """

    def __init__(self, folder: Path, locate: Locate, rate: float, vocabulary: Sequence[str]) -> None:
        super().__init__(folder, locate)
        self._rate, self._vocabulary = rate, vocabulary

    def text(self, example: Example) -> str:
        """With errors."""
        words = super().text(example).split()
        rng = np.random.default_rng(_seed(example))
        return " ".join(with_word_errors(words, self._rate, self._vocabulary, rng))


def with_noise(samples: Samples, snr_db: float, rng: np.random.Generator) -> Samples:
    """Add white noise.

    Args:
        samples: (n,) float32.
        snr_db: mean power of the samples over that of the noise; silence stays as it is.
        rng: where the noise comes from.
    """
    power = float(np.mean(samples.astype(np.float64) ** 2))
    scale = np.sqrt(power / 10 ** (snr_db / 10))
    return (samples + scale * rng.normal(size=len(samples))).astype(np.float32)


def with_word_errors(
    words: Sequence[str], rate: float, vocabulary: Sequence[str], rng: np.random.Generator
) -> list[str]:
    """Replace, leave out and insert words; on average `rate` errors for each word.

    Args:
        words: of one text.
        rate: in [0, 1].
        vocabulary: what is heard instead.
        rng: decides.
    """
    result = []
    for word in words:
        error, kind = rng.random() < rate, rng.random()
        other = vocabulary[int(rng.integers(len(vocabulary)))]
        if not error:
            result.append(word)
        elif kind < _SUBSTITUTED:
            result.append(other)
        elif kind >= _SUBSTITUTED + _DELETED:
            result += [word, other]
    return result


def without_faces(tokens: TokenSet, share: float) -> TokenSet:
    """The same with this share of the face tokens lost, each by its own chance; an example may lose all."""
    faces = tokens.tokens["visual"]
    rng = np.random.default_rng(0)
    left = []
    for row in range(len(faces)):
        seen = faces[row]
        kept = rng.random(len(seen)) >= share
        left.append(Tokens(seen.values[kept], seen.times_s[kept]))
    return replace(tokens, tokens={**tokens.tokens, "visual": Ragged.of(left, faces.timing)})


def under_conditions(
    prepared: PreparedSplit, context: EncodingContext, *, branch: str, point: str, quiet: bool = True
) -> dict[str, Figures]:
    """Condition -> figures of a branch; only the conditions that mean something for the corpus.

    Recordings that go through the whole live loop, and features by a corpus' authors, are not encoded anew:
    of them, faces are lost only. An example that has nothing left is not counted; "n" says how many are.

    Args:
        prepared: what is judged on.
        context: encoders and cache.
        branch: "fusion" or a modality.
        point: operating point.
        quiet: no progress bars.
    """
    net = load_network(prepared.spec, prepared.checkpoint)
    calibration = prepared.spec.calibration.at(point)
    result = {}
    for name, tokens in _conditions(prepared, context, quiet=quiet).items():
        found, _ = branches_of(net, prepared.spec, tokens)
        result[name] = branch_figures(found[branch].at(calibration), tokens, prepared.answers)
    return result


def _conditions(prepared: PreparedSplit, context: EncodingContext, *, quiet: bool) -> dict[str, TokenSet]:
    form = corpus(prepared.tokens.corpus).form
    sets: dict[str, TokenSet] = {}
    if form == "clips":
        for snr_db in NOISE_DB:
            encoder = NoisyClips(context.encoders, context.locate, snr_db)
            sets[f"noise {snr_db:.0f} dB"] = _encoded(prepared, context, encoder, quiet=quiet)
    if form == "texts":
        vocabulary = _vocabulary(prepared.examples)
        for rate in WORD_ERRORS:
            misheard = TextsWithWordErrors(context.encoders, context.locate, rate, vocabulary)
            sets[f"word errors {rate:.0%}"] = _encoded(prepared, context, misheard, quiet=quiet)
    if "visual" in prepared.tokens.tokens:
        sets |= {f"faces lost {share:.0%}": without_faces(prepared.tokens, share) for share in FACES_LOST}
    return sets


def _encoded(
    prepared: PreparedSplit, context: EncodingContext, encoder: EncodeClips | EncodeTexts, *, quiet: bool
) -> TokenSet:
    known = corpus(prepared.tokens.corpus)
    assert known.modality is not None
    return encode_examples(
        prepared.tokens.corpus,
        known.modality,
        prepared.examples,
        context.encoders,
        context.cache,
        lambda: encoder,
        quiet=quiet,
    )


def _vocabulary(examples: Sequence[Example]) -> list[str]:
    counts = Counter(
        word for e in examples if isinstance(e, TextExample) for word in e.text.split() if word.isalpha()
    )
    common = [word for word, _ in counts.most_common(2000)] or ["the"]
    return [word for word in common for _ in range(max(1, round(counts[word] ** 0.5)))]


def _seed(example: Example) -> int:
    return int.from_bytes(hashlib.sha256(example.id.encode()).digest()[:6], "big")
