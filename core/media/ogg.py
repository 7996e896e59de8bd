"""Ogg files: whether the end is there, and where one stream ends and the next begins in a chained one.

A radio recording is a chain: at each change of the programme all streams end and new ones begin, perhaps with
another rate and other channels (RFC 3533, section 4). libavformat reads on only if nothing changes, so each
link is read as a file of its own.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, Final

_PAGE_HEADER: Final = 27
_FIRST_PAGE: Final = 0x02
_LAST_PAGE: Final = 0x04
_LONGEST_PAGE: Final = 65_307
_MOST_LINKS: Final = 1_000


def is_ogg(path: Path) -> bool:
    """Whether a file begins with a page of Ogg."""
    with path.open("rb") as file:
        return file.read(4) == b"OggS"


def ends_with_its_last_page(path: Path) -> bool:
    """Whether the last page of an Ogg file says that it is the last one."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_PAGE), os.SEEK_SET)
        tail = file.read()
    page = tail.rfind(b"OggS")
    return page >= 0 and page + 5 < len(tail) and bool(tail[page + 5] & _LAST_PAGE)


def links(path: Path) -> list[tuple[int, int]]:
    """First and last byte (exclusive) of each link of an Ogg file: one, unless it is chained.

    Reads the headers of the pages only, and no further than the first place where there is none.
    """
    size = path.stat().st_size
    begins: list[int] = []
    content = True  # pages that begin streams follow each other; a link begins with the first of them
    with path.open("rb") as file:
        position = 0
        while position + _PAGE_HEADER <= size and len(begins) < _MOST_LINKS:
            file.seek(position)
            header = file.read(_PAGE_HEADER)
            if header[:4] != b"OggS":
                break
            first = bool(header[5] & _FIRST_PAGE)
            if first and content:
                begins.append(position)
            content = not first
            position += _PAGE_HEADER + header[26] + sum(file.read(header[26]))
    return list(zip(begins, [*begins[1:], size], strict=True)) or [(0, size)]


class FilePart(io.RawIOBase):
    """A stretch of a file, read as a file of its own.

    Args:
        path: the file.
        begin, end: first and last byte, exclusive.
    """

    def __init__(self, path: Path, begin: int, end: int) -> None:
        super().__init__()
        self._file: BinaryIO = path.open("rb")
        self._begin, self._size = begin, end - begin
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer at the end of the part."""
        rest = max(0, self._size - self._position)
        self._file.seek(self._begin + self._position)
        found = self._file.read(rest if size < 0 else min(size, rest))
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """The byte of the part that is read next."""
        return self._position

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
