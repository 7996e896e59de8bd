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

Mistakes are told all at once, each with its row and column. A speaker in several parts is a mistake: a model
that knows a voice already looks better than it is.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from core.errors import ConfigError
from train.corpora.base import Split, assert_disjoint
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, split_by_source

NAME: Final = "directory"
TABLE: Final = "labels.csv"
_FIXED: Final = ("path", "start", "end", "speaker", "split", "id", "text", "valence", "arousal")
_SPLITS: Final[tuple[str, ...]] = get_args(Split)
_SHOWN: Final = 10
_SHARED: Final = (
    "\nWhere that is meant, say so: --shared-speakers, in a preset corpora.directory.shared_speakers=true."
)


@dataclass(slots=True)
class _Mistakes:
    """What is wrong with a table."""

    table: Path
    found: list[str] = field(default_factory=list)
    hint: str = ""

    def add(self, line: int, column: str, what: str) -> None:
        self.found.append(f"line {line}, column {column}: {what}")

    def check(self) -> None:
        """Raise ConfigError if there were any."""
        if self.found:
            shown = "\n".join(f"  {mistake}" for mistake in self.found[:_SHOWN])
            rest = len(self.found) - _SHOWN
            more = f"\n  and {rest} more" if rest > 0 else ""
            raise ConfigError(f"cannot be used:\n{shown}{more}{self.hint}", where=str(self.table))


@dataclass(frozen=True, slots=True)
class _TableRow:
    line: int
    cells: Mapping[str, str]
    path: Path
    t0_s: float
    t1_s: float | None
    shares: Mapping[str, float]
    scales: Mapping[str, float]

    @property
    def name(self) -> str:
        return self.cells.get("id") or f"line {self.line}"

    @property
    def speaker(self) -> str:
        return self.cells.get("speaker") or self.cells["path"]


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
    mistakes = _Mistakes(table)
    labels, lines = _read_cells(table, space, mistakes)
    rows = [row for line, cells in lines if (row := _row(line, cells, labels, mistakes, lenient)) is not None]
    _check_ids(rows, mistakes)
    splits = _splits(rows, mistakes, whole=whole)
    _check_apart(rows, splits, mistakes, allow_shared_speakers=allow_shared_speakers)
    mistakes.check()
    examples = [
        _example(row, split, space, table, by_recording=allow_shared_speakers)
        for row, split in zip(rows, splits, strict=True)
        if split is not None
    ]
    assert_disjoint(examples)
    return examples


# --- cells -------------------------------------------------------------------------------------------


def _read_cells(
    table: Path, space: LabelSpace, mistakes: _Mistakes
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns that are labels, and (line, column -> stripped text) for each row."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except OSError as error:
        fix = f"Write a table {TABLE}, see docs/train-your-own.md."
        raise ConfigError(f"cannot be read ({error.strerror}).", where=str(table), fix=fix) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"is not a table of comma-separated UTF-8: {error}.", where=str(table)) from error
    labels = _label_columns(header, space, mistakes)
    if not rows:
        mistakes.add(2, "path", "there is no row")
    lines = []
    for line, cells in rows:
        if len(cells) != len(header):
            mistakes.add(line, "path", f"the row has {len(cells)} cells for {len(header)} columns")
        else:
            lines.append((line, {n: cell.strip() for n, cell in zip(header, cells, strict=True)}))
    return labels, lines


def _label_columns(header: list[str], space: LabelSpace, mistakes: _Mistakes) -> list[str]:
    if len(header) == 1 and ";" in header[0]:
        mistakes.add(1, "path", "columns are separated by semicolons; save the table with commas")
        mistakes.check()
    if "path" not in header:
        mistakes.add(1, "path", "there is no such column")
        mistakes.check()
    for name in sorted({name for name in header if header.count(name) > 1}):
        mistakes.add(1, name or "(no name)", "occurs twice")
    for name in header:
        if name not in _FIXED and name not in space.names:
            near = difflib.get_close_matches(name.lower(), [*space.names, *_FIXED], n=1)
            hint = f"did you mean {near[0]}?" if near else f"known labels: {', '.join(space.names)}"
            mistakes.add(1, name or "(no name)", f"unknown; {hint}")
    labels = [name for name in header if name in space.names]
    if not labels:
        mistakes.add(1, space.names[0], f"there is no column of a label: {', '.join(space.names)}")
    return labels


