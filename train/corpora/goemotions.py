"""GoEmotions: Reddit comments, several labels each, grouped to Ekman's (Demszky et al. 2020; Apache-2.0).

`goemotions_ekman_{train,dev,test}.tsv.gz`: text, comma list of class indices, id. The order of the classes is
in `goemotions_ekman_labels.txt` where that file is present.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Final

from train.corpora.base import Split, TextExample, existing, labels_of, without_leaks

NAME: Final = "goemotions"
_CLASSES: Final = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
_OURS: Final = {"joy": "happiness"}
_SPLITS: Final[dict[str, Split]] = {"train": "train", "dev": "validation", "test": "test"}


def read(folder: Path) -> list[TextExample]:
    """Read every part in `folder`; a training text that is in another part as well is left out."""
    classes = _classes(folder)
    examples = []
    for path in existing(folder, "goemotions_ekman_*.tsv.gz"):
        split = _SPLITS.get(path.name.removeprefix("goemotions_ekman_").removesuffix(".tsv.gz"), "test")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for text, indices, name in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                labels = labels_of({classes[int(index)]: 1.0 for index in indices.split(",")})
                examples.append(TextExample(name, NAME, text, split, labels, text))
    return without_leaks(examples)


def _classes(folder: Path) -> list[str]:
    path = folder / "goemotions_ekman_labels.txt"
    names = path.read_text(encoding="utf-8").split() if path.is_file() else list(_CLASSES)
    return [_OURS.get(name, name) for name in names]
