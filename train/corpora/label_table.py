"""`labels.csv` cell by cell: what is in its rows, and every mistake with its line and column.

docs/train-your-own.md and `train.corpora.directory` say what the table holds. Each line of the file is one
row: a cell holds no line break, so a lone quotation mark spoils its own line only.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from core.errors import ConfigError
from train.corpora.base import Split
from train.corpora.label_space import LabelSpace

TABLE: Final = "labels.csv"
SPLITS: Final[tuple[str, ...]] = get_args(Split)
_FIXED: Final = ("path", "start", "end", "speaker", "split", "id", "text", "valence", "arousal")
_SHOWN: Final = 10
_SPREADSHEETS: Final = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_SAVE_AS_CSV: Final = "Save it as CSV UTF-8 with commas, see docs/train-your-own.md."
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_LONE_QUOTE: Final = (
    "a quotation mark is not closed, or not at the end of its cell; "
    'inside of a quoted cell write it twice: ""'
)


@dataclass(slots=True)
class Mistakes:
    """What is wrong with a table."""

    table: Path
    found: list[str] = field(default_factory=list)
    hint: str = ""

    def add(self, line: int, column: str, what: str) -> None:
        """Note one."""
        self.found.append(f"line {line}, column {column}: {what}")

    def check(self) -> None:
        """Raise ConfigError if there were any, the first of them listed."""
        if self.found:
            shown = "\n".join(f"  {mistake}" for mistake in self.found[:_SHOWN])
            rest = len(self.found) - _SHOWN
            more = f"\n  and {rest} more" if rest > 0 else ""
            raise ConfigError(f"cannot be used:\n{shown}{more}{self.hint}", where=str(self.table))


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row that could be read.

    Attributes:
        line: its number in the file, from 1.
        cells: column -> text without blanks around it.
        path: the recording.
        t0_s, t1_s: the stretch; t1_s None = up to the end.
        shares, scales: label, or valence and arousal -> number, where filled in.
    """

    line: int
    cells: Mapping[str, str]
    path: Path
    t0_s: float
    t1_s: float | None
    shares: Mapping[str, float]
    scales: Mapping[str, float]

    @property
    def name(self) -> str:
        """Its id, or its line."""
        return self.cells.get("id") or f"line {self.line}"


def read_rows(table: Path, space: LabelSpace, mistakes: Mistakes, *, lenient: bool) -> list[TableRow]:
    """Every row that can be read; what is wrong with the others is added to `mistakes`.

    Raises:
        ConfigError: there is no such table, or it is none.
    """
    labels, lines = _read_cells(table, space, mistakes)
    rows = (_row(line, cells, labels, mistakes, lenient) for line, cells in lines)
    return [row for row in rows if row is not None]


