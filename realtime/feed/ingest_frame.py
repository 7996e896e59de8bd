"""Audio and video on their way in: the binary frames of the ingest path, written and read."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from realtime.feed.client_messages import IngestStream
from realtime.feed.close_codes import CloseCode, Refusal

VERSION: Final = 1
MISSING_BEFORE: Final = 1
"""Flag: something is missing before this frame."""
LONGEST_AUDIO_S: Final = 1.0
MAX_PIXELS: Final = 4096 * 2304

_HEADER: Final = struct.Struct("<BBHIQ")
_BYTES_PER_SAMPLE: Final = 2
_SIZES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""JPEG segments that hold the picture's size: baseline, extended, progressive. Browsers write no others."""

_BEFORE_SIZE: Final = frozenset({0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})
"""Segments that may stand before it: tables, restart interval, applications' data, comments."""


@dataclass(frozen=True, slots=True)
class IngestFrame:
    """One frame.

    Attributes:
        stream: index of the stream.
        number: of the frame in its stream, from 0.
        t_us: microseconds since the start of the session, of the first sample or of the picture.
        payload: PCM of 16 bits, mono, or one JPEG picture.
        missing_before: whether the client says that something is missing before it.
    """

    stream: int
    number: int
    t_us: int
    payload: bytes
    missing_before: bool = False

    def to_bytes(self) -> bytes:
        """As a binary message.

        Raises:
            struct.error: a number does not fit.
        """
        flags = MISSING_BEFORE if self.missing_before else 0
        return _HEADER.pack(VERSION, self.stream, flags, self.number, self.t_us) + self.payload


def read(data: bytes, streams: tuple[IngestStream, ...]) -> IngestFrame:
    """Understand a binary message.

    Args:
        data: the message.
        streams: what the client has announced.

    Raises:
        Refusal: with `CloseCode.BAD_MESSAGE`: the header or the payload is not as documented.
    """
    if len(data) <= _HEADER.size:
        raise _bad("has no payload")
    version, stream, flags, number, t_us = _HEADER.unpack_from(data)
    if version != VERSION:
        raise _bad(f"has another version than {VERSION}")
    if stream >= len(streams):
        raise _bad("is of a stream that was not announced")
    if flags & ~MISSING_BEFORE:
        raise _bad("has unknown flags")
    frame = IngestFrame(stream, number, t_us, data[_HEADER.size :], bool(flags & MISSING_BEFORE))
    rate_hz = streams[stream].rate_hz
    if rate_hz is not None:
        _check_audio(frame.payload, rate_hz)
    elif (size := jpeg_size(frame.payload)) is None or not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise _bad("holds no JPEG picture, or one that is too large")
    return frame


def _check_audio(payload: bytes, rate_hz: int) -> None:
    if len(payload) % _BYTES_PER_SAMPLE:
        raise _bad("ends in the middle of a sample")
    if len(payload) > LONGEST_AUDIO_S * rate_hz * _BYTES_PER_SAMPLE:
        raise _bad(f"is longer than {LONGEST_AUDIO_S:g} s")


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG picture, read from its segments alone; None if it is none.

    A few bytes can announce a picture that fills the memory, so this is asked before anything is decoded.
    """
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        if length < 2 or marker not in _BEFORE_SIZE:
            return None  # the picture begins without a size, is of a rare kind, or this is no JPEG
        place += 2 + length
    return None


def _bad(what: str) -> Refusal:
    return Refusal(CloseCode.BAD_MESSAGE, f"the frame {what}.")
