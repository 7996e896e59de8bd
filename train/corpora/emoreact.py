"""EmoReact: clips of children who react to things, several labels each (Nojavanasghari et al. 2016).

The authors give it to researchers who sign its licence agreement. On disk:

- `Labels/{train,val,test}_labels.text`, one clip per line: eight times 0 or 1 (curiosity, uncertainty,
  excitement, happiness, surprise, disgust, fear, frustration), then valence from 1 to 7, with commas.
- `{Train,Val,Test}_names.txt`, in `Labels/` or beside it: the clip of each of these lines, in quotes:
  `'KIMCHI65_2.mp4'`. Lines of the form `name 0 1 0 ... valence` in the label file do as well.
- `Data/{Train,Validation,Test}/*.mp4`.

A clip's source is the video that it was cut from: its name without the numbers at its end. Which child is
seen is not told, and children are in several videos: speakers may be in several parts of any split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import SourceError
from train.corpora.base import Split, assert_disjoint, existing
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, SplitRule, by_source, media_of
from train.corpora.tables import lines_of

NAME: Final = "emoreact"
EMOTIONS: Final = (
    "curiosity",
    "uncertainty",
    "excitement",
    "happiness",
    "surprise",
    "disgust",
    "fear",
    "frustration",
)
_PARTS: Final[dict[str, Split]] = {
    "train": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}


def read(
    folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT, lenient: bool = False
) -> list[RecordingExample]:
    """Read every label file below `folder` and find its videos; nothing is decoded.

    Args:
        folder: holds label files, name files and videos.
        split: the authors' parts, or ours without shared videos (asserted).
        space: labels of the targets; `label_space.SHARED` has all eight of them.
        lenient: videos may be missing, but not all.

    Raises:
        SourceError: no label file, files of different lengths, a line that is none, or a missing video.
    """
    rows = list(_rows(folder))
    paths = media_of((clip for clip, _, _ in rows), folder, lenient=lenient)
    examples = [_example(clip, part, values, paths[clip], space) for clip, part, values in rows]
    examples = by_source(examples, split)
    if split == "disjoint":
        assert_disjoint(examples)
    return examples


def source_of(clip: str) -> str:
    """The video that a clip was cut from."""
    return re.sub(r"\d*(_\d+)?$", "", clip).lower() or clip.lower()


def _example(clip: str, part: Split, values: list[float], path: Path, space: LabelSpace) -> RecordingExample:
    return RecordingExample(
        id=clip,
        corpus=NAME,
        source=source_of(clip),
        split=part,
        labels=space.of_corpus(NAME, dict(zip(EMOTIONS, values, strict=False))),
        path=path,
        t0_s=0.0,
        t1_s=None,
        speaker=clip,
        scales={"valence": (values[8] - 4) / 3} if len(values) > len(EMOTIONS) else {},
    )


def _rows(folder: Path) -> Iterator[tuple[str, Split, list[float]]]:
    for path in existing(folder, "**/*_labels.te*xt") + sorted(folder.glob("**/*_labels.txt")):
        part = path.name.partition("_labels")[0].lower()
        if part not in _PARTS:
            continue
        lines = [re.split(r"[,\s]+", line.strip()) for line in _lines(path)]
        named = all(not _is_number(fields[0]) for fields in lines)
        names = [fields.pop(0) for fields in lines] if named else _names(folder, path, part)
        if len(names) != len(lines):
            raise SourceError(f"has {len(lines)} lines for {len(names)} names.", where=str(path))
        for number, (name, fields) in enumerate(zip(names, lines, strict=True), start=1):
            yield _clip(name), _PARTS[part], _values(fields, where=f"{path}, line {number}")


def _names(folder: Path, labels: Path, part: str) -> list[str]:
    beginnings = [key for key, split in _PARTS.items() if split == _PARTS[part]]
    for path in sorted(folder.glob("**/*_names.txt")):
        if path.name.lower().removesuffix("_names.txt") in beginnings:
            return _lines(path)
    raise SourceError(
        f"has no file {part.capitalize()}_names.txt that says whose lines these are.", where=str(labels)
    )


def _values(fields: list[str], *, where: str) -> list[float]:
    fields = [field for field in fields if field]
    if len(fields) not in (8, 9) or not set(fields[:8]) <= {"0", "1"} or not _is_number(fields[-1]):
        raise SourceError("is not: eight times 0 or 1, valence.", where=where)
    return [float(field) for field in fields]


def _lines(path: Path) -> list[str]:
    return [line for _, line in lines_of(path)]


def _clip(name: str) -> str:
    return name.strip().strip("'\"").removesuffix(".mp4")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