def _read_cells(
    table: Path, space: LabelSpace, mistakes: Mistakes
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns that are labels, and (line, column -> stripped text) for each row."""
    lines_of_text = _lines(table)
    header = [name.strip() for name in _cells(lines_of_text[0]) or []]
    rows: list[tuple[int, list[str]]] = []
    for number, text in enumerate(lines_of_text[1:], start=2):
        found = _cells(text)
        if "\0" in text:
            mistakes.add(number, "path", "the line holds a zero byte; the file is damaged, or no text")
        elif found is None:
            mistakes.add(number, "path", _LONE_QUOTE)
        elif any(cell.strip() for cell in found):
            rows.append((number, found))
    labels = _label_columns(header, space, mistakes)
    if not rows and not mistakes.found:
        mistakes.add(2, "path", "there is no row")
    lines = []
    for line, cells in rows:
        if len(cells) != len(header):
            mistakes.add(line, "path", f"the row has {len(cells)} cells for {len(header)} columns")
        else:
            lines.append((line, {n: cell.strip() for n, cell in zip(header, cells, strict=True)}))
    return labels, lines


def _lines(table: Path) -> list[str]:
    """Lines of the file, without their ends; at least one."""
    if table.suffix.lower() in _SPREADSHEETS:
        raise ConfigError("is a spreadsheet.", where=str(table), fix=_SAVE_AS_CSV)
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except OSError as error:
        beside = [table.with_suffix(suffix) for suffix in _SPREADSHEETS]
        sheet = next((path.name for path in beside if path.is_file()), None)
        fix = f"Write a table {TABLE}, see docs/train-your-own.md."
        if sheet is not None:
            fix = f"There is {sheet}. {_SAVE_AS_CSV}"
        raise ConfigError(f"cannot be read ({error.strerror}).", where=str(table), fix=fix) from error
    except UnicodeDecodeError as error:
        what = f"is not a table of comma-separated UTF-8: {error}."
        raise ConfigError(what, where=str(table), fix=_SAVE_AS_CSV) from error
    return re.split("\r\n|\n|\r", text)


def _cells(line: str) -> list[str] | None:
    """Cells of one line; None where a quotation mark is not closed or stands astray."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None


def _label_columns(header: list[str], space: LabelSpace, mistakes: Mistakes) -> list[str]:
    whole = ",".join(header)
    if re.fullmatch(r"sep=.?,?", whole, re.IGNORECASE):
        mistakes.add(1, "path", f"{whole!r} is a line for Excel alone; remove it")
        mistakes.check()
    for mark, name in _SEPARATORS.items():
        if len(header) == 1 and mark in header[0]:
            mistakes.add(1, "path", f"columns are separated by {name}; save the table with commas")
            mistakes.check()
    if "path" not in header:
        similar = next((name for name in header if name.lower() == "path"), None)
        hint = f"; write {similar!r} in small letters" if similar else ""
        mistakes.add(1, "path", f"there is no such column{hint}")
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
    line: int, cells: Mapping[str, str], labels: list[str], mistakes: Mistakes, lenient: bool
) -> TableRow | None:
    path = mistakes.table.parent / cells["path"]
    if not cells["path"]:
        mistakes.add(line, "path", "is empty")
    elif not (lenient or path.is_file()):
        mistakes.add(line, "path", f"there is no file {cells['path']}{_path_hint(path, cells['path'])}")
    t0_s = _number(cells, line, "start", mistakes, (0.0, math.inf)) or 0.0
    t1_s = _number(cells, line, "end", mistakes, (0.0, math.inf))
    if t1_s is not None and t1_s <= t0_s:
        mistakes.add(line, "end", f"{t1_s:g} s is not after the start, {t0_s:g} s")
    if labels and not any(cells[name] for name in labels):
        mistakes.add(line, labels[0], "no label is filled in")
    shares = _numbers(cells, line, labels, mistakes, (0.0, 1.0))
    scales = _numbers(cells, line, ["valence", "arousal"], mistakes, (-1.0, 1.0))
    split = cells.get("split", "")
    if split and split not in SPLITS:
        near = difflib.get_close_matches(split.lower(), SPLITS, n=1, cutoff=0.3)
        hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(SPLITS)}"
        mistakes.add(line, "split", f"{split!r} is unknown; {hint}")
        return None
    return TableRow(line, cells, path, t0_s, t1_s, shares, scales)


def _path_hint(path: Path, written: str) -> str:
    """What was probably meant by the path of a file that is not there."""
    if "\\" in written and (path.parent / written.replace("\\", "/")).is_file():
        return f"; write {written.replace(chr(92), '/')}, with / for every backslash"
    if "\\" in written:
        return "; write / for every backslash"
    folder = path.parent
    names = [found.name for found in folder.iterdir()] if folder.is_dir() else []
    near = next((name for name in names if name.casefold() == path.name.casefold()), None)
    return f"; did you mean {near}?" if near else ""


def _numbers(
    cells: Mapping[str, str],
    line: int,
    columns: Iterable[str],
    mistakes: Mistakes,
    bounds: tuple[float, float],
) -> dict[str, float]:
    """Column -> number, for those that are filled in."""
    found = {name: _number(cells, line, name, mistakes, bounds) for name in columns}
    return {name: value for name, value in found.items() if value is not None}


def _number(
    cells: Mapping[str, str], line: int, column: str, mistakes: Mistakes, bounds: tuple[float, float]
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
