"""Batches: which examples meet in one row, and which of their modalities stay.

Rows are of two kinds. A *paired* row is one example with those of its modalities that modality dropout
leaves. A *joined* row puts modalities of unrelated examples together, drawn at random and blind to their
labels: it teaches the fusion by distillation only, for nothing is known of its label as a whole, while each
peer still learns from the label of its own example. Joining by equal label would leak the label and is not
offered.

Everything is drawn by a generator seeded with (seed, step), so that a batch depends on its step alone:
a resumed run and every process of a parallel run draw the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from core.config_base import Strict
from core.labels import MODALITIES, Modality
from core.window import Tokens, TokenShape, Window, collate
from train.data.token_set import Timing, TokenSet
from train.data.window_augmentation import WindowAugmentation, place, place_together
from train.fusion.objective import Targets


class BatchConfig(Strict):
    """How rows are made up.

    Attributes:
        all_present, one_missing, two_missing: shares of rows with three, two and one modalities (method: 50,
            35 and 15 %), renormalised; where a row cannot have so many it has what there is.
        join: whether modalities of unrelated examples may be joined, label-blind.
        corpora: corpus -> weight in the sampling; a corpus that is not named weighs the root of its size.
        even_modalities: whether the corpora of each modality together weigh the same.
    """

    all_present: float = Field(0.5, ge=0)
    one_missing: float = Field(0.35, ge=0)
    two_missing: float = Field(0.15, ge=0)
    join: bool = True
    corpora: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    even_modalities: bool = True

    @property
    def shares(self) -> NDArray[np.float64]:
        """Probabilities of 1, 2 and 3 modalities."""
        shares = np.array([self.two_missing, self.one_missing, self.all_present])
        return np.asarray(shares / shares.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Padded tokens and targets: values (B, T_m, D_m), times_s and mask (B, T_m) per modality."""

    values: dict[Modality, Tensor]
    times_s: dict[Modality, Tensor]
    mask: dict[Modality, Tensor]
    targets: Targets

    def trimmed(self) -> Batch:
        """Without the padding that all rows share; at least one column stays. Changes no result."""
        longest = {m: max(1, int(mask.sum(dim=1).max())) for m, mask in self.mask.items()}

        def cut(part: dict[Modality, Tensor]) -> dict[Modality, Tensor]:
            return {m: tensor[:, : longest[m]] for m, tensor in part.items()}

        return Batch(cut(self.values), cut(self.times_s), cut(self.mask), self.targets)

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""

        def moved(part: dict[Modality, Tensor]) -> dict[Modality, Tensor]:
            return {m: tensor.to(device) for m, tensor in part.items()}

        return Batch(moved(self.values), moved(self.times_s), moved(self.mask), self.targets.to(device))


@dataclass(frozen=True, slots=True)
class BatchRow:
    """modality -> (number of the set, number of the example in it)."""

    members: dict[Modality, tuple[int, int]]

    @property
    def paired(self) -> bool:
        """Whether everything comes from one example."""
        return len(set(self.members.values())) == 1


