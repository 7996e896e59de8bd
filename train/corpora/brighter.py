"""BRIGHTER, English: short texts, several labels each (Muhammad et al. 2025; CC BY 4.0).

`brighter_eng_{train,dev,test}.csv.gz`: id, text, and a 0/1 column per emotion: anger, fear, joy, sadness,
surprise. Disgust was not asked for in English, nor was neutral, so nothing is said about those two.
"train" is cut into train and validation by a hash of the text; every other part is a test part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from train.corpora.base import INDEX, Split, TextExample, bucket, existing, labels_of, without_leaks
from train.corpora.tables import table

NAME: Final = "brighter"
_OURS: Final = {"joy": "happiness"}
_VALIDATION_SHARE: Final = 0.15


def read(folder: Path) -> list[TextExample]:
    """Read every part in `folder`; a training text that is in another part as well is left out.

    Raises:
        SourceError: there is no part, or a row has too many or too few cells; names its line.
    """
    paths = existing(folder, "brighter_eng_*.csv.gz")
    return without_leaks([example for path in paths for example in _read_file(path)])


def _read_file(path: Path) -> list[TextExample]:
    training = "train" in path.name
    examples = []
    for _, row in table(path):
        text = row["text"]
        shares = {_OURS.get(key, key): float(value) for key, value in row.items() if value in {"0", "1"}}
        shares = {label: share for label, share in shares.items() if label in INDEX}
        labels = labels_of(shares, known=shares)
        examples.append(TextExample(row["id"], NAME, text, _split(training, text), labels, text))
    return examples


def _split(training: bool, text: str) -> Split:
    if not training:
        return "test"
    return "validation" if bucket(text) < _VALIDATION_SHARE else "train"
