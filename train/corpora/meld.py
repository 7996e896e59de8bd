"""MELD: utterances of the series Friends, with video (Poria et al. 2019; GPL-3.0).

`{train,dev,test}_sent_emo.csv`, or a table `meld*.csv[.gz]` with a column split. Columns that are read:
Utterance, Speaker, Emotion, Dialogue_ID, Utterance_ID, Season, Episode. A column friends_votes with
EmotionLines' votes makes labels soft where it is filled; else there is the one label.

Videos: `dia{Dialogue_ID}_utt{Utterance_ID}.mp4` in a folder of each part (`train_splits/`,
`dev_splits_complete/`, `output_repeated_splits_test/`).

The authors' split is by dialogue, and so is the source there. Parts share episodes, and the six main
characters: there is a split of ours by episode, and none by speaker.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import SourceError
from train.corpora.base import Example, TextExample, assert_disjoint
from train.corpora.emotionlines import SPLITS, repaired
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, SplitRule, by_source
from train.corpora.tables import shares_of, table

NAME: Final = "meld"
_Row = dict[str, str]


def read(folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT) -> list[TextExample]:
    """Read the text of every part in `folder`.

    Args:
        folder: holds the tables.
        split: the authors' parts by dialogue, or ours by episode; asserted either way.
        space: labels of the targets.

    Raises:
        SourceError: there is no table.
        ConfigError: an emotion is none of MELD's.
    """
    rows = list(_rows(folder))
    common = [_common(row, part, split, space) for part, row in rows]
    texts = [
        TextExample(c.id, c.corpus, c.source, c.split, c.labels, repaired(row["Utterance"]))
        for c, (_, row) in zip(common, rows, strict=True)
    ]
    examples = by_source(texts, split)
    assert_disjoint(examples)
    return examples


def read_recordings(
    folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT
) -> list[RecordingExample]:
    """Read every part in `folder` with its videos; utterances without one are left out.

    Raises:
        SourceError: there is no table, or not a single video.
        ConfigError: an emotion is none of MELD's.
    """
    found = []
    videos = _videos(folder)
    for part, row in _rows(folder):
        path = videos.get((part, f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"))
        if path is not None:
            c = _common(row, part, split, space)
            speaker, text = row["Speaker"], repaired(row["Utterance"])
            found.append(
                RecordingExample(
                    c.id, NAME, c.source, c.split, c.labels, path, 0.0, None, speaker=speaker, text=text
                )
            )
    if not found:
        raise SourceError("holds none of MELD's videos.", where=str(folder), fix="Unpack them below it.")
    examples = by_source(found, split)
    assert_disjoint(examples)
    return examples


def _common(row: _Row, part: str, split: SplitRule, space: LabelSpace) -> Example:
    name = f"{part}/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
    votes = row.get("friends_votes")
    own = shares_of(votes, where=f"MELD, {name}") if votes else {row["Emotion"].lower(): 1.0}
    dialogue = f"{part}/dia{row['Dialogue_ID']}"
    source = dialogue if split == "official" else f"S{row['Season']}E{row['Episode']}"
    return Example(name, NAME, source, SPLITS[part], space.of_corpus(NAME, own))


def _rows(folder: Path) -> Iterator[tuple[str, _Row]]:
    tables = sorted([*folder.glob("meld*.csv"), *folder.glob("meld*.csv.gz")])
    tables = tables or sorted(folder.glob("**/*_sent_emo.csv"))
    if not tables:
        raise SourceError(
            "holds neither *_sent_emo.csv nor meld*.csv.gz.",
            where=str(folder),
            fix="Name the folder that the corpus lies in.",
        )
    for path in tables:
        for _, row in table(path):
            yield row.get("split") or path.name.removesuffix("_sent_emo.csv"), row


def _videos(folder: Path) -> dict[tuple[str, str], Path]:
    """(part, file name without suffix) -> video; macOS archives hold shadows that begin with a dot."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("dia*_utt*.mp4")):
        for part in [part for part in SPLITS if part in path.parent.name]:
            found[(part, path.stem)] = path
    return found
