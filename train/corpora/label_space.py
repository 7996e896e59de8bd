"""Label spaces: what the labels of different corpora mean to each other.

Every corpus asks for labels of its own and says nothing about others. A table per corpus leads from its own
labels to one shared vocabulary; what it never asked for is marked as not available, so corpora can be mixed
in training, and are evaluated on the labels that they have in common.

Legend: N examples, C labels of a space.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.labels import EMOTIONS
from train.corpora.base import Labels

EXTRA_LABELS: Final = ("curiosity", "uncertainty", "excitement", "frustration")
"""Labels that corpora have beyond those of the default checkpoint."""

OwnLabels = Mapping[str, tuple[str, ...]]
"""A corpus' own label -> labels of the shared vocabulary; none where it has no counterpart there."""


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """An ordered set of labels.

    Attributes:
        names: C different names.

    Raises:
        ConfigError: a name occurs twice, or there is none.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ConfigError(f"labels must be different, at least one: {', '.join(self.names)}.")

    def __len__(self) -> int:
        return len(self.names)

    def labels(self, shares: Mapping[str, float], known: Iterable[str]) -> Labels:
        """Targets and availability of one example.

        Args:
            shares: label -> value in [0, 1]; absent means 0.
            known: labels about which something is known. Those outside of the space are left out.
        """
        asked = frozenset(known)
        available = np.array([name in asked for name in self.names], np.bool_)
        target = np.array([shares.get(name, 0.0) for name in self.names], np.float32)
        return Labels(np.where(available, target, np.float32(0)), available)

    def of_corpus(self, corpus: str, own: Mapping[str, float], asked: Iterable[str] | None = None) -> Labels:
        """Targets and availability of one example in its corpus' own labels.

        Args:
            corpus: key of `OWN_LABELS`.
            own: own label -> value in [0, 1]; absent means 0.
            asked: own labels that were asked for; all of the corpus' by default.

        Raises:
            ConfigError: the corpus has no such label.
        """
        table = OWN_LABELS[corpus]
        return self.labels(translated(corpus, own), _shared(table, table if asked is None else asked))


DEFAULT: Final = LabelSpace(EMOTIONS)
"""The labels of the default checkpoint."""

SHARED: Final = LabelSpace(EMOTIONS + EXTRA_LABELS)
"""Every label that some corpus has."""


def _plain(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


_DIALOGUE: Final = {"joy": ("happiness",)} | _plain(
    "neutral", "sadness", "fear", "anger", "surprise", "disgust"
)

OWN_LABELS: Final[Mapping[str, OwnLabels]] = {
    "mosei": {"happy": ("happiness",), "sad": ("sadness",)} | _plain("anger", "surprise", "disgust", "fear"),
    "emoreact": _plain(*EXTRA_LABELS, "happiness", "surprise", "disgust", "fear"),
    "elderreact": _plain("anger", "disgust", "fear", "happiness", "sadness", "surprise"),
    "meld": _DIALOGUE,
    "emotionlines": _DIALOGUE | {"non-neutral": ()},
    # "Excited" is counted as happiness too, as in most work on IEMOCAP, because annotators chose one or the
    # other for the same kind of joy.
    "iemocap": {"excited": ("happiness", "excitement"), "other": ()}
    | _plain("anger", "happiness", "sadness", "neutral", "frustration", "fear", "surprise", "disgust"),
}
"""Corpus -> its own labels in the shared vocabulary. Corpora with the default labels need no table."""


def translated(corpus: str, own: Mapping[str, float]) -> dict[str, float]:
    """Values of a corpus' own labels as values of shared labels.

    Several own labels that mean the same are added (shares of votes), up to 1.

    Raises:
        ConfigError: the corpus has no such label.
    """
    table, shares = OWN_LABELS[corpus], dict[str, float]()
    for label, value in own.items():
        if label not in table:
            raise unknown_label(label, table, where=corpus)
        for name in table[label]:
            shares[name] = min(1.0, shares.get(name, 0.0) + value)
    return shares


def asked_by(corpus: str) -> tuple[str, ...]:
    """Shared labels that a corpus decides on, in the order of the vocabulary."""
    known = set(_shared(OWN_LABELS[corpus], OWN_LABELS[corpus]))
    return tuple(name for name in SHARED.names if name in known)


def moved(
    targets: NDArray[np.float32], known: NDArray[np.bool_], source: LabelSpace, destination: LabelSpace
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Targets and availability, (N, C) each, from one space to another; new labels are not available."""
    shape = (len(targets), len(destination))
    new_targets, new_known = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    for column, name in enumerate(destination.names):
        if name in source.names:
            new_targets[:, column] = targets[:, source.names.index(name)]
            new_known[:, column] = known[:, source.names.index(name)]
    return new_targets, new_known


def in_common(space: LabelSpace, *known: NDArray[np.bool_]) -> tuple[str, ...]:
    """Labels about which every one of several corpora says something: where they can be compared.

    Args:
        space: of all masks.
        known: availability masks (N, C), one for each corpus.
    """
    everywhere = np.ones(len(space), np.bool_)
    for mask in known:
        everywhere &= mask.any(axis=0)
    return tuple(name for name, here in zip(space.names, everywhere, strict=True) if here)


def unknown_label(label: str, known: Iterable[str], *, where: str) -> ConfigError:
    """The error for a label that is none, with the nearest that is."""
    names = list(known)
    near = difflib.get_close_matches(label.lower(), names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names)}."
    return ConfigError(f"there is no label {label!r}.", where=where, fix=hint)


def _shared(table: OwnLabels, own: Iterable[str]) -> list[str]:
    return [name for label in own for name in table[label]]
