"""Lines and rows of text files, unpacked if their names end with .gz; what is wrong is named with its line.

A line ends at "\\n" or "\\r\\n". People's words may hold U+0085, U+2028 and others, where `str.splitlines`
ends a line.
"""

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
