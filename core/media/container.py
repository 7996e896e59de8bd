"""Opening recordings: which files are taken, which of their streams are used, and what people are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, cast

import av
from av.container import InputContainer

from core.errors import SourceError
from core.media import ogg
from core.media.audio_timeline import RATES_HZ
from core.media.decoder import MediaStream
from core.media.ogg import FilePart
from core.media.resampler import MAX_CHANNELS
from core.media.truncation import lacks_index, looks_like_text

FORMATS: Final = "mp4, mov, mkv, webm, avi, flv, ts, wav, mp3, m4a, flac, ogg"

_DEMUXERS: Final = (
    "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,asf,mxf,dv,ivf,wav,w64,mp3,flac,ogg,aac,ac3,aiff,au,caf,amr,nistsphere,"
    "h264,hevc,gif"
)
"""Only formats that are recordings: others are playlists, which would make libav open files and addresses of
their own choosing, or draw pictures of plain text."""

_MAX_PIXELS: Final = 64 * 1024 * 1024
_LONGEST_S: Final = 1e6

Kind = Literal["audio", "video"]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One audio or video stream of a file, for people.

    Attributes:
        index: its number in the file.
        kind: audio or video.
        codec: name of its codec.
        detail: size and frame rate, or sample rate and layout.
        used: whether it is the one that is read.
        problem: why it cannot be used, "" if it can.
    """

    index: int
    kind: Kind
    codec: str
    detail: str
    used: bool
    problem: str

    def __str__(self) -> str:
        note = f" ({self.problem})" if self.problem else "" if self.used else " (not used)"
        return f"{self.kind} {self.codec} {self.detail}{note}"


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What a file says it holds, for people.

    Attributes:
        name: the file's name, without its folder.
        container: name of its format.
        duration_s: as announced, None if unknown.
        streams: its audio and video streams.
    """

    name: str
    container: str
    duration_s: float | None
    streams: tuple[StreamSummary, ...]

    def __str__(self) -> str:
        length = "unknown length" if self.duration_s is None else f"{self.duration_s:.1f} s"
        return f"{self.name}: {self.container}, {length}; " + "; ".join(map(str, self.streams))

    def used(self, kind: Kind) -> int | None:
        """Index of the stream of that kind that is read, None if there is none."""
        return next((stream.index for stream in self.streams if stream.used and stream.kind == kind), None)

    def usable(self, kind: Kind) -> list[int]:
        """Indices of all streams of that kind that could be read, the one that is first."""
        streams = [s for s in self.streams if s.kind == kind and not s.problem]
        return [s.index for s in sorted(streams, key=lambda s: not s.used)]

    def using(self, kind: Kind, index: int) -> RecordingInfo:
        """The same with another stream of that kind read."""
        streams = (s if s.kind != kind else replace(s, used=s.index == index) for s in self.streams)
        return replace(self, streams=tuple(streams))


def probe(path: str | Path) -> RecordingInfo:
    """Say what a recording holds, from its header alone.

    Raises:
        SourceError: it is not a readable recording.
    """
    path = Path(path)
    with open_container(path) as container:
        chosen = {kind: best_stream(container, kind) for kind in ("audio", "video")}
        streams = tuple(
            _summary(stream, used=stream.index in chosen.values())
            for stream in container.streams
            if isinstance(stream, MediaStream) and not _is_cover(stream)
        )
        name, length_s = container.format.name.split(",")[0], duration_s(container)
    for link in range(1, count_links(path)):
        with open_container(path, link) as container:
            more_s = duration_s(container)
            length_s = None if length_s is None or more_s is None else length_s + more_s
    return RecordingInfo(path.name, name, length_s, streams)


def open_container(path: Path, link: int = 0) -> InputContainer:
    """Open a file for reading.

    Args:
        path: the file.
        link: which link of a chained Ogg file (`count_links`).

    Raises:
        SourceError: it is absent, no file, unreadable, empty, or not in a known format.
    """
    _check_file(path)
    options = {"max_pixels": str(_MAX_PIXELS)}
    own = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    # The prefix keeps a name such as "pipe:1.mp4" a name.
    file: str | FilePart = f"file:{path.absolute()}"
    if ogg.is_ogg(path):
        links = ogg.links(path)
        file = FilePart(path, *links[link]) if len(links) > 1 else file
    try:
        return av.open(file, "r", options=options, container_options=own)
    except (av.FFmpegError, ValueError) as error:
        raise _not_a_recording(path) from error


def count_links(path: Path) -> int:
    """How many links a chained Ogg file has; 1 for every other file."""
    return len(ogg.links(path)) if ogg.is_ogg(path) else 1


def best_stream(container: InputContainer, kind: Kind) -> int | None:
    """Index of the stream of that kind that players would choose among those that can be used."""
    streams = container.streams.audio if kind == "audio" else container.streams.video
    usable = [stream.index for stream in streams if not _is_cover(stream) and not _problem(stream)]
    best = container.streams.best(kind)
    if best is not None and best.index in usable:
        return best.index
    return usable[0] if usable else None


def duration_s(container: InputContainer) -> float | None:
    """The announced duration in seconds, None if there is none that can be believed."""
    if container.duration is None:
        return None
    announced = container.duration / av.time_base
    return announced if 0 < announced < _LONGEST_S else None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError("is a folder, not a recording.", where=path.name, fix="Name one file in it.")
    if not path.exists():
        raise SourceError("there is no such file.", where=str(path), fix="Check the path.")
    if not path.is_file():
        raise SourceError("is not a regular file.", where=path.name, fix="Copy its content to a file first.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise SourceError(
            f"cannot be opened: {(error.strerror or str(error)).lower()}.",
            where=path.name,
            fix="Change its permissions, or copy it to where you may read it.",
        ) from error
    if path.stat().st_size == 0:
        raise SourceError("is empty (0 bytes).", where=path.name, fix="Copy or record it again.")


def _not_a_recording(path: Path) -> SourceError:
    if looks_like_text(path):
        return SourceError("is text, not a recording.", where=path.name, fix=f"Use one of {FORMATS}.")
    if lacks_index(path):
        return SourceError(
            "is cut off: its index (moov), which is written last, is missing.",
            where=path.name,
            fix="Copy it again in full, or rebuild the index with a repair tool such as untrunc.",
        )
    return SourceError(
        "holds nothing readable: it is damaged at its beginning, ends there, or has an unknown format.",
        where=path.name,
        fix=f"If it plays elsewhere, convert it to one of {FORMATS}.",
    )


def _is_cover(stream: MediaStream) -> bool:
    """Whether it is a still picture about the recording (album art, thumbnails), not a part of it."""
    disposition = av.stream.Disposition
    stills = disposition.attached_pic | disposition.timed_thumbnails | disposition.still_image
    return isinstance(stream, av.VideoStream) and bool(stream.disposition & stills)


def _decodable(stream: MediaStream) -> bool:
    # PyAV's types do not say that there may be no decoder.
    return cast("av.CodecContext | None", stream.codec_context) is not None


def _problem(stream: MediaStream) -> str:
    if not _decodable(stream):
        return "no decoder for it"
    if isinstance(stream, av.AudioStream):
        if not RATES_HZ[0] <= stream.rate <= RATES_HZ[1]:
            return f"{stream.rate} samples per second, which no recording has"
        channels = stream.layout.nb_channels
        return f"{channels} channels, which are too many" if channels > MAX_CHANNELS else ""
    pixels = stream.width * stream.height
    if pixels <= 0:
        return "no picture size"
    return f"pictures of {stream.width}x{stream.height}, which are too large" if pixels > _MAX_PIXELS else ""


def _summary(stream: MediaStream, *, used: bool) -> StreamSummary:
    problem = _problem(stream)
    if not _decodable(stream):
        detail, codec = "", "unknown"
    elif isinstance(stream, av.AudioStream):
        detail, codec = f"{stream.rate} Hz {stream.layout.name}", stream.codec_context.name
    else:
        rate = f" {float(stream.average_rate):.3g}/s" if stream.average_rate else ""
        detail, codec = f"{stream.width}x{stream.height}{rate}", stream.codec_context.name
    kind: Kind = "audio" if isinstance(stream, av.AudioStream) else "video"
    return StreamSummary(stream.index, kind, codec, detail, used, problem)
