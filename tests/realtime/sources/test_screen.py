"""The screen on a real X server whose picture moves; it dies and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mss.exception import ScreenShotError

from benchmarks.display import Canvas, Display
from core.errors import ConfigError
from core.inputs import SourceInput, VideoFrame
from realtime.sources.config import SourcesConfig
from realtime.sources.device_items import DeviceLost
from realtime.sources.driver import DriverHandle
from realtime.sources.open import open_sources
from realtime.sources.screen import ScreenDriver, open_mss, parse_region
from tests.realtime.sources.listener import Listener, check_contract

SIZE = (320, 240)


def paint(picture: Canvas, step: int) -> None:
    """A player's window: blue, green, red."""
    picture[:] = (10, 20, 30, 0)
    picture[60:120, 100:180] = (step % 250, 0, 200, 0)


@pytest.fixture
def display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    display = Display(tmp_path, paint, SIZE)
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
        again = Display(tmp_path, paint, SIZE, display.number)
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


class Dying:
    """The library's grabber on a display that has died: no answer, and an error at the end, too."""

    monitors = ({}, {"left": 0, "top": 0, "width": 4, "height": 4})

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        raise ScreenShotError("Connection to X server closed")

    def grab(self, area):
        raise AssertionError


def test_a_display_that_dies_is_lost_like_any_device() -> None:
    told: list[object] = []
    handle = DriverHandle(lambda: 0.0, lambda handle, item: told.append(item))
    with pytest.raises(DeviceLost, match="Connection to X server closed") as lost:
        ScreenDriver(0, open_=Dying).run(handle)
    assert lost.value.reason == "failed"
    assert len(told) == 1
