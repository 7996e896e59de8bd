"""A file in pieces, as browsers ask for video and sound: range requests (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

MAX_PIECE: Final = 1024 * 1024
"""Bytes of one answer; a client that wants more asks again, as browsers do."""
MEDIA_TYPES: Final = {
    ".aac": "audio/aac", ".flac": "audio/flac", ".m4a": "audio/mp4", ".m4v": "video/mp4",
    ".mka": "audio/x-matroska", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp3": "audio/mpeg",
    ".mp4": "video/mp4", ".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/ogg",
    ".wav": "audio/wav", ".webm": "video/webm",
}  # fmt: skip

_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@dataclass(frozen=True, slots=True)
class Piece:
    """An answer: the status, what it says of the range, and the bytes."""

    status: HTTPStatus
    content_range: str
    body: bytes


def piece(path: Path, asked: str | None) -> Piece:
    """The part of a file that a `Range` header asks for, at most `MAX_PIECE` bytes of it.

    Args:
        path: the file.
        asked: the header's value, None when there is none; then the answer says that a range is needed.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    first, last = _bounds(asked, size)
    if first > last:
        return Piece(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"bytes */{size}", b"")
    with path.open("rb") as file:
        file.seek(first)
        body = file.read(min(last - first + 1, MAX_PIECE))
    return Piece(HTTPStatus.PARTIAL_CONTENT, f"bytes {first}-{first + len(body) - 1}/{size}", body)


def media_type(path: Path) -> str:
    """What a browser is told that the file is; it looks for itself where this is not known."""
    return MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")


def _bounds(asked: str | None, size: int) -> tuple[int, int]:
    """First and last byte; the first after the last where there is nothing to give."""
    match = _RANGE.fullmatch(asked.strip()) if asked is not None else None
    if match is None or match.group() == "bytes=-":
        return 1, 0
    first, last = match[1], match[2]
    if first == "":
        return max(0, size - int(last)), size - 1
    return int(first), min(size - 1, int(last)) if last else size - 1
