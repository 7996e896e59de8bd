"""A key from the X server, over a connection of our own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import Any, Final

from PySide6.QtCore import QSocketNotifier

from realtime.desktop.hotkey import Keys

MASKS: Final = {"Shift": 1 << 0, "Ctrl": 1 << 2, "Alt": 1 << 3, "Meta": 1 << 6}
LOCKS: Final = (1 << 1, 1 << 4)
"""Caps Lock and Num Lock: the keys count whether these are on or off."""
KEY_PRESS: Final = 2
GRAB_ASYNC: Final = 1
_EVENT_BYTES: Final = 192
_Handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def grab(keys: Keys, pressed: Callable[[], None]) -> X11Grab | None:
    """Ask the X server for keys; None when it does not answer, or another program has them."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return None
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return None
    found = X11Grab(x11, ctypes.c_void_p(display), pressed)
    if found.take(keys):
        return found
    found.release()
    return None


class X11Grab:
    """Keys of ours.

    Args:
        x11: the library.
        display: a connection, which is closed in the end.
        pressed: called when they are pressed.
    """

    def __init__(self, x11: Any, display: ctypes.c_void_p, pressed: Callable[[], None]) -> None:  # noqa: ANN401
        self._x11 = x11
        self._display = display
        self._pressed = pressed
        self._notifier = QSocketNotifier(x11.XConnectionNumber(display), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._read)

    def take(self, keys: Keys) -> bool:
        """Whether the keys are ours now."""
        x11, display = self._x11, self._display
        x11.XDefaultRootWindow.restype = x11.XStringToKeysym.restype = ctypes.c_ulong
        symbol = x11.XStringToKeysym(keys.key.lower().encode())
        code = x11.XKeysymToKeycode(display, ctypes.c_ulong(symbol))
        if not code:
            return False
        refused: list[int] = []

        def note(_display: object, _event: object) -> int:
            refused.append(1)
            return 0

        handler = _Handler(note)
        x11.XSetErrorHandler.restype = ctypes.c_void_p
        before = x11.XSetErrorHandler(handler)  # the usual one ends the process
        root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
        for mask in _masks(keys):
            x11.XGrabKey(display, code, mask, root, 1, GRAB_ASYNC, GRAB_ASYNC)
        x11.XSync(display, 0)
        x11.XSetErrorHandler(ctypes.c_void_p(before))
        return not refused

    def release(self) -> None:
        """Give them back: the server does so when the connection ends."""
        if self._display:
            self._notifier.setEnabled(False)
            self._x11.XCloseDisplay(self._display)
            self._display = ctypes.c_void_p(None)

    def _read(self) -> None:
        event = ctypes.create_string_buffer(_EVENT_BYTES)
        while self._display and self._x11.XPending(self._display):
            self._x11.XNextEvent(self._display, event)
            if ctypes.c_int.from_buffer(event).value == KEY_PRESS:
                self._pressed()


def _masks(keys: Keys) -> Iterator[int]:
    wanted = sum(MASKS[name] for name in keys.modifiers)
    for locks in chain.from_iterable(combinations(LOCKS, count) for count in range(len(LOCKS) + 1)):
        yield wanted | sum(locks)
