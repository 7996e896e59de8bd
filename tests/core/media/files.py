"""Makes small recordings for tests, in any format that PyAV can write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Sound = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Picture = Callable[[float], NDArray[np.uint8]]

SIZE = (96, 64)
CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "libopus"),
    "webm": ("libvpx", "libopus"),
    "avi": ("mpeg4", "mp2"),
    "flv": ("flv", "libmp3lame"),
    "ts": ("libx264", "aac"),
    "wav": (None, "pcm_s16le"),
    "mp3": (None, "libmp3lame"),
    "flac": (None, "flac"),
    "ogg": (None, "libopus"),
}
MUXERS = {"mkv": "matroska", "ts": "mpegts"}


def tone(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sine of 440 Hz at 0.3 of full scale."""
    return 0.3 * np.sin(2 * np.pi * 440 * times_s)


def beep_at(at_s: float) -> Sound:
    """Silence with a loud tone from `at_s` on for 40 ms."""
    return lambda t: 0.9 * np.sin(2 * np.pi * 1000 * (t - at_s)) * ((t >= at_s) & (t < at_s + 0.04))


def moving_bar(t_s: float) -> NDArray[np.uint8]:
    """A bright bar that moves, on dark blue."""
    width, height = SIZE
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 2] = 60
    image[:, int(t_s * 40) % width, :] = 255
    return image


def flash_at(at_s: float) -> Picture:
    """Black, but white from `at_s` on for 40 ms."""
    width, height = SIZE
    return lambda t: np.full((height, width, 3), 255 if at_s - 1e-6 <= t < at_s + 0.039 else 0, np.uint8)


def corners(size: tuple[int, int] = SIZE) -> Picture:
    """Black with a red upper left and a green upper right corner."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 255
    image[: height // 2, width // 2 :, 1] = 255
    return lambda t: image


def make(
    path: Path,
    *,
    seconds: float = 2.0,
    video: str | None = "",
    audio: str | None = "",
    sound: Sound = tone,
    picture: Picture = moving_bar,
    rate: int = 48_000,
    layout: str = "mono",
    frame_times_s: Sequence[float] | None = None,
    video_start_s: float = 0.0,
    audio_start_s: float = 0.0,
    audio_hole_s: tuple[float, float] | None = None,
    size: tuple[int, int] = SIZE,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    video_options: dict[str, str] | None = None,
    audio_last: bool = False,
) -> Path:
    """Write a recording; the codecs follow from the suffix unless named, None leaves a stream out."""
    usual = CODECS.get(path.suffix[1:], (None, None))
    video, audio = (given if given != "" else by for given, by in zip((video, audio), usual, strict=True))
    with av.open(str(path), "w", format=MUXERS.get(path.suffix[1:]), options=options or {}) as container:
        packets: list[av.Packet] = []
        if video is not None:
            stream = container.add_stream(video, rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, pixel_format
            stream.gop_size = 25
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            stream.options = video_options or (
                {"deadline": "realtime", "cpu-used": "8"} if video == "libvpx" else {}
            )
            times_s = frame_times_s or [n / 25 for n in range(round(seconds * 25))]
            packets += encoded_video(stream, [(t, picture(t)) for t in times_s], video_start_s)
        if audio is not None:
            stream = container.add_stream(audio, rate=rate, layout=layout)
            packets += encoded_audio(stream, sound, seconds, rate, layout, audio_start_s, audio_hole_s)
        if not audio_last:
            packets.sort(key=lambda packet: (packet.dts or 0) * packet.time_base)
        container.start_encoding()
        for packet in packets:
            container.mux(packet)
    return path


def encoded_video(
    stream: av.VideoStream, pictures: list[tuple[float, NDArray[np.uint8]]], start_s: float
) -> list[av.Packet]:
    packets: list[av.Packet] = []
    for t_s, image in pictures:
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = round((t_s + start_s) * 1000), Fraction(1, 1000)
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))


def encoded_audio(
    stream: av.AudioStream,
    sound: Sound,
    seconds: float,
    rate: int,
    layout: str,
    start_s: float,
    hole_s: tuple[float, float] | None = None,
) -> list[av.Packet]:
    context = stream.codec_context
    if not context.is_open:
        context.open()
    samples = sound(np.arange(round(seconds * rate)) / rate).astype(np.float32)
    channels = av.AudioLayout(layout).nb_channels
    step = context.frame_size or 1024
    packets: list[av.Packet] = []
    for begin in range(0, len(samples), step):
        part = samples[begin : begin + step]
        interleaved = np.repeat(part, channels)[None]
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = begin + round(start_s * rate)
        packets += stream.encode(frame)
    packets += stream.encode(None)
    if hole_s is None:
        return packets
    return [p for p in packets if not hole_s[0] <= p.pts * p.time_base < hole_s[1]]


def truncate(source: Path, target: Path, share: float) -> Path:
    """Keep the first `share` of a file."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def damage(source: Path, target: Path, begin: float, end: float) -> Path:
    """Replace a stretch of a file, given in shares of its length, by noise."""
    content = bytearray(source.read_bytes())
    first, last = int(len(content) * begin), int(len(content) * end)
    noise = np.random.default_rng(1).integers(0, 256, last - first, dtype=np.uint8)
    content[first:last] = noise.tobytes()
    target.write_bytes(bytes(content))
    return target


def wav_bytes(rate: int, channels: int = 1, count: int = 16_000) -> bytes:
    """A 16-bit wav file of zeros whose header says whatever is asked."""
    data = bytes(2 * channels * count)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels & 0xFFFFFFFF, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Write the rotation of an mp4's first track, in units of 1.0 (x' = a x + c y, y' = b x + d y)."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    one = 0x10000
    content[at : at + 36] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(content))
