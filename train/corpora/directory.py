"""Anyone's recordings with a table: how to train on one's own data (docs/train-your-own.md).

`labels.csv` in the folder of the recordings, UTF-8, commas, one row for each labelled stretch:

    path,start,end,speaker,split,anger,happiness
    monday.mp4,12.5,15.0,anna,train,0,1
    monday.mp4,15.0,21.2,ben,train,0.3,

- path: relative to the table. start, end: seconds; empty means the beginning and the end of the recording.
- speaker: empty means that the recording has a speaker of its own.
- split: train, validation or test; empty in every row means that it is drawn, speaker by speaker.
- one column for each label: 0 to 1 (a share of votes, say), empty where it was not labelled.
- if there: id, text (what is said), valence and arousal from -1 to 1.

Mistakes are told all at once, each with its row and column. A speaker or a recording in several parts is a
mistake: a model that knows a voice already looks better than it is. Recordings are the same if they are one
file under several names, or copies of each other.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from train.corpora.base import Split, assert_disjoint
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.label_table import SPLITS, TABLE, Mistakes, TableRow, read_rows
from train.corpora.recordings import RecordingExample, split_by_source

NAME: Final = "directory"
_SHARED: Final = (
    "\nWhere that is meant, say so: --shared-speakers, in a preset corpora.directory.shared_speakers=true."
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row and what it is about.

    Attributes:
        row: as it stands in the table.
        recording: the path under which its recording, or a copy of it, comes first in the table.
        speaker: as written there, or the recording where none is.
    """

    row: TableRow
    recording: str
    speaker: str


def read(
    folder: Path,
    *,
    space: LabelSpace = DEFAULT,
    allow_shared_speakers: bool = False,
    lenient: bool = False,
    whole: bool = False,
) -> list[RecordingExample]:
    """Read a table; nothing is decoded.

    Args:
        folder: holds `labels.csv`, or is the path of a table of another name.
        space: labels that columns may have.
        allow_shared_speakers: a speaker may be in several parts; a recording never may.
        lenient: recordings may be missing; whoever opens them tells it.
        whole: nobody asks for parts: a table without the column split may have few speakers.

    Raises:
        ConfigError: there is no table, or mistakes are in it.
    """
    table = folder / TABLE if folder.is_dir() else folder
    mistakes = Mistakes(table)
    entries = _entries(read_rows(table, space, mistakes, lenient=lenient))
    _check_ids(entries, mistakes)
    _check_contradictions(entries, mistakes)
    if not allow_shared_speakers:
        _check_spelling(entries, mistakes)
    splits = _splits(entries, mistakes, whole=whole)
    _check_recordings(entries, splits, mistakes)
    if not allow_shared_speakers:
        _check_speakers(entries, splits, mistakes)
    mistakes.check()
    examples = [
        _example(entry, split, space, table, by_recording=allow_shared_speakers)
        for entry, split in zip(entries, splits, strict=True)
        if split is not None
    ]
    assert_disjoint(examples)
    return examples


# --- what is the same -------------------------------------------------------------------------------


def _entries(rows: Iterable[TableRow]) -> list[_Entry]:
    """Rows with the first name of their recording, whatever it is called and however often it is there."""
    rows = list(rows)
    files: dict[tuple[int, int] | str, Path] = {}
    identity: dict[Path, tuple[int, int] | str] = {}
    for row in rows:
        try:
            found = row.path.stat()
            identity[row.path] = (found.st_dev, found.st_ino)
        except OSError:  # missing recordings are told elsewhere, or left out later
            identity[row.path] = str(row.path.absolute())
        files.setdefault(identity[row.path], row.path)
    copies = _copies(files)
    names: dict[tuple[int, int] | str, str] = {}
    entries = []
    for row in rows:
        mine = identity[row.path]
        recording = names.setdefault(copies.get(mine, mine), row.cells["path"])
        entries.append(_Entry(row, recording, row.cells.get("speaker") or recording))
    return entries


def _copies(files: dict[tuple[int, int] | str, Path]) -> dict[tuple[int, int] | str, tuple[int, int] | str]:
    """File -> the first one with the same bytes. Only files of one size are read; empty ones are not."""
    by_size: dict[int, list[tuple[int, int] | str]] = defaultdict(list)
    for key, path in files.items():
        if path.is_file() and path.stat().st_size:
            by_size[path.stat().st_size].append(key)
    first: dict[bytes, tuple[int, int] | str] = {}
    result = {}
    for keys in (keys for keys in by_size.values() if len(keys) > 1):
        for key in keys:
            with files[key].open("rb") as file:
                result[key] = first.setdefault(hashlib.file_digest(file, "sha256").digest(), key)
    return result


def _check_ids(entries: Iterable[_Entry], mistakes: Mistakes) -> None:
    seen: set[str] = set()
    for row in (entry.row for entry in entries):
        if row.name in seen:
            mistakes.add(row.line, "id", f"{row.name} occurs twice")
        seen.add(row.name)


