"""Texts as the text encoder's training sees them: as a recogniser would have them, in batches.

Legend: B batch, T word pieces, C = 7 labels.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final

import numpy as np
import torch
from torch import Tensor

from core.encoders.text_tokens import PieceTokenizer, pad_pieces
from train.corpora import brighter, emotionlines, goemotions, xed
from train.corpora.base import TextExample
from train.optim import label_tensors

CORPORA = (goemotions, xed, brighter, emotionlines)
"""Corpora of texts, in the order of their numbers in a batch."""

_PLACEHOLDER: Final = re.compile(r"\[(NAME|RELIGION)\]")
_NOT_SPOKEN: Final = re.compile(r"[^\w\s'’-]")
_WORDS_PER_SECOND: Final = (1.8, 3.6)


def spoken(text: str) -> str:
    """Without punctuation and pictures; GoEmotions' placeholders become words. Never empty."""
    words = _NOT_SPOKEN.sub(" ", _PLACEHOLDER.sub(lambda m: m[1].lower(), text)).split()
    return " ".join(words) or text


def word_times(count: int, rng: random.Random, longest_start_s: float = 3.0) -> list[float]:
    """Times in seconds for the middles of `count` words of one speaker at a usual pace."""
    pace, start = rng.uniform(*_WORDS_PER_SECOND), rng.uniform(0, longest_start_s)
    return [start + (index + 0.5) / pace for index in range(count)]


@dataclass(frozen=True, slots=True)
class TextBatch:
    """ids (B, T) int64, mask (B, T) bool, times_s (B, T), corpus (B,) int64, target and available (B, C)."""

    ids: Tensor
    mask: Tensor
    times_s: Tensor
    corpus: Tensor
    target: Tensor
    available: Tensor


def epoch_batches(
    train: Sequence[TextExample],
    shares: Mapping[str, float],
    size: int,
    limit: int,
    generator: torch.Generator,
    *,
    balance: Mapping[str, float] | None = None,
) -> Iterator[list[TextExample]]:
    """Batches of texts of similar length, in random order; a rest that fills no batch is left out.

    Args:
        train: training parts of all corpora.
        shares: corpus -> how often its texts are seen.
        size: texts per batch.
        limit: use only so many texts; 0 = all.
        generator: draws texts and order.
        balance: corpus -> power by which its rare labels are drawn more often; see `TextTraining`.
    """
    chosen: list[TextExample] = []
    for corpus in CORPORA:
        rows = [example for example in train if example.corpus == corpus.NAME]
        wanted = round(shares[corpus.NAME] * len(rows))
        power = (balance or {}).get(corpus.NAME, 0.0)
        if wanted and power:
            picked = torch.multinomial(_rarity(rows, power), wanted, replacement=True, generator=generator)
            chosen += [rows[i] for i in picked]
            continue
        while wanted > 0:
            order = torch.randperm(len(rows), generator=generator)[:wanted]
            chosen += [rows[i] for i in order]
            wanted -= len(order)
    chosen = [chosen[i] for i in torch.randperm(len(chosen), generator=generator)]
    chosen = chosen[: limit or None]
    pool = size * 40
    batches = []
    for at in range(0, len(chosen), pool):
        rows = sorted(chosen[at : at + pool], key=lambda example: len(example.text))
        batches += [rows[i : i + size] for i in range(0, len(rows), size)]
    for index in torch.randperm(len(batches), generator=generator):
        if len(batches[index]) == size:
            yield batches[index]


def used_corpora(shares: Mapping[str, float]) -> list[ModuleType]:
    """The corpora that are seen at all."""
    return [corpus for corpus in CORPORA if shares[corpus.NAME]]


def _rarity(rows: Sequence[TextExample], power: float) -> Tensor:
    """(N,) how often each row is drawn: the share of its most voted label to the power of -`power`."""
    label = np.array([row.labels.target.argmax() for row in rows])
    share = np.bincount(label, minlength=rows[0].labels.target.size) / len(rows)
    return torch.from_numpy(share[label] ** -power)


def make_batch(
    rows: list[TextExample], tokenizer: PieceTokenizer, rng: random.Random, spoken_share: float = 0.0
) -> TextBatch:
    """Tokenise texts; some as they would be spoken."""
    pieces = [tokenizer.pieces(*_words_and_times(row, rng, spoken_share)) for row in rows]
    ids, mask = pad_pieces(pieces)
    times = np.zeros(ids.shape, np.float32)
    for index, one in enumerate(pieces):
        times[index, : len(one.times_s)] = one.times_s
    names = [corpus.NAME for corpus in CORPORA]
    corpus = torch.tensor([names.index(row.corpus) for row in rows])
    target, available = label_tensors(rows)
    return TextBatch(
        torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(times), corpus, target, available
    )


def _words_and_times(
    row: TextExample, rng: random.Random, spoken_share: float
) -> tuple[list[str], list[float]]:
    """Words, without punctuation as if recognised by chance, and their times."""
    words = (spoken(row.text) if rng.random() < spoken_share else row.text).split() or [row.text]
    return words, word_times(len(words), rng)
