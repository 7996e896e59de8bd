"""`emotrack desktop`: says what is missing before Qt is loaded, then hands over to the application."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from core.errors import NotAvailable

LIBRARIES: Final = {
    "libEGL.so.1": "libegl1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
"""What Qt needs of a Linux system and does not bring -> the package of Debian and Ubuntu that has it."""


def run_desktop(
    config: Path | None,
    *,
    play: Path | None,
    purpose: str | None,
    checkpoint: Path | None,
    overrides: list[str],
) -> int:
    """Open the window and stay until it is closed.

    Args:
        config: the settings; None = where they are kept usually.
        play: a recording to be played in place of devices.
        purpose: what the sessions are for; None = what the settings say.
        checkpoint: a trained checkpoint; None = what the settings say.
        overrides: `a.b=c` assignments, which win over everything.

    Returns:
        The process's exit code; 0 also when another window was there already and has been shown.

    Raises:
        ConfigError: the settings cannot be read, or say something impossible.
        NotAvailable: Qt is not installed, cannot be loaded, or there is no screen.
        PolicyError: a purpose that withholds something was named, and then another one.
    """
    check_qt()
    check_screen()
    try:
        from realtime.desktop.application import Application
        from realtime.desktop.launch_options import LaunchOptions
    except ImportError as error:
        raise NotAvailable(f"Qt cannot be loaded: {error}.", fix=_packages()) from error
    return Application(LaunchOptions.of(config, play, purpose, checkpoint, overrides)).run()


def check_qt() -> None:
    """Raises NotAvailable when the extra is not installed."""
    if find_spec("PySide6") is None:
        raise NotAvailable(
            "emotrack desktop needs Qt, which is not installed.", fix="pip install 'emotrack[desktop]'"
        )


def check_screen() -> None:
    """Qt ends the process when it finds no screen; so it is looked for before.

    Raises:
        NotAvailable: there is none, or a library of the system is missing.
    """
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    if not os.environ.get("DISPLAY"):
        raise NotAvailable(
            "emotrack desktop needs a screen, and there is none (DISPLAY is not set).",
            fix="Without a screen, emotrack live does the same.",
        )
    missing = [name for name in LIBRARIES if not _loads(name)]
    if missing:
        raise NotAvailable(
            f"Qt needs {', '.join(missing)}, which this system does not have.", fix=_packages()
        )
    if not _answers():
        raise NotAvailable("the screen does not answer.", where=f"DISPLAY={os.environ['DISPLAY']}")


def _packages() -> str:
    return f"On Debian and Ubuntu: apt install {' '.join(LIBRARIES.values())}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _answers() -> bool:
    """Whether the X server lets us in."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        return True  # Qt will find out
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(ctypes.c_void_p(display))
    return True
