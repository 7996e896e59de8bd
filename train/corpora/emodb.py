"""EmoDB: ten German sentences, acted by ten speakers (Burkhardt et al. 2005; free for research).

`SSaNNEv.flac` or `.wav`: SS speaker, aNN sentence, E emotion, v version. Boredom is left out; surprise was
not acted, so nothing is said about it. Splits are by speaker: 12 validation, 13 and above test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core.labels import EMOTIONS
from train.corpora.base import ClipExample, Split, existing, labels_of

NAME: Final = "emodb"
_EMOTIONS: Final = {
    "W": "anger",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_KNOWN: Final = tuple(name for name in EMOTIONS if name != "surprise")
_VALIDATION: Final = ("12",)
_FIRST_TEST: Final = "13"


def read(folder: Path) -> list[ClipExample]:
    """List every clip of `folder` but boredom; nothing is decoded."""
    examples = []
    for path in existing(folder, "[0-9][0-9][ab][0-9][0-9]*.[fw][la][av]*"):
        speaker, emotion = path.stem[:2], path.stem[5]
        if emotion not in _EMOTIONS:
            continue
        name = _EMOTIONS[emotion]
        labels = labels_of({name: 1.0}, known=_KNOWN)
        examples.append(
            ClipExample(path.stem, NAME, f"speaker {speaker}", _split(speaker), labels, path, name)
        )
    return examples


def _split(speaker: str) -> Split:
    if speaker >= _FIRST_TEST:
        return "test"
    return "validation" if speaker in _VALIDATION else "train"
