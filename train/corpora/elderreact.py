"""ElderReact: clips of elders who watch and play, several labels each (Ma et al. 2019; academic research).

`{train,dev,test}_labels.txt`, as the authors publish them, one clip per line:

    50_50_17.mp4 0 0 0 1 0 0 f 5.666666666666667

that is name, anger, disgust, fear, happiness, sadness, surprise, gender, and valence from 1 to 7; and the
videos, anywhere below the folder (the authors' are `ElderReact_{train,dev,test}/`).

A clip's source is the video that it was cut from: its name without the last number. Nearly all videos are in
several parts of the official split, so there is a split of ours by source as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import SourceError
from train.corpora.base import Labels, Split, assert_disjoint, existing
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, SplitRule, by_source, media_of
from train.corpora.tables import lines_of

NAME: Final = "elderreact"
EMOTIONS: Final = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
PARTS: Final[dict[str, Split]] = {"train": "train", "dev": "validation", "test": "test"}
_SAME_VIDEO: Final = {"try_not_look_away": "not_look_away"}
"""The numbers of one go on where those of the other end."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipRow:
    """One line of a label file: clip without suffix, part, labels, valence in [-1, 1]."""

    clip: str
    part: str
    labels: Labels
    valence: float


def read(
    folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT, lenient: bool = False
) -> list[RecordingExample]:
    """Read every label file below `folder` and find its videos; nothing is decoded.

    Args:
        folder: holds label files and videos.
        split: the authors' parts, or ours without shared videos (asserted).
        space: labels of the targets.
        lenient: videos may be missing, but not all.

    Raises:
        SourceError: no label file, a line that is none, or a video is missing.
    """
    rows = list(label_rows(folder, space))
    paths = media_of((row.clip for row in rows), folder, lenient=lenient)
    examples = [
        RecordingExample(
            id=row.clip,
            corpus=NAME,
            source=source_of(row.clip),
            split=PARTS[row.part],
            labels=row.labels,
            path=paths[row.clip],
            t0_s=0.0,
            t1_s=None,
            speaker=source_of(row.clip),
            scales={"valence": row.valence},
        )
        for row in rows
    ]
    examples = by_source(examples, split)
    if split == "disjoint":
        assert_disjoint(examples)
    return examples


def label_rows(folder: Path, space: LabelSpace = DEFAULT) -> Iterator[ClipRow]:
    """Lines of the label files below `folder`. Raises SourceError as `read` does."""
    for path in existing(folder, "**/*_labels.txt"):
        part = path.name.removesuffix("_labels.txt")
        if part not in PARTS:
            continue
        for number, line in lines_of(path):
            yield _row(line.split(), part, space, where=f"{path}, line {number}")


def source_of(clip: str) -> str:
    """The video that a clip was cut from."""
    video = clip.rpartition("_")[0].lower()
    return _SAME_VIDEO.get(video, video)


def _row(fields: list[str], part: str, space: LabelSpace, *, where: str) -> ClipRow:
    flags = fields[1:7]
    if len(fields) != len(EMOTIONS) + 3 or not set(flags) <= {"0", "1"}:
        raise SourceError("is not: name, six times 0 or 1, gender, valence.", where=where)
    own = {name: float(flag) for name, flag in zip(EMOTIONS, flags, strict=True)}
    labels = space.of_corpus(NAME, own)
    return ClipRow(fields[0].removesuffix(".mp4"), part, labels, (float(fields[8]) - 4) / 3)
