"""A private sound server for tests: the monitors of null sinks are a microphone and a loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

START_S = 5.0
MICROPHONE = "mic"
SPEAKER = "speaker"
_INTO_MICROPHONE = "virtmic"


class PulseDaemon:
    """PulseAudio in a folder of its own. It fails loudly: the set-up of the tests installs it.

    The source "mic" records what is played into the sink "virtmic"; "speaker" is what a call plays into.
    """

    def __init__(self, folder: Path, *, rate_hz: int = 48_000) -> None:
        self._folder = folder
        self._rate_hz = rate_hz
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        self.server = f"unix:{folder / 'pulse.sock'}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find this server and no other."""
        return {"PULSE_SERVER": self.server, "XDG_RUNTIME_DIR": str(self._folder), "HOME": str(self._folder)}

    def start(self) -> Self:
        """Start the server with both sinks and the microphone, and keep the microphone's sink running."""
        self._folder.chmod(0o700)
        modules = [
            f"module-native-protocol-unix auth-anonymous=1 socket={self._folder / 'pulse.sock'}",
            f"module-null-sink sink_name={SPEAKER} rate={self._rate_hz} channels=2",
            f"module-null-sink sink_name={_INTO_MICROPHONE} rate={self._rate_hz} channels=2",
            self._microphone_module(),
        ]
        options = [word for module in modules for word in ("-L", module)]
        quiet = ["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disallow-exit"]
        slow = ["--log-level=error", "--high-priority=no", "--realtime=no"]
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", *quiet, *slow, *options], env={**os.environ, **self.environment}
        )
        self._wait_until_it_answers()
        self.control("set-default-source", MICROPHONE)
        self.control("set-default-sink", SPEAKER)
        self.play(np.random.default_rng(3).normal(size=60 * self._rate_hz) * 1e-4, _INTO_MICROPHONE)
        return self

    def control(self, *words: str) -> str:
        """One command of pactl."""
        done = subprocess.run(
            ["pactl", *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout.strip()

    def unplug(self, module: str = "module-remap-source") -> None:
        """Take the microphone (or another module's device) away."""
        self.control("unload-module", module)

    def plug(self) -> None:
        """Bring the microphone back."""
        name, _, arguments = self._microphone_module().partition(" ")
        self.control("load-module", name, *arguments.split())
        self.control("set-default-source", MICROPHONE)

    def say(self, samples: NDArray[np.floating]) -> subprocess.Popen[bytes]:
        """Play into the microphone: (n,) at the server's rate."""
        return self.play(samples, _INTO_MICROPHONE)

    def play(self, samples: NDArray[np.floating], sink: str = SPEAKER) -> subprocess.Popen[bytes]:
        """Play (n,) at the server's rate into a sink, in the background."""
        file = self._folder / f"{len(self._players)}.raw"
        np.asarray(samples, dtype="<f4").tofile(file)
        form = ["--raw", "--format=float32le", "--channels=1", f"--rate={self._rate_hz}"]
        player = subprocess.Popen(
            ["pacat", "--playback", *form, "--latency-msec=200", f"--device={sink}", str(file)],
            env={**os.environ, **self.environment},
        )
        self._players.append(player)
        return player

    def freeze(self) -> None:
        """The server stops answering."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The server goes on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """The server and all players die."""
        for process in [*self._players, *filter(None, [self._daemon])]:
            process.kill()
            process.wait()
        self._players.clear()
        self._daemon = None
        (self._folder / "pulse.sock").unlink(missing_ok=True)

    def _microphone_module(self) -> str:
        description = "source_properties=device.description=Microphone"
        return f"module-remap-source master={_INTO_MICROPHONE}.monitor source_name={MICROPHONE} {description}"

    def _wait_until_it_answers(self) -> None:
        deadline_s = time.monotonic() + START_S
        while True:
            try:
                self.control("info")
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                assert time.monotonic() < deadline_s, (
                    "pulseaudio does not start; `make test-packages` installs it"
                )
                time.sleep(0.05)
            else:
                return
