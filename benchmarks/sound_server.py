"""A private PulseAudio without any device: what is played into a null sink is what a microphone hears."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from core.errors import SourceError

RATE_HZ: Final = 48_000
_START_S: Final = 10.0
_SINK: Final = "virtmic"
_MICROPHONE: Final = "mic"


class SoundServer:
    """Runs while the block lasts.

    Args:
        folder: empty, for the server's socket.

    Raises:
        SourceError: PulseAudio is not installed, or does not start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        socket = folder / "pulse.sock"
        self.environment = {
            **os.environ,
            "PULSE_SERVER": f"unix:{socket}",
            "PULSE_SOURCE": _MICROPHONE,
            "XDG_RUNTIME_DIR": str(folder),
        }
        self._modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
            f"module-null-sink sink_name={_SINK} rate={RATE_HZ} channels=1",
            f"module-remap-source master={_SINK}.monitor source_name={_MICROPHONE}",
        ]

    def play(self, file: Path) -> None:
        """Play raw float32 mono sound at 48 kHz into the microphone, in the background."""
        form = ["--raw", "--format=float32le", "--channels=1", f"--rate={RATE_HZ}"]
        self._start("pacat", "--playback", *form, "--latency-msec=30", f"--device={_SINK}", str(file))

    def __enter__(self) -> Self:
        if shutil.which("pulseaudio") is None or shutil.which("pacat") is None:
            raise SourceError(
                "the virtual microphone needs PulseAudio.",
                fix="apt install pulseaudio pulseaudio-utils libasound2-plugins, or use --paced.",
            )
        self._folder.chmod(0o700)
        modules = [word for module in self._modules for word in ("-L", module)]
        quiet = ["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disallow-exit"]
        self._start("pulseaudio", "-n", *quiet, "--log-level=error", "--realtime=no", *modules)
        self._wait()
        self.play(Path("/dev/zero"))  # a sink that sleeps delivers too little in its first second
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            process.kill()
            process.wait()

    def _start(self, *words: str) -> None:
        self._running.append(subprocess.Popen(words, env=self.environment, stdout=subprocess.DEVNULL))

    def _wait(self) -> None:
        limit_s = time.monotonic() + _START_S
        while time.monotonic() < limit_s:
            done = subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, check=False)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise SourceError("PulseAudio does not start.", where=str(self._folder))
