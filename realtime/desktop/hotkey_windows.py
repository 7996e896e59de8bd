"""A key from Windows, which sends it to the window's thread as a message."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QAbstractNativeEventFilter, QByteArray, QCoreApplication

from realtime.desktop.hotkey import Keys

MODIFIERS: Final = {"Alt": 0x1, "Ctrl": 0x2, "Shift": 0x4, "Meta": 0x8}
NO_REPEAT: Final = 0x4000
WM_HOTKEY: Final = 0x0312
_numbers = itertools.count(1)


class Message(ctypes.Structure):
    """The head of Windows' MSG."""

    _fields_ = (
        ("window", ctypes.c_void_p),
        ("message", ctypes.c_uint32),
        ("wParam", ctypes.c_size_t),
    )


def grab(keys: Keys, pressed: Callable[[], None], user32: Any = None) -> WindowsGrab | None:  # noqa: ANN401
    """Ask Windows for keys; None when another program has them."""
    library = user32 if user32 is not None else ctypes.CDLL("user32")
    number = next(_numbers)
    modifiers = NO_REPEAT | sum(MODIFIERS[name] for name in keys.modifiers)
    if not library.RegisterHotKey(None, number, modifiers, ord(keys.key)):
        return None
    return WindowsGrab(library, number, pressed)


class WindowsGrab(QAbstractNativeEventFilter):
    """Keys of ours.

    Args:
        user32: the library.
        number: under which they are registered.
        pressed: called when they are pressed.
    """

    def __init__(self, user32: Any, number: int, pressed: Callable[[], None]) -> None:  # noqa: ANN401
        super().__init__()
        self._user32 = user32
        self._number = number
        self._pressed = pressed
        application = QCoreApplication.instance()
        assert application is not None, "there is an application"
        application.installNativeEventFilter(self)

    def nativeEventFilter(
        self, eventType: QByteArray | bytes | bytearray | memoryview, message: int
    ) -> object:
        """Look for our key among Windows' messages; every message goes on to Qt."""
        kind = eventType.data() if isinstance(eventType, QByteArray) else bytes(eventType)
        if kind == b"windows_generic_MSG":
            told = Message.from_address(int(message))
            if told.message == WM_HOTKEY and told.wParam == self._number:
                self._pressed()
        return False, 0

    def release(self) -> None:
        """Give the keys back to Windows, for other programs."""
        self._user32.UnregisterHotKey(None, self._number)
        application = QCoreApplication.instance()
        if application is not None:
            application.removeNativeEventFilter(self)
