"""Token sets: what the frozen encoders made of a corpus, ready for the training of peers and fusion.

Legend: N examples, S tokens of all examples together, D token width, C labels.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.window import Tokens

Timing = Literal["timed", "ordered", "views", "fixed"]
"""What `times_s` holds: seconds ("timed"); the number of the word that a token belongs to, of a text that
nobody spoke ("ordered"); nothing: the tokens are several looks at one picture, the first of them unchanged
("views"); seconds, of tokens that belong together and are never cut, moved or blurred ("fixed")."""

SCALES: Final = ("valence", "arousal")
"""What the affect head estimates, in this order."""


class TokenRows(Protocol):
    """Tokens of one modality of N examples, wherever they lie."""

    @property
    def timing(self) -> Timing:
        """Meaning of the times."""
        ...

    @property
    def width(self) -> int:
        """D."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) number of tokens of each example."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Tokens: ...

    def take(self, rows: Sequence[int]) -> TokenRows:
        """The examples `rows`, in that order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Token sequences of different lengths, one after the other.

    Attributes:
        values: (S, D) float16 or float32.
        times_s: (S,) float32, since the example's start; see `Timing`.
        offsets: (N + 1,) int64; example i has the tokens offsets[i]:offsets[i + 1], possibly none.
        timing: meaning of `times_s`.
    """

    values: NDArray[np.floating]
    times_s: NDArray[np.float32]
    offsets: NDArray[np.int64]
    timing: Timing

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def width(self) -> int:
        """D."""
        return int(self.values.shape[1])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) number of tokens of each example."""
        return np.diff(self.offsets)

    def __getitem__(self, row: int) -> Tokens:
        """Tokens of example `row`, float32."""
        span = slice(self.offsets[row], self.offsets[row + 1])
        return Tokens(self.values[span].astype(np.float32), self.times_s[span])

    def take(self, rows: Sequence[int]) -> Ragged:
        """The examples `rows`, in that order."""
        spans = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in rows]
        index = np.concatenate(spans) if spans else np.zeros(0, np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(s) for s in spans])]).astype(np.int64)
        return Ragged(self.values[index], self.times_s[index], offsets, self.timing)

    @classmethod
    def of(cls, rows: list[Tokens], timing: Timing) -> Ragged:
        """Join token sequences of our encoders, in half precision unless a value is too large for it.

        At least one of them must have a token, for the width. Unscaled features do not belong here: see
        `train.corpora.numeric.feature_tokens`.
        """
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        values = np.concatenate([row.values for row in rows if len(row)])
        if float(np.abs(values).max()) <= float(np.finfo(np.float16).max):
            values = values.astype(np.float16)
        times_s = np.concatenate([row.times_s for row in rows]).astype(np.float32)
        return cls(values, times_s, offsets, timing)


@dataclass(frozen=True, slots=True, eq=False)
class TokenSet:
    """One corpus as tokens with labels.

    Attributes:
        corpus: its name.
        ids: N names of examples.
        sources: N names of speakers or recordings; none is in two splits, and resampling is by them.
        splits: N of "train", "validation", "test".
        targets: (N, C) float32 in [0, 1].
        known: (N, C) bool, False where the corpus says nothing about a label.
        tokens: modality -> tokens of all N examples. A modality that the corpus never has is absent.
        affect: (N, 2) float32 valence and arousal in [-1, 1], NaN where not labelled; None = nowhere.
    """

    corpus: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    splits: tuple[str, ...]
    targets: NDArray[np.float32]
    known: NDArray[np.bool_]
    tokens: Mapping[Modality, TokenRows]
    affect: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def with_scales(self, scales: Sequence[Mapping[str, float]]) -> TokenSet:
        """With the valence and arousal that examples have among their scales."""
        values = [[of_one.get(name, np.nan) for name in SCALES] for of_one in scales]
        affect = np.clip(np.array(values, np.float32).reshape(len(self), len(SCALES)), -1.0, 1.0)
        return replace(self, affect=None if np.isnan(affect).all() else affect)

    @property
    def present(self) -> NDArray[np.bool_]:
        """(N, 3) bool: which modalities each example has."""
        absent = np.zeros(len(self), np.bool_)
        return np.stack([self.tokens[m].lengths > 0 if m in self.tokens else absent for m in MODALITIES], 1)

    def part(self, split: str) -> TokenSet:
        """The examples of one split; "all" gives every example."""
        rows = [i for i, s in enumerate(self.splits) if split in (s, "all")]
        return self.take(rows)

    def take(self, rows: list[int]) -> TokenSet:
        """The examples `rows`, in that order."""
        return TokenSet(
            self.corpus,
            tuple(self.ids[i] for i in rows),
            tuple(self.sources[i] for i in rows),
            tuple(self.splits[i] for i in rows),
            self.targets[rows],
            self.known[rows],
            {m: ragged.take(rows) for m, ragged in self.tokens.items()},
            None if self.affect is None else self.affect[rows],
        )


def save_tokens(tokens: TokenSet, path: Path) -> None:
    """Write one `.npz` file, atomically."""
    arrays: dict[str, NDArray[np.generic]] = {"targets": tokens.targets, "known": tokens.known}
    timing: dict[str, Timing] = {}
    for modality, ragged in tokens.tokens.items():
        assert isinstance(ragged, Ragged)
        timing[modality] = ragged.timing
        for name in ("values", "times_s", "offsets"):
            arrays[f"{modality}.{name}"] = getattr(ragged, name)
    head = {"corpus": tokens.corpus, "timing": timing}
    head |= {"ids": tokens.ids, "sources": tokens.sources, "splits": tokens.splits}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def load_tokens(path: Path) -> TokenSet:
    """Read what `save_tokens` wrote."""
    with np.load(path, allow_pickle=False) as data:
        head = json.loads(data["head"].tobytes())
        tokens: dict[Modality, TokenRows] = {
            m: Ragged(data[f"{m}.values"], data[f"{m}.times_s"], data[f"{m}.offsets"], head["timing"][m])
            for m in MODALITIES
            if m in head["timing"]
        }
        return TokenSet(
            head["corpus"],
            tuple(head["ids"]),
            tuple(head["sources"]),
            tuple(head["splits"]),
            data["targets"],
            data["known"],
            tokens,
        )
