"""The corpora by name: who reads them, where they usually lie, and which modality they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from core.errors import ConfigError
from core.labels import Modality
from train.corpora.base import Example, assert_disjoint


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus.

    Attributes:
        module: in `train.corpora`; has `read(folder) -> list[Example]`.
        folder: usual name of its folder below a folder with several corpora.
        modality: what its examples are.
        licence: of the corpus, for model cards.
    """

    module: str
    folder: str
    modality: Modality
    licence: str


CORPORA: Final[dict[str, Corpus]] = {
    "goemotions": Corpus("train.corpora.goemotions", "text_emotion", "text", "Apache-2.0"),
    "xed": Corpus("train.corpora.xed", "text_emotion", "text", "CC BY 4.0"),
    "brighter": Corpus("train.corpora.brighter", "text_emotion", "text", "CC BY 4.0"),
    "ferplus": Corpus(
        "train.corpora.ferplus", "ferplus", "visual", "votes MIT, FER2013 pictures research use"
    ),
    "ravdess": Corpus("train.corpora.ravdess", "ravdess_speech", "audio", "CC BY-NC-SA 4.0"),
    "emodb": Corpus("train.corpora.emodb", "emodb", "audio", "free for research"),
}


def corpus(name: str) -> Corpus:
    """The corpus called `name`.

    Raises:
        ConfigError: there is none; says which there are.
    """
    if name not in CORPORA:
        raise ConfigError(f"There is no corpus {name!r}.", fix=f"Known: {', '.join(CORPORA)}.")
    return CORPORA[name]


def read_corpus(name: str, data: Path) -> Sequence[Example]:
    """Read a corpus and check that its splits share no source.

    Args:
        name: of the corpus.
        data: its folder, or a folder that holds it under its usual name.

    Raises:
        ConfigError, SourceError: there is no such corpus, or nothing of it in the folder.
    """
    known = corpus(name)
    folder = data / known.folder
    examples: Sequence[Example] = import_module(known.module).read(folder if folder.is_dir() else data)
    assert_disjoint(examples)
    return examples
