"""All corpora by name: how a command line says which data it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import ConfigError
from core.labels import Modality
from train.corpora import brighter, emodb, ferplus, goemotions, ravdess, xed
from train.corpora.base import Example, assert_disjoint


@dataclass(frozen=True, slots=True)
class Corpus:
    """A labelled corpus of one modality.

    Attributes:
        modality: which peer it trains and tests.
        folder: where it lies inside the data folder.
        read: its reader.
    """

    modality: Modality
    folder: str
    read: Callable[[Path], Sequence[Example]]


CORPORA: Final[dict[str, Corpus]] = {
    goemotions.NAME: Corpus("text", "text_emotion", goemotions.read),
    brighter.NAME: Corpus("text", "text_emotion", brighter.read),
    xed.NAME: Corpus("text", "text_emotion", xed.read),
    ferplus.NAME: Corpus("visual", "ferplus", ferplus.read),
    ravdess.NAME: Corpus("audio", "ravdess_speech", ravdess.read),
    emodb.NAME: Corpus("audio", "emodb", emodb.read),
}


def read_corpus(name: str, data: Path) -> Sequence[Example]:
    """Read a corpus from its usual folder inside `data`, or from `data` itself where there is none.

    Raises:
        ConfigError: there is no corpus of that name.
        SourceError: the folder does not hold it.
        ValueError: a source is in two splits.
    """
    if name not in CORPORA:
        raise ConfigError(f"there is no corpus {name!r}.", fix=f"Known are {', '.join(sorted(CORPORA))}.")
    corpus = CORPORA[name]
    usual = data / corpus.folder
    examples = corpus.read(usual if usual.is_dir() else data)
    assert_disjoint(examples)
    return examples
