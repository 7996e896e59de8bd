"""What surrounds a run that is to suffer: a sound server, a camera and a screen, all of them of our own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.camera_server import CameraServer, Image, mjpeg, rtsp
from benchmarks.display import Canvas, Display
from benchmarks.faults.run import FaultyRun
from benchmarks.faults.sound import FaultySound
from benchmarks.sound_server import RATE_HZ

SIZE: Final = (320, 240)
_SCALE: Final = 2
"""The screen shows the clip at twice its size."""

_CLIP_S: Final = 12.0


@dataclass(slots=True)
class Testbed:
    """Devices, and the run that uses them.

    Attributes:
        folder: for the display's picture.
        pictures: of the clip, (240, 320, 3) uint8, blue first.
        speaks: what the camera speaks.
        run: set once it has begun.
    """

    folder: Path
    pictures: list[Image]
    sound: FaultySound
    speaks: Callable[..., None]
    camera: CameraServer
    display: Display
    run: FaultyRun | None = None

    def kill_camera(self) -> None:
        """The camera is switched off."""
        self.camera.kill()

    def start_camera(self) -> None:
        """The camera is switched on again."""
        self.camera = CameraServer(self.speaks, self.picture, self.camera.port)

    def kill_display(self) -> None:
        """The X server dies."""
        self.display.kill()

    def start_display(self) -> None:
        """The X server is started again."""
        self.display = self._display(self.display.number)

    def sleep(self) -> None:
        """Everything stands still, as when the machine sleeps."""
        self.camera.stalled.set()
        self.sound.freeze()
        self.stop_run()

    def wake(self) -> None:
        """Everything goes on."""
        self.continue_run()
        self.sound.thaw()
        self.camera.stalled.clear()

    def stop_run(self) -> None:
        """Only the command stands still."""
        assert self.run is not None
        self.run.send(signal.SIGSTOP)

    def continue_run(self) -> None:
        """It goes on."""
        assert self.run is not None
        self.run.send(signal.SIGCONT)

    def picture(self, number: int) -> Image:
        """Picture of that number; the clip begins anew at its end."""
        return self.pictures[number % len(self.pictures)]

    def _paint(self, canvas: Canvas, number: int) -> None:
        shown = self.picture(number).repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
        canvas[: shown.shape[0], : shown.shape[1], :3] = shown

    def _display(self, number: int | None = None) -> Display:
        return Display(self.folder, self._paint, (SIZE[0] * _SCALE, SIZE[1] * _SCALE), number)


@contextmanager
def make_testbed(folder: Path, recording: Path, scheme: str) -> Iterator[Testbed]:
    """A world whose camera speaks "http" (MJPEG) or "rtsp", around a recording of somebody who speaks."""
    speech = speech_of(recording)
    pictures, speaks = pictures_of(recording), {"http": mjpeg, "rtsp": rtsp}[scheme]
    (folder / "sound").mkdir()
    half = len(speech) // 2
    with FaultySound(folder / "sound", speech, np.roll(speech, half)) as sound:
        nothing: Any = None
        testbed = Testbed(folder, pictures, sound, speaks, nothing, nothing)
        testbed.camera = CameraServer(speaks, testbed.picture)
        testbed.display = testbed._display()
        try:
            yield testbed
        finally:
            testbed.camera.kill()
            testbed.display.kill()
            sound.thaw()


def speech_of(recording: Path) -> NDArray[np.float32]:
    """A recording's sound, (n,) at 48 kHz, with a second of silence behind it."""
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    with av.open(str(recording)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
    return np.concatenate([sound, np.zeros(RATE_HZ, np.float32)])


def pictures_of(recording: Path) -> list[Image]:
    """The first pictures of a recording with some noise, as no two pictures of a real camera are the same."""
    rng = np.random.default_rng(5)
    pictures: list[Image] = []
    with av.open(str(recording)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time > _CLIP_S:
                break
            image = frame.reformat(*SIZE, format="bgr24").to_ndarray()
            noise = rng.integers(0, 4, image.shape, dtype=np.uint8)
            pictures.append(np.ascontiguousarray(np.clip(image, 0, 250) + noise))
    return pictures
