"""Examples that come as numbers: features that a corpus' authors extracted, without any recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import MODALITIES, Modality
from core.window import Tokens
from train.corpora.base import Example
from train.data.token_set import Ragged, Timing, TokenSet


@dataclass(frozen=True, slots=True, eq=False)
class FeatureExample(Example):
    """A labelled example whose tokens are its authors' features.

    Attributes:
        tokens: modality -> tokens, finite; times mean what the corpus' timing says. Absent modalities are
            missing, and those that are present have at least one token.
        text: what is said, where the corpus has it.
        scales: as in `train.corpora.recordings.RecordingExample`.
    """

    tokens: Mapping[Modality, Tokens]
    text: str | None = None
    scales: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class VoicedExample(FeatureExample):
    """Features of the face beside a sound file, from whose voice the audio tokens are computed.

    Attributes:
        path: of the sound file.
    """

    path: Path = field(kw_only=True)


def feature_tokens(examples: Sequence[FeatureExample], timing: Timing) -> TokenSet:
    """All examples of one corpus as a token set, in float32: authors' features are not scaled.

    Raises:
        SourceError: there is no example, or no token at all.
    """
    tokens = {m: _ragged(examples, m, timing) for m in MODALITIES if any(m in e.tokens for e in examples)}
    if not tokens:
        raise SourceError("holds no features.", where=examples[0].corpus if examples else None)
    return TokenSet(
        examples[0].corpus,
        tuple(e.id for e in examples),
        tuple(e.source for e in examples),
        tuple(str(e.split) for e in examples),
        np.stack([e.labels.target for e in examples]),
        np.stack([e.labels.available for e in examples]),
        tokens,
    ).with_scales([e.scales for e in examples])


def finite(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Float32 with 0 in place of what is no finite number (logarithms of silence, failed trackers)."""
    numbers = np.asarray(values, np.float32)
    return np.where(np.isfinite(numbers), numbers, np.float32(0))


def _ragged(examples: Sequence[FeatureExample], modality: Modality, timing: Timing) -> Ragged:
    present = [example.tokens[modality] for example in examples if modality in example.tokens]
    lengths = [len(example.tokens[modality]) if modality in example.tokens else 0 for example in examples]
    return Ragged(
        np.concatenate([tokens.values for tokens in present]).astype(np.float32),
        np.concatenate([tokens.times_s for tokens in present]).astype(np.float32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        timing,
    )
