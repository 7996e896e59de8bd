"""Whether a file ends before it should, where the decoder itself would not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core.media.ogg import ends_with_its_last_page

_UNKNOWN_SIZES: Final = (0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What recorders write into a RIFF header that they cannot go back to (SoX, others, ALSA, FFmpeg), or 0."""

_HEADER_BYTES: Final = 4096
"""Such a size may have been made smaller or larger by what stands in the header."""


def cut_short(path: Path) -> str | None:
    """A sentence if the end of a RIFF (wav, avi) or Ogg file is missing, else None."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"RIFF"):
            announced = int.from_bytes(head[4:8], "little")
            if not _is_unknown(announced) and announced + 8 > size:
                return f"The file is cut short: it announces {announced + 8} bytes and has {size}."
    if head.startswith(b"OggS") and not ends_with_its_last_page(path):
        return "The file is cut short: its last page is missing."
    return None


def has_unknown_length(path: Path) -> bool:
    """Whether a RIFF file (wav, avi) does not say how long it is, because it was written to a pipe."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(b"RIFF"):
        return False
    data = head.find(b"data")
    sizes = [head[4:8], *([head[data + 4 : data + 8]] if data > 0 else [])]
    return any(_is_unknown(int.from_bytes(size, "little")) for size in sizes)


def _is_unknown(size: int) -> bool:
    return size == 0 or any(abs(size - known) <= 128 for known in _UNKNOWN_SIZES)


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
