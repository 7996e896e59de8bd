"""One key that stops capturing from within any program, where the system lets a program have such a key."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that are pressed together.

    Attributes:
        modifiers: of "Ctrl", "Alt", "Shift", "Meta".
        key: a letter or a digit.
    """

    modifiers: frozenset[str]
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read keys as the settings write them, such as "Ctrl+Alt+S"."""
        *modifiers, key = text.split("+")
        return cls(frozenset(modifiers), key)


class Grab(Protocol):
    """A key that the system has given to us."""

    def release(self) -> None:
        """Give the keys back to the system, for other programs."""
        ...


Grabber = Callable[[Keys, Callable[[], None]], Grab | None]
"""Asks the system for keys; None when it refuses."""


OTHERWISE: Final = "stop in the tray, or with Ctrl+S in the window."


class Hotkey(QObject):
    """The key.

    Args:
        grabber: asks the system; None = the system's own.

    Attributes:
        sentence: what came of it, for people.
    """

    pressed = Signal()

    def __init__(self, grabber: Grabber | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._grabber = grabber
        self._grab: Grab | None = None
        self.sentence = ""

    def use(self, text: str | None) -> None:
        """Take these keys, and give back those of before; None = no keys."""
        self.release()
        if text is None:
            self.sentence = "No key is set that stops capturing from within other programs."
            return
        grabber = self._grabber if self._grabber is not None else _system()
        if grabber is not None:
            self._grab = grabber(Keys.parse(text), self.pressed.emit)
        if self._grab is not None:
            self.sentence = f"{text} stops capturing from within any program."
        elif grabber is None:
            self.sentence = (
                "This system gives programs no such key: stop in the tray, or with Ctrl+S in the window."
            )
        else:
            self.sentence = (
                f"{text} belongs to another program: stop in the tray, or with Ctrl+S in the window."
            )

    def release(self) -> None:
        """Give the keys back, at the end or before others are taken."""
        grab, self._grab = self._grab, None
        if grab is not None:
            grab.release()


X11: Final = "xcb"


def _system() -> Grabber | None:
    """What this system offers."""
    if sys.platform == "win32":
        from realtime.desktop.hotkey_windows import grab

        return grab
    from PySide6.QtGui import QGuiApplication

    if QGuiApplication.platformName() == X11 and not os.environ.get("WAYLAND_DISPLAY"):
        from realtime.desktop.hotkey_x11 import grab

        return grab
    return None
