"""The key that stops from anywhere: asked for, given back, and what is said where there is none."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

from realtime.desktop import hotkey_windows
from realtime.desktop.hotkey import Hotkey, Keys
from realtime.desktop.hotkey_windows import WM_HOTKEY, Message

KEYS = Keys(frozenset({"Ctrl", "Alt"}), "S")


class Grabs:
    """A system that gives keys once each."""

    def __init__(self) -> None:
        self.held: list[Keys] = []

    def __call__(self, keys, pressed):
        if keys in self.held:
            return None
        self.held.append(keys)
        self.press = pressed
        return SimpleNamespace(release=lambda: self.held.remove(keys))


def test_the_key_is_taken_told_of_and_given_back(app) -> None:
    grabs, pressed = Grabs(), []
    hotkey = Hotkey(grabs)
    hotkey.pressed.connect(lambda: pressed.append(1))
    hotkey.use("Ctrl+Alt+S")
    assert grabs.held == [KEYS]
    assert hotkey.sentence == "Ctrl+Alt+S stops capturing from within any program."
    grabs.press()
    assert pressed == [1]
    hotkey.use("Ctrl+Shift+9")
    assert grabs.held == [Keys(frozenset({"Ctrl", "Shift"}), "9")]
    hotkey.use(None)
    assert grabs.held == []


def test_a_key_that_another_program_has_is_said(app) -> None:
    grabs = Grabs()
    Hotkey(grabs).use("Ctrl+Alt+S")
    second = Hotkey(grabs)
    second.use("Ctrl+Alt+S")
    assert "belongs to another program" in second.sentence


def test_where_the_system_offers_none_that_is_said(app) -> None:
    hotkey = Hotkey()  # without a screen
    hotkey.use("Ctrl+Alt+S")
    assert "gives programs no such key" in hotkey.sentence


def test_windows_registers_the_key_and_its_message_counts(app) -> None:
    calls, pressed = [], []
    user32 = SimpleNamespace(
        RegisterHotKey=lambda *a: calls.append(a) or 1, UnregisterHotKey=lambda *a: calls.append(a) or 1
    )
    grab = hotkey_windows.grab(KEYS, lambda: pressed.append(1), user32)
    assert grab is not None
    (_, number, modifiers, key) = calls[0]
    assert (modifiers & 0xF, key) == (0x3, ord("S"))
    told = Message(window=None, message=WM_HOTKEY, wParam=number)
    other = Message(window=None, message=WM_HOTKEY, wParam=number + 1)
    for message in (told, other):
        assert grab.nativeEventFilter(b"windows_generic_MSG", ctypes.addressof(message)) == (False, 0)
    grab.nativeEventFilter(b"xcb_generic_event_t", 0)
    assert pressed == [1]
    grab.release()
    assert calls[1][:2] == (None, number)
    user32.RegisterHotKey = lambda *a: 0
    assert hotkey_windows.grab(KEYS, lambda: None, user32) is None
