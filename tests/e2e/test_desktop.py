"""The tracker window on a real X server, beside a real engine that plays a recording."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import emotrack

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300.0
GONE_S = 3.0
"""An engine whose window was killed has to be gone within 2 s; the rest is for a machine that is busy."""


class Driven:
    """The window's process; see `desktop_driver.py`."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "e2e" / "desktop_driver.py"), *words],
            env={**os.environ, **environment},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.shown: dict[str, Any] = {}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self._told.put(json.loads(line))

    def until(
        self, condition: Callable[[dict[str, Any]], object], limit_s: float = LIMIT_S
    ) -> dict[str, Any]:
        """What is shown when the condition holds first."""
        end_s = time.monotonic() + limit_s
        while not (self.shown and condition(self.shown)):
            try:
                self.shown = self._told.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"it did not come within {limit_s} s; shown is {self.shown}")
        return self.shown

    def press(self, name: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server with a tray."""
    reader, writer = os.pipe()
    words = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1000x700x24", "-nolisten", "tcp"]
    server = subprocess.Popen(words, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as told:
        name = f":{int(told.readline())}"
    tray = subprocess.Popen(
        ["trayer", "--edge", "bottom"], env={**os.environ, "DISPLAY": name}, stderr=subprocess.DEVNULL
    )
    yield name
    for process in (tray, server):
        process.kill()
        process.wait()


@pytest.fixture
def open_window(display, demo_recording, weights, tmp_path) -> Iterator[Callable[[], Driven]]:
    for name in ("silero-vad", "yunet", "minilm", "whisper-tiny.en"):
        weights(name)
    opened: list[Driven] = []
    environment = {"DISPLAY": display, "EMOTRACK_STATE": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    environment |= {"QT_QPA_PLATFORM": "xcb"}

    def begin() -> Driven:
        options = ["whisper.size=tiny.en", "whisper.language=en", "desktop.stop_key=Ctrl+Alt+9"]
        words = ["--config", str(tmp_path / "desktop.yaml"), "--play", str(demo_recording)]
        words += [word for option in options for word in ("--set", option)]
        opened.append(Driven(*words, **environment))
        return opened[-1]

    yield begin
    for window in opened:
        window.end()


def ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be noticed by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_recording_is_shown_muted_marked_survives_a_crash_and_is_stopped_by_the_key(
    open_window, display
) -> None:
    window = open_window()
    window.until(lambda now: now["bars"])
    assert window.shown["state"] == "Playing"
    assert window.shown["tray"]
    window.press("mute_video")
    window.press("mark")
    window.until(lambda now: now["mute_video"] and now["marks"] == 1)
    first = window.shown["engine"]
    os.kill(first, signal.SIGKILL)
    window.until(lambda now: now["state"] == "Engine failed")
    assert any("SIGKILL" in text for text in window.shown["texts"])
    window.until(lambda now: now["bars"] and now["engine"] not in {0, first})
    window.until(lambda now: now["mute_video"])  # what was muted stays muted
    window.press("close")  # into the tray; the session goes on
    window.until(lambda now: not now["visible"])
    assert window.shown["key"] == "Ctrl+Alt+9 stops capturing from within any program."
    subprocess.run(["xdotool", "key", "ctrl+alt+9"], env={**os.environ, "DISPLAY": display}, check=True)
    window.until(lambda now: now["state"] == "Stopped" and now["visible"])
    window.press("quit")
    assert window.process.wait(LIMIT_S) == 0


def test_an_engine_does_not_outlive_its_window_and_the_next_one_says_what_happened(open_window) -> None:
    window = open_window()
    engine = window.until(lambda now: now["engine"])["engine"]
    window.until(lambda now: now["people"])
    window.process.kill()
    window.process.wait()
    end_s = time.monotonic() + GONE_S
    while not ended(engine):
        assert time.monotonic() < end_s, "the engine goes on unseen"
        threading.Event().wait(0.02)
    again = open_window()
    again.until(lambda now: any("did not end in order" in text for text in now["texts"]))
    again.press("quit")
    assert again.process.wait(LIMIT_S) == 0


def test_the_benchmark_of_the_window_sees_its_first_estimate_and_tells_its_cost_from_the_engine_s(
    demo_recording, weights
) -> None:
    for name in ("silero-vad", "yunet", "minilm", "whisper-tiny.en"):
        weights(name)
    words = ["bench", "desktop", "--starts", "1", "--seconds", "2", "--whisper", "tiny.en", "--json"]
    done = emotrack(*words, timeout_s=LIMIT_S)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert 0 < told["window_ms"] < told["first_estimate_ms"]
    assert told["first_estimate_ms_of_starts"] == [told["first_estimate_ms"]]
    assert 0 < told["window_cores"] < told["engine_cores"]
    assert 0 < told["window_mb"] < told["engine_mb"]
