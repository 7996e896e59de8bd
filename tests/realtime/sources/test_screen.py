"""The screen on a real X server whose picture moves; it dies and comes back."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ConfigError
from core.inputs import SourceInput, VideoFrame
from realtime.sources.config import SourcesConfig
from realtime.sources.device_items import DeviceLost
from realtime.sources.open import open_sources
from realtime.sources.screen import ScreenDriver, open_mss, parse_region
from tests.realtime.sources.listener import Listener, check_contract

SIZE = (320, 240)


class Display:
    """Xvfb, whose picture is a file that the test paints into, as a player would into its window."""

    def __init__(self, folder: Path, number: int | None = None) -> None:
        reader, writer = os.pipe()
        named = [f":{number}"] if number is not None else []
        screen = ["-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-fbdir", str(folder), "-nolisten", "tcp"]
        self._server = subprocess.Popen(
            ["Xvfb", *named, "-displayfd", str(writer), *screen], pass_fds=[writer], stderr=subprocess.DEVNULL
        )
        os.close(writer)
        with os.fdopen(reader) as told:
            self.number = int(told.readline())
        self._picture = self._mapped(folder / "Xvfb_screen0")
        self._stop = threading.Event()
        self._player = threading.Thread(target=self._play)
        self._player.start()

    def kill(self) -> None:
        self._stop.set()
        self._player.join()
        self._server.kill()
        self._server.wait()

    def _play(self) -> None:
        step = 0
        while not self._stop.wait(0.05):
            step += 1
            self._picture[:] = (10, 20, 30, 0)  # blue, green, red
            self._picture[60:120, 100:180] = (step % 250, 0, 200, 0)

    @staticmethod
    def _mapped(file: Path) -> NDArray[np.uint8]:
        header = struct.unpack(">25I", file.read_bytes()[:100])
        offset, stride = header[0] + 12 * header[19], header[12]
        shape = (SIZE[1], stride // 4, 4)
        return np.memmap(file, np.uint8, "r+", offset, shape)


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    display = Display(tmp_path)
    monkeypatch.setenv("DISPLAY", f":{display.number}")
    yield display
    display.kill()


def is_picture(item: SourceInput) -> bool:
    return isinstance(item, VideoFrame)


def test_a_region_of_a_screen_is_seen_as_it_plays_and_again_after_the_display_was_gone(
    display: Display, tmp_path: Path
) -> None:
    config = SourcesConfig(microphone=None, camera=None, screen="100,60,80,60", screen_hz=20)
    with Listener(open_sources(config)) as listener:
        _, first = listener.wait_for(is_picture, 6.0)
        assert isinstance(first, VideoFrame)
        assert first.image.shape == (60, 80, 3)
        listener.wait_for(
            lambda item: (
                isinstance(item, VideoFrame) and item.image[5, 5, 2] not in (0, first.image[5, 5, 2])
            ),
            2.0,
        )
        assert first.image[5, 5, 0] in (200, 0)  # red, not blue; black before the player has begun
        display.kill()
        listener.state("screen", "failed", 1.0)
        before = listener.mark()
        again = Display(tmp_path, display.number)
        try:
            listener.state("screen", "", 3.0, since=before)
        finally:
            listener.source.stop()
            again.kill()
    check_contract([item for _, item in listener.heard])


def test_a_picture_that_stands_still_is_nothing_unusual_on_a_screen(display: Display) -> None:
    config = SourcesConfig(microphone=None, camera=None, screen="0,0,50,50", screen_hz=20)
    with Listener(open_sources(config)) as listener:
        listener.wait_for(lambda item: is_picture(item) and item.t_s > 2.0, 6.0)
    assert {state.reason for state in listener.told()} <= {"starting", ""}


def test_without_a_display_the_screen_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceLost, match="no display"):
        open_mss()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(DeviceLost, match="Wayland"):
        open_mss()


@pytest.mark.parametrize("text", ["left", "1,2,3", "1,2,0,4", "-1", ""])
def test_what_is_no_region_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match="left,top,width,height"):
        parse_region(text)


def test_regions_and_screens_are_read() -> None:
    assert parse_region("default") == 0
    assert parse_region("1") == 1
    assert parse_region("-10,20,300,200") == (-10, 20, 300, 200)
    assert ScreenDriver(1).label == "screen 1"
