"""Where the window was, so that it opens there again."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

log = logging.getLogger(__name__)

FILE_NAME: Final = "desktop.place.json"
_MARGIN_PX: Final = 24


def restore_geometry(window: QWidget, folder: Path) -> None:
    """Put the window where it was, all of it on a screen; the first time, into the upper right corner."""
    size, found = window.sizeHint(), _read(folder / FILE_NAME)
    free = _free(found)
    if found is None:
        corner = QPoint(free.right() - size.width() - _MARGIN_PX, free.top() + _MARGIN_PX)
        found = QRect(corner, size)
    width = min(max(found.width(), size.width()), free.width())
    window.resize(width, size.height())
    x = max(free.left(), min(found.left(), free.right() - width))
    y = max(free.top(), min(found.top(), free.bottom() - size.height()))
    window.move(x, y)


def _free(place: QRect | None) -> QRect:
    """The room of the screen that a place is on; of the first one, where it is on none."""
    screen = QGuiApplication.screenAt(place.center()) if place is not None else None
    screen = screen or QGuiApplication.primaryScreen()
    return screen.availableGeometry()


def save_geometry(window: QWidget, folder: Path) -> None:
    """Remember where it is."""
    place = [window.x(), window.y(), window.width(), window.height()]
    try:
        (folder / FILE_NAME).write_text(json.dumps(place), encoding="utf-8")
    except OSError as error:  # it opens elsewhere next time, no more
        log.warning("the window's place was not kept: %s", error)


def _read(file: Path) -> QRect | None:
    try:
        x, y, width, height = json.loads(file.read_text(encoding="utf-8"))
        return QRect(int(x), int(y), int(width), int(height))
    except (OSError, TypeError, ValueError):
        return None
