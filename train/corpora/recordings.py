"""Examples that lie in recordings, and how they are split by what they were taken from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeVar

from core.errors import SourceError
from train.corpora.base import Example, Split, bucket

SplitRule = Literal["official", "disjoint"]
"""The authors' split, or one of ours in which no recording is in two parts."""

_MEDIA: Final = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".flv", ".wav", ".flac", ".mp3", ".m4a", ".ogg")
_TEST_SHARE: Final = 0.2
_VALIDATION_SHARE: Final = 0.15

E = TypeVar("E", bound=Example)


@dataclass(frozen=True, slots=True, eq=False)
class RecordingExample(Example):
    """A labelled stretch of a recording with sound, pictures or both.

    Attributes:
        path: the recording.
        t0_s, t1_s: the stretch in seconds of the recording; t1_s None means up to its end.
        speaker: whom it is about; unique within the corpus as far as the corpus tells.
        text: what is said, where the corpus has it.
        scales: "valence" and "arousal" in [-1, 1]; "intensity.LABEL" in the corpus' own unit.
        row: where a person can look the example up, such as "labels.csv, line 7"; "" = by its id.
    """

    path: Path
    t0_s: float
    t1_s: float | None
    speaker: str
    text: str | None = None
    scales: Mapping[str, float] = field(default_factory=dict)
    row: str = ""


def parts_of(
    t0_s: float, t1_s: float | None, duration_s: float | None, longest_s: float = 12.0
) -> list[tuple[float, float | None]]:
    """Cut a stretch into equal parts of at most `longest_s`: no live window is longer.

    Args:
        t0_s, t1_s: the stretch in seconds; t1_s None means up to the end of the recording.
        duration_s: of the recording, as far as it is known; it decides over stretches without an end only,
            and the last part of such a stretch has none either.
        longest_s: in seconds.
    """
    end_s = duration_s if t1_s is None else t1_s
    if end_s is None or end_s - t0_s <= longest_s:
        return [(t0_s, t1_s)]
    count = math.ceil((end_s - t0_s) / longest_s)
    length_s = (end_s - t0_s) / count
    borders = [t0_s + i * length_s for i in range(count)]
    return list(zip(borders, [*borders[1:], t1_s], strict=True))


def split_by_source(source: str) -> Split:
    """Part of a source, decided by its name alone: about 20 % test, 15 % validation."""
    place = bucket(source)
    if place < _TEST_SHARE:
        return "test"
    return "validation" if place < _TEST_SHARE + _VALIDATION_SHARE else "train"


def by_source(examples: Sequence[E], rule: SplitRule) -> list[E]:
    """Examples split anew by their source where the rule is "disjoint", else as they are."""
    if rule == "official":
        return list(examples)
    return [replace(example, split=split_by_source(example.source)) for example in examples]


def with_validation(examples: Sequence[E]) -> list[E]:
    """Cut a validation part out of the training part, by source, where the corpus has none."""
    if any(example.split == "validation" for example in examples):
        return list(examples)
    return [
        replace(example, split="validation")
        if example.split == "train" and bucket(f"{example.source}, validation") < _VALIDATION_SHARE
        else example
        for example in examples
    ]


def media_below(folder: Path) -> dict[str, Path]:
    """Recordings anywhere below a folder, by file name without suffix; the first wins, in order of paths."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _MEDIA and not path.name.startswith("."):
            found.setdefault(path.stem, path)
    return found


def media_of(names: Iterable[str], folder: Path, *, lenient: bool = False) -> dict[str, Path]:
    """The recording of each name.

    Args:
        names: of files, without suffix.
        folder: where they lie, anywhere below.
        lenient: recordings may be missing; each then has a path at which nothing is.

    Raises:
        SourceError: recordings are missing; says how many and which comes first.
    """
    wanted, found = list(names), media_below(folder)
    missing = [name for name in wanted if name not in found]
    if len(missing) == len(wanted) or (missing and not lenient):
        raise SourceError(
            f"lacks {len(missing)} of {len(wanted)} recordings, {missing[0]} to begin with.",
            where=str(folder),
            fix="Unpack the corpus' videos below this folder.",
        )
    return {name: found.get(name, folder / f"{name}.mp4") for name in wanted}