def _check_contradictions(entries: Iterable[_Entry], mistakes: Mistakes) -> None:
    """One stretch of one person has one value of each label."""
    seen: dict[tuple[str, float, float | None, str], TableRow] = {}
    for entry in entries:
        row = entry.row
        first = seen.setdefault((entry.recording, row.t0_s, row.t1_s, entry.speaker), row)
        for name, value in row.shares.items():
            if first.shares.get(name, value) != value:
                other = f"line {first.line} says {first.shares[name]:g} of the same stretch"
                mistakes.add(row.line, name, f"{value:g}, but {other}")
                break


def _check_spelling(entries: Iterable[_Entry], mistakes: Mistakes) -> None:
    """Names that differ in case, blanks or Unicode form only are one speaker, or a trap."""
    seen: dict[str, tuple[str, int]] = {}
    told: set[str] = set()
    for entry in entries:
        form = " ".join(unicodedata.normalize("NFKC", entry.speaker).casefold().split())
        spelled, line = seen.setdefault(form, (entry.speaker, entry.row.line))
        if entry.speaker != spelled and entry.speaker not in told and entry.row.cells.get("speaker"):
            told.add(entry.speaker)
            where = f"from {spelled!r} in line {line} in case, blanks or Unicode form only"
            what = f"{entry.speaker!r} differs {where}; write one speaker's name in one way"
            mistakes.add(entry.row.line, "speaker", what)


# --- splits ------------------------------------------------------------------------------------------


def _splits(entries: list[_Entry], mistakes: Mistakes, *, whole: bool) -> list[Split | None]:
    """Part of each row; None where that is a mistake."""
    given = [_given(entry.row) for entry in entries]
    if any(given):
        for entry, split in zip(entries, given, strict=True):
            if split is None:
                mistakes.add(entry.row.line, "split", "is empty; fill it in every row, or in none")
        return given
    groups = _groups(entries)
    drawn = [split_by_source(groups[entry.speaker]) for entry in entries]
    if set(drawn) != set(SPLITS) and entries and not whole:
        people = len(set(groups.values()))
        mistakes.add(1, "split", f"{people} separate speakers are too few to draw from; fill it in")
    return [*drawn]


def _given(row: TableRow) -> Split | None:
    return next((split for split in get_args(Split) if split == row.cells.get("split")), None)


def _groups(entries: Iterable[_Entry]) -> dict[str, str]:
    """Speaker -> name of a group: those who are heard in one recording have to stay together."""
    group: dict[str, str] = {}
    first_in: dict[str, str] = {}
    for entry in entries:
        mine = group.setdefault(entry.speaker, entry.speaker)
        other = group[first_in.setdefault(entry.recording, entry.speaker)]
        joined = min(mine, other)
        group = {who: joined if name in (mine, other) else name for who, name in group.items()}
    return group


def _check_recordings(entries: list[_Entry], splits: list[Split | None], mistakes: Mistakes) -> None:
    """No recording may be in several parts, under whatever name."""
    seen: dict[str, tuple[Split, int]] = {}
    told: set[tuple[str, Split]] = set()
    for entry, split in zip(entries, splits, strict=True):
        if split is None:
            continue
        first, line = seen.setdefault(entry.recording, (split, entry.row.line))
        written = entry.row.cells["path"]
        if split != first and (written, split) not in told:
            told.add((written, split))
            what = f"{written} is in {split}, and in {first} above"
            if written != entry.recording:
                what = f"{written} is the recording {entry.recording} of line {line}, which is in {first}"
            mistakes.add(entry.row.line, "path", what)


def _check_speakers(entries: list[_Entry], splits: list[Split | None], mistakes: Mistakes) -> None:
    """No speaker may be in several parts, unless that is allowed."""
    seen: dict[str, Split] = {}
    told: set[tuple[str, Split]] = set()
    for entry, split in zip(entries, splits, strict=True):
        if split is None or entry.speaker == entry.recording:  # a recording of its own is checked above
            continue
        first = seen.setdefault(entry.speaker, split)
        if split != first and (entry.speaker, split) not in told:
            told.add((entry.speaker, split))
            mistakes.hint = _SHARED
            mistakes.add(entry.row.line, "speaker", f"{entry.speaker} is in {split}, and in {first} above")


def _example(
    entry: _Entry, split: Split, space: LabelSpace, table: Path, *, by_recording: bool
) -> RecordingExample:
    row = entry.row
    return RecordingExample(
        id=row.name,
        corpus=NAME,
        source=entry.recording if by_recording else entry.speaker,
        split=split,
        labels=space.labels(row.shares, row.shares),
        path=row.path,
        t0_s=row.t0_s,
        t1_s=row.t1_s,
        speaker=entry.speaker,
        text=row.cells.get("text") or None,
        scales=row.scales,
        row=f"{table.name}, line {row.line}",
    )
