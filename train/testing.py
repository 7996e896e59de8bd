"""Small corpora of made-up tokens whose labels can be learned: to test training code without any data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.spec import FusionSpec
from core.window import Tokens, TokenShape
from train.data.token_set import Ragged, Timing, TokenSet

WIDTHS: dict[Modality, int] = {"text": 5, "audio": 6, "visual": 4}
SHAPES = {m: TokenShape(8, WIDTHS[m]) for m in MODALITIES}
TIMINGS: dict[Modality, Timing] = {"text": "ordered", "audio": "timed", "visual": "views"}
SIZES = FusionSpec(width=16, heads=2, peer_layers=1, fusion_layers=1, feedforward=16)


def corpus(name: str, modalities: tuple[Modality, ...], examples: int = 60, seed: int = 0) -> TokenSet:
    """A corpus in which each label shifts the tokens along its own direction; splits 60/20/20 by source."""
    rng = np.random.default_rng(seed)
    count = len(EMOTIONS)
    targets = (rng.random((examples, count)) < 0.3).astype(np.float32)
    tokens = {}
    for modality in modalities:
        directions = np.random.default_rng(99).normal(size=(count, WIDTHS[modality]))
        rows = []
        for target in targets:
            length = int(rng.integers(1, 7))
            values = target @ directions * 2 + rng.normal(size=(length, WIDTHS[modality])) * 0.3
            times_s = np.arange(length) * {"timed": 0.3, "ordered": 1.0, "views": 0.0}[TIMINGS[modality]]
            rows.append(Tokens(values.astype(np.float32), times_s.astype(np.float32)))
        tokens[modality] = Ragged.of(rows, TIMINGS[modality])
    sources = tuple(f"{name}-{i // 2}" for i in range(examples))
    splits = tuple(("train", "train", "train", "validation", "test")[(i // 2) % 5] for i in range(examples))
    known = np.ones((examples, count), np.bool_)
    ids = tuple(f"{name}/{i}" for i in range(examples))
    return TokenSet(name, ids, sources, splits, targets, known, tokens)


def thinned(tokens: TokenSet, modality: Modality, kept: Callable[[int], bool]) -> TokenSet:
    """The same, but only examples whose number is `kept` have the modality."""
    ragged = tokens.tokens[modality]
    assert isinstance(ragged, Ragged), "made-up corpora lie in memory"
    spans = [(a, b if kept(row) else a) for row, (a, b) in enumerate(pairwise(ragged.offsets))]
    rows = [Tokens(ragged.values[a:b], ragged.times_s[a:b]) for a, b in spans]
    return replace(tokens, tokens={**tokens.tokens, modality: Ragged.of(rows, ragged.timing)})


def singles() -> list[TokenSet]:
    """One corpus for each modality."""
    return [corpus(f"only-{m}", (m,), seed=i) for i, m in enumerate(MODALITIES)]


def network(*, dropout: float = 0.1, peer_gradient: float = 0.1) -> EmotionNet:
    """A tiny network that fits the corpora."""
    return EmotionNet(WIDTHS, len(EMOTIONS), SIZES, dropout=dropout, peer_gradient=peer_gradient)
