"""Acted and spoken corpora of speech whose clips are described by a table in the form of `directory`.

nEMO (Polish, CC BY-NC-SA 4.0), TurEV-DB (Turkish words, CC BY-NC-ND 4.0), TESS (two actresses, one carrier
sentence, CC BY-NC-ND 4.0), the Korean sample of emotiontts (CC BY-NC-SA) and Indian EmoSpeech (command words
in houses and streets, CC BY-NC-SA 4.0). Each folder holds `labels.csv` and its sound files. TESS is all
training part: two voices that say one sentence are no test.
"""

from __future__ import annotations

from pathlib import Path

from core.labels import EMOTIONS
from train.corpora import directory
from train.corpora.base import ClipExample


def read_nemo(folder: Path) -> list[ClipExample]:
    """List every clip of nEMO; nothing is decoded."""
    return _read("nemo", folder)


def read_turev(folder: Path) -> list[ClipExample]:
    """The same of TurEV-DB."""
    return _read("turev", folder)


def read_tess(folder: Path) -> list[ClipExample]:
    """The same of TESS."""
    return _read("tess", folder)


def read_korean(folder: Path) -> list[ClipExample]:
    """The same of the Korean sample of emotiontts."""
    return _read("korean", folder)


def read_indian(folder: Path) -> list[ClipExample]:
    """The same of Indian EmoSpeech; parts are drawn speaker by speaker."""
    return _read("indian", folder)


def _read(name: str, folder: Path) -> list[ClipExample]:
    return [
        ClipExample(
            id=row.path.stem,
            corpus=name,
            source=row.source,
            split=row.split,
            labels=row.labels,
            path=row.path,
            intended=EMOTIONS[int(row.labels.target.argmax())],
        )
        for row in directory.read(folder, whole=True)
    ]
