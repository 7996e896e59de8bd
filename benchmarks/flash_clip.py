"""A clip whose picture turns white when its sound beeps, played as a camera and a microphone."""

from __future__ import annotations

import contextlib
import time
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from benchmarks.background_thread import BackgroundThread
from benchmarks.camera_server import HZ, Image
from benchmarks.sound_server import RATE_HZ

PERIOD_S: Final = 2.0
_LASTS_S: Final = 0.2
_BEEP_HZ: Final = 1_000.0
_BLOCK_S: Final = 0.01
_SIZE: Final = (320, 240)


def write_clip(path: Path) -> None:
    """Two seconds, the first 0.2 s of them white and loud. Sound is PCM: a codec would delay it."""
    with av.open(str(path), "w", format="matroska") as container:
        video: VideoStream = container.add_stream("mpeg4", rate=HZ)
        video.width, video.height, video.pix_fmt, video.bit_rate = *_SIZE, "yuv420p", 4_000_000
        audio: AudioStream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        rng = np.random.default_rng(2)
        for number in range(round(PERIOD_S * HZ)):
            level = 230 if number < _LASTS_S * HZ else 60
            noise = rng.integers(0, 20, (_SIZE[1], _SIZE[0], 3))  # no two pictures of a camera are the same
            frame = av.VideoFrame.from_ndarray((level + noise).astype(np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, HZ)
            container.mux(video.encode(frame))
        t = np.arange(round(PERIOD_S * RATE_HZ)) / RATE_HZ
        beep = np.where(t < _LASTS_S, 0.5 * np.sin(2 * np.pi * _BEEP_HZ * t), 0) + 1e-3 * rng.normal(
            size=len(t)
        )
        sound = av.AudioFrame.from_ndarray(
            (beep * 32_767).astype(np.int16)[None], format="s16", layout="mono"
        )
        sound.rate, sound.pts, sound.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        container.mux(audio.encode(sound))
        for stream in (video, audio):
            container.mux(stream.encode(None))


def read_clip(path: Path) -> tuple[list[Image], NDArray[np.int16]]:
    """Its pictures, blue first, and its samples."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return pictures, sound


class Projector(BackgroundThread):
    """Plays the clip over and over: the sound into a pipe, the pictures to whom it may concern.

    A block of sound is there when it has been recorded, so each is written at its end.

    Args:
        pipe: of a sound server's pipe source.
        pictures: of the clip.
        sound: of the clip, int16 at 48 kHz.

    Attributes:
        zero_s: wall-clock second at which the clip began for the first time.
    """

    def __init__(self, pipe: Path, pictures: list[Image], sound: NDArray[np.int16]) -> None:
        super().__init__()
        self._pipe, self._pictures, self._sound = pipe, pictures, sound
        self._begun_s = time.perf_counter()
        self.zero_s = time.time()

    def picture(self, number: int) -> Image:
        """What is to be seen now, whatever the number."""
        shown = round(self._now_s() * HZ)
        return self._pictures[shown % len(self._pictures)]

    def wait(self) -> None:
        """Wait until the next picture is due."""
        now_s = self._now_s()
        self._over.wait((np.floor(now_s * HZ + 0.5) + 1) / HZ - now_s)

    def _now_s(self) -> float:
        return time.perf_counter() - self._begun_s

    def work(self) -> None:
        """Write sound into the pipe until the block ends."""
        size = round(_BLOCK_S * RATE_HZ)
        data = self._sound.astype("<i2")
        block = 0
        with contextlib.suppress(BrokenPipeError), self._pipe.open("wb", buffering=0) as pipe:
            block = int(self._now_s() / _BLOCK_S)
            while not self._over.is_set():
                at = block * size % len(data)
                self._over.wait(max(0.0, (block + 1) * _BLOCK_S - self._now_s()))
                pipe.write(data[at : at + size].tobytes())
                block += 1
