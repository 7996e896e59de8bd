"""Listens to the virtual microphone beside the product: the clock that all share, and the sound for those
who want it pushed."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
CHUNK_S: Final = 0.02
_QUIET: Final = 0.01


class MicrophoneRecorder:
    """Records from the microphone from `start` to `stop` and passes every piece on.

    Args:
        environment: in which the sound server is found.
        passed_on: called with each piece of sound, 16 bit, mono, 16 kHz, in a thread of its own.
    """

    def __init__(self, environment: dict[str, str], passed_on: Callable[[bytes], None]) -> None:
        self._environment = environment
        self._passed_on = passed_on
        self._arrivals: list[tuple[float, int]] = []
        self._pieces: list[bytes] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        form = ["--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1", "--latency-msec=20"]
        self._process = subprocess.Popen(["parec", *form], env=self._environment, stdout=subprocess.PIPE)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._thread.join(5.0)

    def began_s(self, sound: NDArray[np.float32], rate_hz: int) -> float | None:
        """The wall-clock second at which the first sample of `sound`, which was played, was heard.

        None: it was not heard. Right to within a few milliseconds: a sound is silent before its first loud
        sample, and so is the microphone.
        """
        heard = np.frombuffer(b"".join(self._pieces), np.int16).astype(np.float32) / 32768
        return began_s(heard, self._arrivals, sound, rate_hz)

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        samples = 0
        size = int(RATE_HZ * CHUNK_S) * 2
        while piece := self._process.stdout.read(size):
            samples += len(piece) // 2
            self._arrivals.append((time.time(), samples))
            self._pieces.append(piece)
            self._passed_on(piece)


def began_s(
    heard: NDArray[np.float32], arrivals: list[tuple[float, int]], sound: NDArray[np.float32], rate_hz: int
) -> float | None:
    """When the first sample of `sound` was heard.

    Args:
        heard: (samples,) at 16 kHz, silent before the sound.
        arrivals: (wall-clock second, samples heard until then); what came least late counts.
        sound: (samples,) as it was played.
        rate_hz: its sampling rate.
    """
    if not arrivals:
        return None
    loud = _QUIET * float(np.abs(sound).max())
    first = np.flatnonzero(np.abs(heard) > loud)
    played = np.flatnonzero(np.abs(sound) > loud)
    if len(first) == 0 or len(played) == 0:
        return None
    zero_s = min(at_s - samples / RATE_HZ for at_s, samples in arrivals)
    return float(zero_s + first[0] / RATE_HZ - played[0] / rate_hz)
