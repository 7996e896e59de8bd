"""RAVDESS speech: two sentences, acted in eight ways (Livingstone and Russo 2018; CC BY-NC-SA 4.0).

`03-01-EE-II-SS-RR-AA.flac` or `.wav`: EE emotion, II intensity, SS sentence, RR repetition, AA actor. Calm
counts as neutral. Splits are by actor: 15 and 16 validation, 17 and above test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from train.corpora.base import ClipExample, Split, existing, labels_of

NAME: Final = "ravdess"
_EMOTIONS: Final = {
    "01": "neutral",
    "02": "neutral",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_VALIDATION: Final = (15, 16)
_FIRST_TEST: Final = 17


def read(folder: Path) -> list[ClipExample]:
    """List every clip below `folder`; nothing is decoded."""
    examples = []
    for path in existing(folder, "**/03-01-*-*-*-*-*.[fw][la][av]*"):
        _, _, emotion, _, _, _, actor = path.stem.split("-")
        name = _EMOTIONS[emotion]
        labels = labels_of({name: 1.0})
        examples.append(
            ClipExample(path.stem, NAME, f"actor {actor}", _split(int(actor)), labels, path, name)
        )
    return examples


def _split(actor: int) -> Split:
    if actor >= _FIRST_TEST:
        return "test"
    return "validation" if actor in _VALIDATION else "train"
