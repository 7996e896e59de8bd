"""A sound server whose devices can be pulled out, muted, exchanged and frozen while speech is played."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.background_thread import BackgroundThread
from benchmarks.sound_server import RATE_HZ, SoundServer

SPEAKER: Final = "speaker"
MICROPHONE: Final = "mic"
SECOND: Final = "headset"
_INTO_MICROPHONE: Final = "virtmic"
_NOWHERE: Final = "nowhere"
_QUIET: Final = 1e-4
"""Amplitude of a quiet room: a real microphone is never exactly zero."""

_BLOCK_S: Final = 0.01


class FaultySound(SoundServer):
    """PulseAudio with a microphone, a second one to be plugged in, and a loudspeaker; speech is played into
    the microphone and into the loudspeaker over and over.

    Args:
        folder: empty, for the server's socket.
        mine: what the microphone hears, (n,) at 48 kHz.
        theirs: what the loudspeaker plays, (n,) at 48 kHz.
    """

    def __init__(self, folder: Path, mine: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
        super().__init__(folder)
        self.environment.pop("PULSE_SOURCE")  # the server's default is what counts
        self._modules += [self._speaker(), f"module-null-sink sink_name={_NOWHERE} rate={RATE_HZ}"]
        self._spoken = {_INTO_MICROPHONE: mine, SPEAKER: theirs}

    def __enter__(self) -> Self:
        super().__enter__()
        self._begin()
        return self

    def _begin(self) -> None:
        self.control("set-default-source", MICROPHONE)
        # The server moves what plays to the default sink when that changes: here it never does.
        self.control("set-default-sink", _NOWHERE)
        for sink in self._spoken:
            self.speak(sink)

    def speak(self, sink: str) -> None:
        """Play what is said into a sink, over and over, until the sink is gone."""
        form = ["--raw", "--format=float32le", "--channels=1", f"--rate={RATE_HZ}"]
        words = ["pacat", "--playback", *form, "--latency-msec=60", f"--device={sink}"]
        player = subprocess.Popen(
            words,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._running.append(player)
        said = self._spoken[sink]
        noise = np.random.default_rng(1).normal(size=len(said)).astype(np.float32) * _QUIET
        threading.Thread(target=_write_forever, args=(player, said + noise), daemon=True).start()

    def control(self, *words: str) -> str:
        """One command of pactl."""
        done = subprocess.run(
            ["pactl", *words], env=self.environment, capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    def unplug(self) -> None:
        """The microphone is pulled out."""
        self.control("unload-module", "module-remap-source")

    def plug(self, name: str = MICROPHONE) -> None:
        """A microphone is plugged in and becomes the default."""
        source = [f"master={_INTO_MICROPHONE}.monitor", f"source_name={name}"]
        self.control("load-module", "module-remap-source", *source)
        self.control("set-default-source", name)

    def mute(self, *, muted: bool) -> None:
        """The microphone gives exact zeros, or sound again."""
        self.control("set-source-mute", MICROPHONE, "1" if muted else "0")

    def unplug_speaker(self) -> None:
        """The loudspeaker is pulled out."""
        self.control("unload-module", self._number_of(f"sink_name={SPEAKER}"))

    def plug_speaker(self) -> None:
        """The loudspeaker is back, and the call plays into it again."""
        self.control("load-module", *self._speaker().split())
        self.speak(SPEAKER)

    def pipe(self, name: str, file: Path, ppm: float) -> Drifting:
        """A microphone whose clock runs wrong by so many millionths: it is fed through a pipe."""
        self.add_pipe(name, file)
        return Drifting(file, self._spoken[_INTO_MICROPHONE], ppm)

    def add_pipe(self, name: str, file: Path) -> None:
        """A microphone that gives what is written into a pipe: 16 bit, mono, 48 kHz.

        Somebody listens to it all the time: while nobody does, the pipe would fill with what is out of date.
        """
        options = [f"file={file}", f"source_name={name}", "format=s16le", f"rate={RATE_HZ}", "channels=1"]
        self.control("load-module", "module-pipe-source", *options)
        self._start("parec", "--raw", f"--device={name}", "--latency-msec=20")

    def freeze(self) -> None:
        """The server and all players stand still."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """The server dies, and its players with it."""
        self.__exit__(None, None, None)
        self._running.clear()

    def restart(self) -> None:
        """The server is started again."""
        (self._folder / "pulse.sock").unlink(missing_ok=True)
        self.__enter__()

    def _number_of(self, argument: str) -> str:
        for line in self.control("list", "short", "modules").split("\n"):
            if argument in line.split():
                return line.split()[0]
        raise ValueError(f"no module with {argument}")

    @staticmethod
    def _speaker() -> str:
        return f"module-null-sink sink_name={SPEAKER} rate={RATE_HZ} channels=2"


class Drifting(BackgroundThread):
    """Feeds a pipe with what is said, faster or slower than the clock, while the block lasts."""

    def __init__(self, file: Path, said: NDArray[np.float32], ppm: float) -> None:
        super().__init__()
        self._file = file
        self._rate_hz = RATE_HZ * (1 + ppm * 1e-6)
        noise = np.random.default_rng(1).normal(size=len(said)).astype(np.float32) * 10 * _QUIET
        self._levels = (np.clip(said + noise, -1, 1) * 32_767).astype("<i2")

    def work(self) -> None:
        """Write sound into the pipe until the block ends."""
        size = round(_BLOCK_S * RATE_HZ)
        begun_s, frames = time.monotonic(), 0
        with contextlib.suppress(BrokenPipeError), self._file.open("wb", buffering=0) as pipe:
            while not self._over.is_set():
                at = frames % len(self._levels)
                block = self._levels[at : at + size]
                pipe.write(block.tobytes())
                frames += len(block)
                self._over.wait(max(0.0, begun_s + frames / self._rate_hz - time.monotonic()))


def _write_forever(player: subprocess.Popen[bytes], samples: NDArray[np.float32]) -> None:
    data = samples.astype("<f4").tobytes()
    assert player.stdin is not None
    with contextlib.suppress(BrokenPipeError, ValueError, OSError):
        while True:
            player.stdin.write(data)
