"""EmotionLines, Friends: utterances of dialogues with five votes each (Hsu et al. 2018; research use).

Either the authors' `friends_{train,dev,test}.json`, lists of dialogues, each a list of utterances with
speaker, utterance, emotion and annotation (the votes); or a table `emotionlines*.csv[.gz]` with the columns
split, dialog, utt, speaker, text, emotion, annotation.

Labels are shares of the votes. The characters speak in all parts of the split, so the source is the dialogue.
MELD is made from the same dialogues with the same split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import SourceError
from train.corpora.base import Split, TextExample, assert_disjoint
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.tables import shares_of, table

NAME: Final = "emotionlines"
SPLITS: Final[dict[str, Split]] = {"train": "train", "dev": "validation", "test": "test"}
_Row = tuple[str, str, str, str, str]
"""part, dialogue, utterance, text, votes."""


def read(folder: Path, *, space: LabelSpace = DEFAULT) -> list[TextExample]:
    """Read every part in `folder`.

    Raises:
        SourceError: there is none, or a row has no votes.
    """
    tables = sorted([*folder.glob("emotionlines*.csv"), *folder.glob("emotionlines*.csv.gz")])
    documents = sorted(folder.glob("**/friends_*.json"))
    if not tables and not documents:
        raise SourceError(
            "holds neither friends_*.json nor emotionlines*.csv.gz.",
            where=str(folder),
            fix="Name the folder that the corpus lies in.",
        )
    rows = [row for path in tables for row in _table(path)] or [r for p in documents for r in _document(p)]
    examples = [_example(row, space) for row in rows]
    assert_disjoint(examples)
    return examples


def repaired(text: str) -> str:
    """Text whose apostrophes and quotes were read as control characters (Windows-1252 taken for Latin-1)."""
    return re.sub(r"[\x80-\x9f]", lambda found: found[0].encode("latin-1").decode("cp1252", "ignore"), text)


def _example(row: _Row, space: LabelSpace) -> TextExample:
    part, dialogue, utterance, text, votes = row
    name = f"{part}/{dialogue}/{utterance}"
    labels = space.of_corpus(NAME, shares_of(votes, where=f"EmotionLines, {name}"))
    return TextExample(name, NAME, f"{part}/{dialogue}", SPLITS[part], labels, repaired(text))


def _table(path: Path) -> Iterator[_Row]:
    for _, row in table(path):
        yield row["split"], row["dialog"], row["utt"], row["text"], row["annotation"]


def _document(path: Path) -> Iterator[_Row]:
    part = path.stem.removeprefix("friends_")
    if part not in SPLITS:  # friends.json holds all parts once more
        return
    try:
        dialogues = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"is not JSON: {error}.", where=str(path)) from error
    for number, dialogue in enumerate(dialogues):
        for place, line in enumerate(dialogue):
            yield part, str(number), str(place), line["utterance"], line["annotation"]
