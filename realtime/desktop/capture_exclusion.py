"""Leaving a window out of what others see of the screen, where the system offers that."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

WDA_NONE: Final = 0x00
WDA_EXCLUDE_FROM_CAPTURE: Final = 0x11
"""Windows 10 of 2020 (version 2004) and newer."""
SHARING_NONE: Final = 0
SHARING_READ_ONLY: Final = 1


@dataclass(frozen=True, slots=True)
class ExclusionOutcome:
    """What came of it.

    Attributes:
        hidden: whether the system has agreed to leave the window out.
        sentence: for people.
    """

    hidden: bool
    sentence: str


SHOWN: Final = ExclusionOutcome(False, "The window is shown when the screen is shared, as the settings say.")

IMPOSSIBLE: Final = ExclusionOutcome(
    False,
    "This system cannot leave a window out: it is seen when the whole screen is shared. Share one window.",
)
REFUSED: Final = ExclusionOutcome(False, "The system refused: the window is seen when the screen is shared.")


def exclude_from_capture(
    window: int,
    *,
    hidden: bool,
    system: str = sys.platform,
    library: Any = None,  # noqa: ANN401
) -> ExclusionOutcome:
    """Leave a window out of screen sharing, or let it be seen again.

    Args:
        window: the system's number of it (`QWidget.winId`); 0 = there is none.
        hidden: whether it is to be left out.
        system: as `sys.platform`.
        library: the system's library; None = the real one.
    """
    attempt = _ATTEMPTS.get(system)
    done = attempt is not None and window != 0 and attempt(window, hidden, library)
    if not hidden:
        return SHOWN
    if attempt is None:
        return IMPOSSIBLE
    return ExclusionOutcome(True, _AGREED[system]) if done else REFUSED


_AGREED: Final = {
    "win32": "The window is left out when the screen is shared.",
    "darwin": "The window is left out when the screen is shared. Some programs show it all the same.",
}


def _windows(window: int, hidden: bool, library: Any) -> bool:  # noqa: ANN401
    user32 = library if library is not None else ctypes.CDLL("user32")
    affinity = WDA_EXCLUDE_FROM_CAPTURE if hidden else WDA_NONE
    return bool(user32.SetWindowDisplayAffinity(ctypes.c_void_p(window), ctypes.c_uint32(affinity)))


def _macos(window: int, hidden: bool, library: Any) -> bool:  # noqa: ANN401
    """`winId` is an NSView: [[view window] setSharingType: ...]."""
    objc = library if library is not None else ctypes.CDLL("/usr/lib/libobjc.A.dylib")
    objc.sel_registerName.restype = ctypes.c_void_p
    objc.objc_msgSend.restype = ctypes.c_void_p
    named = [ctypes.c_void_p(objc.sel_registerName(name)) for name in (b"window", b"setSharingType:")]
    owner = objc.objc_msgSend(ctypes.c_void_p(window), named[0])
    if not owner:
        return False
    sharing = SHARING_NONE if hidden else SHARING_READ_ONLY
    objc.objc_msgSend(ctypes.c_void_p(owner), named[1], ctypes.c_ulong(sharing))
    return True


_ATTEMPTS: Final[dict[str, Callable[[int, bool, Any], bool]]] = {"win32": _windows, "darwin": _macos}
