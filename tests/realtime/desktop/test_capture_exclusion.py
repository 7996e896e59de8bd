"""Leaving the window out of screen sharing, on systems that are not there."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from realtime.desktop.capture_exclusion import (
    IMPOSSIBLE,
    REFUSED,
    SHOWN,
    WDA_EXCLUDE_FROM_CAPTURE,
    WDA_NONE,
    exclude_from_capture,
)


class Function:
    """A function of a library: notes its arguments, may be given a type of result."""

    def __init__(self, result) -> None:
        self.result = result
        self.calls: list[tuple] = []

    def __call__(self, *arguments):
        self.calls.append(tuple(getattr(a, "value", a) for a in arguments))
        return self.result(*self.calls[-1]) if callable(self.result) else self.result


@pytest.mark.parametrize(("hidden", "affinity"), [(True, WDA_EXCLUDE_FROM_CAPTURE), (False, WDA_NONE)])
def test_windows_is_asked_to_leave_the_window_out_or_to_show_it(hidden: bool, affinity: int) -> None:
    function = Function(1)
    outcome = exclude_from_capture(
        77, hidden=hidden, system="win32", library=SimpleNamespace(SetWindowDisplayAffinity=function)
    )
    assert function.calls == [(77, affinity)]
    assert outcome.hidden == hidden


def test_a_refusal_is_said() -> None:
    library = SimpleNamespace(SetWindowDisplayAffinity=Function(0))
    assert exclude_from_capture(77, hidden=True, system="win32", library=library) == REFUSED


def test_on_macos_the_view_s_window_is_told_not_to_be_shared() -> None:
    numbers = {b"window": 1, b"setSharingType:": 2}
    send = Function(lambda receiver, selector, *_: 500 if selector == 1 else 0)
    library = SimpleNamespace(sel_registerName=Function(numbers.__getitem__), objc_msgSend=send)
    assert exclude_from_capture(77, hidden=True, system="darwin", library=library).hidden
    assert send.calls == [(77, 1), (500, 2, 0)]
    assert library.objc_msgSend.restype is ctypes.c_void_p
    library.objc_msgSend = Function(0)  # a view without a window
    assert exclude_from_capture(77, hidden=True, system="darwin", library=library) == REFUSED


def test_where_it_is_impossible_that_is_said_and_nothing_is_promised() -> None:
    assert exclude_from_capture(77, hidden=True, system="linux") == IMPOSSIBLE
    assert exclude_from_capture(77, hidden=False, system="linux") == SHOWN
