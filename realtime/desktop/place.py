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


def put_back(window: QWidget, folder: Path) -> None:
    """Put the window where it was, if there still is a screen; else into the upper right corner."""
    size = window.sizeHint()
    found = _read(folder / FILE_NAME)
    if found is not None and any(s.geometry().intersects(found) for s in QGuiApplication.screens()):
        window.resize(max(found.width(), window.minimumSizeHint().width()), size.height())
        window.move(found.topLeft())
        return
    window.resize(size)
    screen = QGuiApplication.primaryScreen()
    free = screen.availableGeometry() if screen is not None else QRect(0, 0, size.width(), size.height())
    window.move(free.topRight() - QPoint(size.width() + _MARGIN_PX, -_MARGIN_PX))


def keep(window: QWidget, folder: Path) -> None:
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
