"""GoEmotions: Reddit comments, several labels each, grouped to Ekman's (Demszky et al. 2020; Apache-2.0).

`goemotions_ekman_{train,dev,test}.tsv.gz`: text, comma list of class indices, id. The order of the classes is
in `goemotions_ekman_labels.txt` where that file is present.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from train.corpora.base import Split, TextExample, existing, labels_of, without_leaks
from train.corpora.tables import bad_row, lines_of

NAME: Final = "goemotions"
_CLASSES: Final = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
_OURS: Final = {"joy": "happiness"}
_SPLITS: Final[dict[str, Split]] = {"train": "train", "dev": "validation", "test": "test"}


def read(folder: Path) -> list[TextExample]:
    """Read every part in `folder`; a training text that is in another part as well is left out.

    Raises:
        SourceError: there is no part, or a row is none of the format; names its line.
    """
    classes = _classes(folder)
    examples = []
    for path in existing(folder, "goemotions_ekman_*.tsv.gz"):
        split = _SPLITS.get(path.name.removeprefix("goemotions_ekman_").removesuffix(".tsv.gz"), "test")
        for number, line in lines_of(path):
            text, chosen, name = _cells(path, number, line, classes)
            labels = labels_of(dict.fromkeys(chosen, 1.0))
            examples.append(TextExample(name, NAME, text, split, labels, text))
    return without_leaks(examples)


def _cells(path: Path, number: int, line: str, classes: list[str]) -> tuple[str, list[str], str]:
    cells = line.split("\t")
    if len(cells) != 3:
        raise bad_row(path, number, f"has {len(cells)} cells in place of text, classes, id.")
    text, indices, name = cells
    known = {str(index): label for index, label in enumerate(classes)}
    chosen = [known.get(index, "") for index in indices.split(",")]
    if "" in chosen:
        raise bad_row(path, number, f"{indices!r} is not a list of numbers from 0 to {len(classes) - 1}.")
    return text, chosen, name


def _classes(folder: Path) -> list[str]:
    path = folder / "goemotions_ekman_labels.txt"
    names = path.read_text(encoding="utf-8").split() if path.is_file() else list(_CLASSES)
    return [_OURS.get(name, name) for name in names]