def _row(
    line: int, cells: Mapping[str, str], labels: list[str], mistakes: _Mistakes, lenient: bool
) -> _TableRow | None:
    path = mistakes.table.parent / cells["path"]
    if not cells["path"]:
        mistakes.add(line, "path", "is empty")
    elif not (lenient or path.is_file()):
        mistakes.add(line, "path", f"there is no file {cells['path']}")
    t0_s = _number(cells, line, "start", mistakes, (0.0, math.inf)) or 0.0
    t1_s = _number(cells, line, "end", mistakes, (0.0, math.inf))
    if t1_s is not None and t1_s <= t0_s:
        mistakes.add(line, "end", f"{t1_s:g} s is not after the start, {t0_s:g} s")
    if labels and not any(cells[name] for name in labels):
        mistakes.add(line, labels[0], "no label is filled in")
    shares = _numbers(cells, line, labels, mistakes, (0.0, 1.0))
    scales = _numbers(cells, line, ["valence", "arousal"], mistakes, (-1.0, 1.0))
    split = cells.get("split", "")
    if split and split not in _SPLITS:
        near = difflib.get_close_matches(split.lower(), _SPLITS, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(_SPLITS)}"
        mistakes.add(line, "split", f"{split!r} is unknown; {hint}")
        return None
    return _TableRow(line, cells, path, t0_s, t1_s, shares, scales)


def _numbers(
    cells: Mapping[str, str],
    line: int,
    columns: Iterable[str],
    mistakes: _Mistakes,
    bounds: tuple[float, float],
) -> dict[str, float]:
    """Column -> number, for those that are filled in."""
    found = {name: _number(cells, line, name, mistakes, bounds) for name in columns}
    return {name: value for name, value in found.items() if value is not None}


def _number(
    cells: Mapping[str, str], line: int, column: str, mistakes: _Mistakes, bounds: tuple[float, float]
) -> float | None:
    """The number in a cell; None where it is empty, wrong, or not there."""
    text = cells.get(column, "")
    if not text:
        return None
    low, high = bounds
    try:
        value = float(text)
    except ValueError:
        mistakes.add(line, column, f"{text!r} is no number")
        return None
    if not (low <= value <= high and math.isfinite(value)):
        wanted = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        mistakes.add(line, column, f"{text} is not a number {wanted}")
        return None
    return value


# --- splits ------------------------------------------------------------------------------------------


def _splits(rows: list[_TableRow], mistakes: _Mistakes, *, whole: bool) -> list[Split | None]:
    """Part of each row; None where that is a mistake."""
    given = [_given(row) for row in rows]
    if any(given):
        for row, split in zip(rows, given, strict=True):
            if split is None:
                mistakes.add(row.line, "split", "is empty; fill it in every row, or in none")
        return given
    groups = _groups(rows)
    drawn = [split_by_source(groups[row.speaker]) for row in rows]
    if set(drawn) != set(_SPLITS) and rows and not whole:
        people = len(set(groups.values()))
        mistakes.add(1, "split", f"{people} separate speakers are too few to draw from; fill it in")
    return [*drawn]


def _given(row: _TableRow) -> Split | None:
    return next((split for split in get_args(Split) if split == row.cells.get("split")), None)


def _groups(rows: Iterable[_TableRow]) -> dict[str, str]:
    """Speaker -> name of a group: those who are heard in one recording have to stay together."""
    group: dict[str, str] = {}
    first_in: dict[Path, str] = {}
    for row in rows:
        mine = group.setdefault(row.speaker, row.speaker)
        other = group[first_in.setdefault(row.path, row.speaker)]
        joined = min(mine, other)
        group = {who: joined if name in (mine, other) else name for who, name in group.items()}
    return group


def _check_ids(rows: Iterable[_TableRow], mistakes: _Mistakes) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            mistakes.add(row.line, "id", f"{row.name} occurs twice")
        seen.add(row.name)


def _check_apart(
    rows: list[_TableRow], splits: list[Split | None], mistakes: _Mistakes, *, allow_shared_speakers: bool
) -> None:
    """No speaker and no recording may be in several parts."""
    columns = ["path"] if allow_shared_speakers else ["path", "speaker"]
    for column in columns:
        seen: dict[str, Split] = {}
        told: dict[str, set[Split]] = defaultdict(set)
        for row, split in zip(rows, splits, strict=True):
            if split is None:
                continue
            name = row.speaker if column == "speaker" else row.cells["path"]
            first = seen.setdefault(name, split)
            if split != first and split not in told[name]:
                told[name].add(split)
                if column == "speaker":
                    mistakes.hint = _SHARED
                mistakes.add(row.line, column, f"{name} is in {split}, and in {first} above")


def _example(
    row: _TableRow, split: Split, space: LabelSpace, table: Path, *, by_recording: bool
) -> RecordingExample:
    return RecordingExample(
        id=row.name,
        corpus=NAME,
        source=row.cells["path"] if by_recording else row.speaker,
        split=split,
        labels=space.labels(row.shares, row.shares),
        path=row.path,
        t0_s=row.t0_s,
        t1_s=row.t1_s,
        speaker=row.speaker,
        text=row.cells.get("text") or None,
        scales=row.scales,
        row=f"{table.name}, line {row.line}",
    )
