"""Whether a file ends before it should, where the decoder itself would not notice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

_OGG_LAST_PAGE: Final = 0x04
_OGG_LONGEST_PAGE: Final = 65_307
_UNKNOWN_SIZES: Final = (0, 0xFFFFFFFF)  # what a recorder writes that could not go back to its header


def cut_short(path: Path) -> str | None:
    """A sentence if the end of a RIFF (wav, avi) or Ogg file is missing, else None."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"RIFF"):
            announced = int.from_bytes(head[4:8], "little")
            if announced not in _UNKNOWN_SIZES and announced + 8 > size:
                return f"The file is cut short: it announces {announced + 8} bytes and has {size}."
        if head.startswith(b"OggS") and not _ogg_is_complete(file, size):
            return "The file is cut short: its last page is missing."
    return None


def lacks_index(path: Path) -> bool:
    """Whether this is an mp4 or mov file without its `moov` box: one whose recording was never finished."""
    size = path.stat().st_size
    names: list[bytes] = []
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size and len(names) < 1_000:
            file.seek(position)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            names.append(head[4:8])
            if length < 8:
                break
            position += length
    return bool(names) and names[0] in (b"ftyp", b"wide", b"mdat") and b"moov" not in names


def looks_like_text(path: Path) -> bool:
    """Whether the first kibibyte is plain text."""
    with path.open("rb") as file:
        head = file.read(1_024)
    return bool(head) and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)


def _ogg_is_complete(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - _OGG_LONGEST_PAGE), os.SEEK_SET)
    tail = file.read()
    page = tail.rfind(b"OggS")
    return page >= 0 and page + 5 < len(tail) and bool(tail[page + 5] & _OGG_LAST_PAGE)
