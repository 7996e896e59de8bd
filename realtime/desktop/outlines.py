"""Outlines that can be seen: Fusion draws them a little darker than the window, at night black on black.

It takes the window's colour from the palette of what it draws, so boxes, fields and lists get a palette of
their own. A style written in Python would be asked at every stroke.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

_CLASSES: Final = (
    "QCheckBox",
    "QRadioButton",
    "QLineEdit",
    "QComboBox",
    "QAbstractSpinBox",
    "QProgressBar",
)
_FUSION_DARKENS: Final = 140
"""Per cent, as `QColor.darker` takes them."""


def outline(palette: QPalette, colour: QColor) -> None:
    """Give boxes, fields and lists of the application an outline.

    Args:
        palette: of everything else.
        colour: of the outline; at least three times as light or dark as the background (WCAG 2.2, 1.4.11).
    """
    outlined = QPalette(palette)
    outlined.setColor(QPalette.ColorRole.Window, colour.lighter(_FUSION_DARKENS))
    for name in _CLASSES:
        QApplication.setPalette(outlined, name)  # type: ignore[arg-type]  # the stubs say bytes, Qt does not
