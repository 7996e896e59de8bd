"""What every corpus yields: labelled examples of one modality.

A reader is a function `read(folder) -> list[...]`. It takes any folder of its corpus' on-disk format, also
one that holds other speakers or another part than those that we trained on.

Legend: C = 7 labels in the order of `core.labels.EMOTIONS`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import EMOTIONS

Split = Literal["train", "validation", "test"]

INDEX: Final[Mapping[str, int]] = {name: index for index, name in enumerate(EMOTIONS)}
"""Label -> its place in a target."""

T = TypeVar("T", bound="Example")

Target = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What is known of one example.

    Attributes:
        target: (C,) float32 in [0, 1]; a share of votes where there were votes.
        available: (C,) bool; False where the corpus says nothing about a label.
    """

    target: Target
    available: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One labelled example.

    Attributes:
        id: unique within its corpus.
        corpus: name of the corpus.
        source: speaker, or recording, or text: no source is in two splits.
        split: part that it belongs to.
        labels: what is known of it.
    """

    id: str
    corpus: str
    source: str
    split: Split
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class TextExample(Example):
    """A sentence or a few."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class FaceExample(Example):
    """One grey face.

    Attributes:
        image: (H, W) uint8.
        majority: emotion that more than half of the votes name, by FER+'s own rule; "" if there is none.
    """

    image: NDArray[np.uint8]
    majority: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ClipExample(Example):
    """An utterance in an audio file; `intended` is the emotion that the actor was asked for, if acted."""

    path: Path
    intended: str


def labels_of(shares: Mapping[str, float], *, known: Iterable[str] = EMOTIONS) -> Labels:
    """Build labels from `shares` (label -> value in [0, 1], absent = 0) for the labels in `known`."""
    target = np.zeros(len(EMOTIONS), np.float32)
    available = np.zeros(len(EMOTIONS), np.bool_)
    for name in known:
        available[INDEX[name]] = True
        target[INDEX[name]] = shares.get(name, 0.0)
    return Labels(target, available)


def bucket(key: str) -> float:
    """A number in [0, 1) that depends on `key` alone: cuts splits the same way on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def assert_disjoint(examples: Sequence[Example]) -> None:
    """Check that no source is in two splits of one corpus and no id occurs twice.

    Raises:
        SourceError: names the first source or id that breaks the rule.
    """
    splits: dict[tuple[str, str], set[Split]] = defaultdict(set)
    seen: set[tuple[str, str]] = set()
    for example in examples:
        if (example.corpus, example.id) in seen:
            raise SourceError(f"{example.id} occurs twice.", where=example.corpus)
        seen.add((example.corpus, example.id))
        found = splits[(example.corpus, example.source)]
        found.add(example.split)
        if len(found) > 1:
            parts = " and ".join(sorted(found))
            raise SourceError(f"{example.source} is in {parts}.", where=example.corpus)


def shared_sources(examples: Sequence[Example]) -> dict[Split, tuple[int, int]]:
    """Part -> how many of its sources are in another part as well, and how many it has."""
    sources: dict[Split, set[str]] = defaultdict(set)
    for example in examples:
        sources[example.split].add(example.source)
    shared: dict[Split, tuple[int, int]] = {}
    for split, mine in sources.items():
        others = set[str]().union(*(theirs for other, theirs in sources.items() if other != split))
        if mine & others:
            shared[split] = (len(mine & others), len(mine))
    return shared


def without_leaks(examples: Sequence[T]) -> list[T]:
    """Leave out what is in a more protected split as well: test first, then validation, then train."""
    tested = {example.source for example in examples if example.split == "test"}
    chosen_on = {example.source for example in examples if example.split == "validation"} - tested
    forbidden = {"train": tested | chosen_on, "validation": tested, "test": set()}
    return [example for example in examples if example.source not in forbidden[example.split]]


def existing(folder: Path, pattern: str) -> list[Path]:
    """Files in `folder` that match `pattern`, sorted.

    Raises:
        SourceError: there is none.
    """
    files = sorted(folder.glob(pattern))
    if not files:
        raise SourceError(
            f"holds no file {pattern}.", where=str(folder), fix="Name the folder that the corpus lies in."
        )
    return files
