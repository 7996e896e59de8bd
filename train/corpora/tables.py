"""Lines, rows and votes of text files, unpacked if their names end with .gz; errors name the line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from core.errors import SourceError

_UNREADABLE: Final = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, csv.Error)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """(number, text) of every line that is not empty, numbered from 1.

    Raises:
        SourceError: the file is damaged or not UTF-8.
    """
    with opened(path, newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


def table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, column -> cell) of every row of comma-separated values whose first line names the columns.

    Raises:
        SourceError: a row has too many or too few cells, or the file is damaged or not UTF-8.
    """
    with opened(path) as file:
        reader = csv.DictReader(file)
        for row in reader:
            # A row with too many cells has the rest under None; one with too few has None in the end.
            if None in row or None in row.values():
                raise bad_row(
                    path,
                    reader.line_num,
                    "has not as many cells as the first line.",
                    "Quote texts with commas in them.",
                )
            yield reader.line_num, row


def columns_of(path: Path) -> list[str]:
    """Names of a table's columns. Raises SourceError as `table` does."""
    with opened(path) as file:
        return next(csv.reader(file), [])


@contextmanager
def opened(path: Path, *, newline: str = "") -> Iterator[TextIO]:
    """The text file; `newline` as `open` takes it, "" for the csv module.

    Raises:
        SourceError: it is damaged or not UTF-8.
    """
    packed = path.suffix == ".gz"
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline=newline)
            if packed
            else path.open(encoding="utf-8", newline=newline) as file
        ):
            yield file
    except _UNREADABLE as error:
        raise SourceError(f"cannot be read: {error}.", where=str(path), fix="Download it again.") from error


def bad_row(path: Path, line: int, what: str, fix: str | None = None) -> SourceError:
    """The error for a row that says something else than the format allows."""
    return SourceError(what, where=f"{path}, line {line}", fix=fix)


ORDER: Final = ("neutral", "joy", "sadness", "fear", "anger", "surprise", "disgust")
"""Of EmotionLines' votes: "4100000" is four votes for neutral and one for joy, of five annotators."""


def shares_of(votes: str, *, where: str) -> dict[str, float]:
    """Label -> share of the votes, for labels that have one.

    Raises:
        SourceError: not seven digits, or no vote among them.
    """
    total = sum(map(int, votes)) if votes.isascii() and votes.isdigit() else 0
    if len(votes) != len(ORDER) or not total:
        raise SourceError(f"{votes!r} is not seven numbers of votes.", where=where)
    return {name: int(count) / total for name, count in zip(ORDER, votes, strict=True) if count != "0"}