class BatchMaker:
    """Draws batches from token sets.

    Args:
        sets: training parts; examples without any token are never drawn.
        shapes: static size of each modality.
        config, placement: how to draw.
        seed: with the step, decides everything.
    """

    def __init__(
        self,
        sets: list[TokenSet],
        shapes: Mapping[Modality, TokenShape],
        config: BatchConfig,
        placement: WindowAugmentation,
        seed: int,
    ) -> None:
        self._sets = sets
        self._shapes = dict(shapes)
        self._config = config
        self._placement = placement
        self._seed = seed
        self._present = [s.present for s in sets]
        self._rows = [np.flatnonzero(p.any(axis=1)) for p in self._present]
        self._weights = set_weights(sets, config)
        self._sources = _source_ids(sets)
        self._carriers = {m: _carriers(self._present, self._weights, i) for i, m in enumerate(MODALITIES)}

    def batch(self, step: int, rows: int, shard: slice = slice(None)) -> Batch:
        """Draw the batch of a step.

        Args:
            step: counts from 0.
            rows: size of the whole batch.
            shard: the rows wanted of it; all rows are drawn either way, so that shards fit together.
        """
        picked = self._pick(step, rows)[shard]
        padded = collate([self._window(row, chance) for row, chance in picked], self._shapes)
        return Batch(
            {m: torch.from_numpy(padded.values[m]) for m in MODALITIES},
            {m: torch.from_numpy(padded.times_s[m]) for m in MODALITIES},
            {m: torch.from_numpy(padded.mask[m]) for m in MODALITIES},
            self._targets([row for row, _ in picked]),
        )

    def windows(self, step: int, rows: int) -> list[Window]:
        """The windows of a step, not yet padded."""
        return [self._window(row, chance) for row, chance in self._pick(step, rows)]

    def _pick(self, step: int, rows: int) -> list[tuple[BatchRow, np.random.Generator]]:
        rng = np.random.default_rng([self._seed, step])
        drawn = [self._draw(rng) for _ in range(rows)]
        seeds = rng.integers(0, 2**63, rows)
        return [(row, np.random.default_rng(int(seed))) for row, seed in zip(drawn, seeds, strict=True)]

    def _draw(self, rng: np.random.Generator) -> BatchRow:
        number = int(rng.choice(len(self._sets), p=self._weights))
        example = int(rng.choice(self._rows[number]))
        own = [m for i, m in enumerate(MODALITIES) if self._present[number][example, i]]
        wanted = 1 + int(rng.choice(3, p=self._config.shares))
        if len(own) >= wanted or len(own) > 1:  # what is truly paired is never mixed with strangers
            kept = rng.permutation(len(own))[:wanted]
            return BatchRow({own[i]: (number, example) for i in sorted(kept)})
        members = dict.fromkeys(own, (number, example))
        if self._config.join:
            others = [m for m in MODALITIES if m not in own and self._carriers[m] is not None]
            for i in rng.permutation(len(others))[: wanted - len(own)]:
                members[others[i]] = self._carrier(others[i], rng)
        return BatchRow(members)

    def _carrier(self, modality: Modality, rng: np.random.Generator) -> tuple[int, int]:
        """Any example that has the modality, whatever its label."""
        weights = self._carriers[modality]
        number = int(rng.choice(len(self._sets), p=weights))
        rows = np.flatnonzero(self._present[number][:, MODALITIES.index(modality)])
        return number, int(rng.choice(rows))

    def _window(self, row: BatchRow, rng: np.random.Generator) -> Window:
        tokens: dict[Modality, Tokens] = {}
        timings: dict[Modality, Timing] = {}
        for modality, (number, example) in row.members.items():
            ragged = self._sets[number].tokens[modality]
            tokens[modality], timings[modality] = ragged[example], ragged.timing
        if row.paired and len(tokens) > 1:
            placed = place_together(tokens, timings, self._placement, rng)
        else:
            placed = {m: place(t, timings[m], self._placement, rng) for m, t in tokens.items()}
        return Window("", 0.0, self._placement.longest_s, placed)

    def _targets(self, rows: list[BatchRow]) -> Targets:
        count, labels = len(rows), self._sets[0].targets.shape[1]
        fusion, fusion_known = np.zeros((count, labels), np.float32), np.zeros((count, labels), np.bool_)
        peers = np.zeros((count, 3, labels), np.float32)
        peers_known, available = np.zeros((count, 3, labels), np.bool_), np.zeros((count, 3), np.bool_)
        groups = np.zeros(count, np.int64)
        affect = np.full((count, 2), np.nan, np.float32)
        for i, row in enumerate(rows):
            for modality, (number, example) in row.members.items():
                j, source = MODALITIES.index(modality), self._sets[number]
                peers[i, j], peers_known[i, j] = source.targets[example], source.known[example]
                available[i, j] = True
                groups[i] = self._sources[number][example]
                if row.paired:
                    fusion[i], fusion_known[i] = source.targets[example], source.known[example]
                    if source.affect is not None:
                        affect[i] = source.affect[example]
        return Targets(
            fusion=torch.from_numpy(fusion),
            fusion_mask=torch.from_numpy(fusion_known),
            peers=torch.from_numpy(peers),
            peers_mask=torch.from_numpy(peers_known),
            available=torch.from_numpy(available),
            groups=torch.from_numpy(groups),
            paired=torch.tensor([row.paired for row in rows]),
            affect=torch.from_numpy(np.nan_to_num(affect)),
            affect_mask=torch.from_numpy(~np.isnan(affect)),
        )


def set_weights(sets: list[TokenSet], config: BatchConfig) -> NDArray[np.float64]:
    """(number of sets,) probabilities with which an example's corpus is drawn."""
    weights = np.array([config.corpora.get(s.corpus, float(len(s)) ** 0.5) for s in sets])
    if config.even_modalities:
        for modality in MODALITIES:
            only = np.array([tuple(s.tokens) == (modality,) for s in sets])
            if only.any() and weights[only].sum() > 0:
                weights[only] /= weights[only].sum()
    return np.asarray(weights / weights.sum())


def _carriers(
    present: list[NDArray[np.bool_]], weights: NDArray[np.float64], column: int
) -> NDArray[np.float64] | None:
    """Probabilities of the sets from which a modality may be borrowed, None where no set has it."""
    having = np.array([bool(p[:, column].any()) for p in present]) * weights
    return np.asarray(having / having.sum()) if having.sum() > 0 else None


def _source_ids(sets: list[TokenSet]) -> list[NDArray[np.int64]]:
    """A number for each source, unique over all corpora."""
    numbers: dict[tuple[str, str], int] = {}
    return [
        np.array([numbers.setdefault((s.corpus, source), len(numbers)) for source in s.sources]) for s in sets
    ]
