"""The demo recording: six short clips of a talking person, joined into one conversation.

The clips are of CREMA-D (Cao et al., 2014, IEEE Trans. Affective Computing 5(4)): one actor says the same
sentence neutral, happy, sad, angry, fearful and disgusted. Video and sound lie on one grid of 1/30 s, so the
recording's time stamps have no holes: a clip ends in a held picture and silence, and the next one follows.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from core.errors import SourceError
from core.weights import Progress, cache_root, fetch, find
from core.weights.progress import silent

ORDER = ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")
FILE_NAME = "demo.mp4"
ATTRIBUTION_NAME = "demo.LICENCE.txt"
ATTRIBUTION = """\
demo.mp4 joins six clips of CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (actor 1001,
sentence "Don't forget a jacket"; neutral, happiness, sadness, anger, fear, disgust):

  H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced Emotional
  Multimodal Actors Dataset. IEEE Transactions on Affective Computing 5(4), 2014.
  https://github.com/CheyneyComputerScience/CREMA-D

CREMA-D is made available under the Open Database License, http://opendatacommons.org/licenses/odbl/1.0/.
Any rights in individual contents of the database are licensed under the Database Contents License,
http://opendatacommons.org/licenses/dbcl/1.0/. The clips were joined with pauses and encoded again.
"""

_RECIPE = "1"  # change it whenever the same clips are to give another recording
_FPS = 30
_RATE = 44_100
_SAMPLES = _RATE // _FPS  # per picture, a whole number
_PAUSE_S = 1.0
_OPTIONS = {"fflags": "+bitexact", "movflags": "+faststart"}
_X264 = {"preset": "veryfast", "crf": "18", "threads": "1", "bf": "0"}


@dataclass(frozen=True, slots=True)
class _Clip:
    """A decoded clip. `times_s[i]` is when `pictures[i]` appears; `sound` is int16 mono at 44.1 kHz."""

    pictures: list[VideoFrame]
    times_s: NDArray[np.float64]
    sound: NDArray[np.int16]


def build_demo(out: Path | None = None, *, progress: Progress = silent) -> Path:
    """Fetch the six clips, join them once, and return the recording: 19 s, 480x360 at 30 Hz, mono sound.

    The result is kept in the cache and depends on the clips alone. The clips' licence lies beside it.

    Args:
        out: a folder to put a copy of recording and licence into; None leaves them in the cache.
        progress: told about the download.

    Raises:
        WeightsError: the clips cannot be had.
        SourceError: the recording cannot be written.
    """
    folder = cache_root() / "demo" / _fingerprint()
    recording = folder / FILE_NAME
    try:
        if not recording.exists():
            clips = fetch("demo-clips", progress=progress)
            folder.mkdir(parents=True, exist_ok=True)
            _write_text(folder / ATTRIBUTION_NAME)
            _join([clips / f"1001_DFA_{emotion}_XX.flv" for emotion in ORDER], recording)
        if out is None:
            return recording
        out.mkdir(parents=True, exist_ok=True)
        _write_text(out / ATTRIBUTION_NAME)
        return Path(shutil.copyfile(recording, out / FILE_NAME))
    except OSError as error:
        raise SourceError(
            f"the demo recording cannot be written ({error.strerror or error}).",
            where=str(error.filename or folder),
            fix="Free some space, or name a writable folder in EMOTRACK_CACHE.",
        ) from error


def _fingerprint() -> str:
    hashes = [file.sha256 for file in find("demo-clips").files]
    return hashlib.sha256(" ".join([_RECIPE, *ORDER, *hashes]).encode()).hexdigest()[:12]


def _write_text(path: Path) -> None:
    path.write_text(ATTRIBUTION, encoding="utf-8")


def _join(clips: list[Path], recording: Path) -> None:
    temporary = recording.with_name(f".{os.getpid()}.{recording.name}")
    try:
        with av.open(str(temporary), "w", format="mp4", options=_OPTIONS) as container:
            container.metadata["comment"] = "Six clips of CREMA-D, ODbL 1.0"
            writer = _Writer(container)
            for path in clips:
                writer.add(_read(path))
            writer.close()
        temporary.replace(recording)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> _Clip:
    with av.open(str(path)) as container:
        pictures = list(container.decode(container.streams.video[0]))
    with av.open(str(path)) as container:
        sound = np.concatenate(list(_sound(container)))
    return _Clip(pictures, np.array([picture.time for picture in pictures], np.float64), sound)


def _sound(container: InputContainer) -> Iterator[NDArray[np.int16]]:
    resampler = av.AudioResampler("s16", "mono", _RATE)
    for frame in container.decode(container.streams.audio[0]):
        yield from (piece.to_ndarray()[0] for piece in resampler.resample(frame))
    yield from (piece.to_ndarray()[0] for piece in resampler.resample(None))


class _Writer:
    """Two encoders on one grid: picture k and samples k*1470 to (k+1)*1470 belong to time k/30 s."""

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        self._steps = 0
        self._video: VideoStream = container.add_stream("libx264", rate=_FPS, options=_X264)
        self._video.width, self._video.height, self._video.pix_fmt = 480, 360, "yuv420p"
        self._audio: AudioStream = container.add_stream("aac", rate=_RATE, layout="mono", bit_rate=128_000)

    def add(self, clip: _Clip) -> None:
        """Append a clip and the pause after it."""
        sounding = -(-len(clip.sound) // _SAMPLES)
        steps = max(sounding, len(clip.pictures)) + round(_PAUSE_S * _FPS)
        sound = np.zeros(steps * _SAMPLES, np.int16)
        sound[: len(clip.sound)] = clip.sound
        for step in range(steps):
            nearest = int(np.abs(clip.times_s - step / _FPS).argmin())
            self._picture(clip.pictures[nearest])
            self._samples(sound[step * _SAMPLES : (step + 1) * _SAMPLES])
            self._steps += 1

    def close(self) -> None:
        """Write what the encoders still hold back."""
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))

    def _picture(self, source: VideoFrame) -> None:
        picture = source.reformat(format="yuv420p")
        picture.pts, picture.time_base = self._steps, Fraction(1, _FPS)
        picture.pict_type = PictureType.NONE  # or the clip's key frames would be taken as an order
        self._container.mux(self._video.encode(picture))

    def _samples(self, values: NDArray[np.int16]) -> None:
        frame = AudioFrame.from_ndarray(values[None], format="s16", layout="mono")
        frame.sample_rate = _RATE
        frame.pts, frame.time_base = self._steps * _SAMPLES, Fraction(1, _RATE)
        self._container.mux(self._audio.encode(frame))
