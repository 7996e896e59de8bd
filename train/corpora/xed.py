"""XED, English: subtitle lines with Plutchik's emotions, several each (Oehman et al. 2020; CC BY 4.0).

`xed_en.tsv.gz`: text, comma list of 1 anger, 2 anticipation, 3 disgust, 4 fear, 5 joy, 6 sadness, 7 surprise,
8 trust. `xed_en_neutral.txt.gz`: 9, text. Anticipation and trust are not among our labels: a line that has
nothing else says nothing about neutral. Splits are cut by a hash of the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.labels import EMOTIONS
from train.corpora.base import Split, TextExample, bucket, existing, labels_of
from train.corpora.tables import bad_row, lines_of

NAME: Final = "xed"
_PLUTCHIK: Final = {
    "1": "anger",
    "3": "disgust",
    "4": "fear",
    "5": "happiness",
    "6": "sadness",
    "7": "surprise",
    "9": "neutral",
}
_CLASSES: Final = {*_PLUTCHIK, "2", "8"}
_HELD_OUT_SHARE: Final = 0.05


def read(folder: Path) -> list[TextExample]:
    """Read the emotional and, where present, the neutral lines of `folder`.

    Raises:
        SourceError: there is no file, or a line is none of the format; names it.
    """
    examples: dict[str, TextExample] = {}
    for text, classes in _rows(folder):
        if text in examples:
            continue
        shares = {_PLUTCHIK[name]: 1.0 for name in classes if name in _PLUTCHIK}
        known = EMOTIONS if shares else tuple(name for name in EMOTIONS if name != "neutral")
        labels = labels_of(shares, known=known)
        examples[text] = TextExample(f"xed/{len(examples)}", NAME, text, _split(text), labels, text)
    return list(examples.values())


def _rows(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for path in existing(folder, "xed_en*.gz"):
        for number, line in lines_of(path):
            first, _, second = line.partition("\t")
            text, cell = (second, first) if "neutral" in path.name else (first, second)
            classes = cell.split(", ")
            if not set(classes) <= _CLASSES:
                raise bad_row(path, number, f"{cell!r} is not a list of numbers from 1 to 9.")
            yield text, classes


def _split(text: str) -> Split:
    place = bucket(text)
    if place < _HELD_OUT_SHARE:
        return "test"
    return "validation" if place < 2 * _HELD_OUT_SHARE else "train"
