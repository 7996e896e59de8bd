"""Four figures for a part of the screen, for those who do not draw it with the mouse."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSpinBox, QWidget

from realtime.sources.screen import Region

_NAMES: Final = ("le&ft", "to&p", "w&idth", "&height")
_FAR: Final = 100_000
"""Pixels; no desktop is larger."""


class RegionChoice(QWidget):
    """Left, top, width and height in pixels of the whole desktop.

    Args:
        region: what they are at first.
        parent: the row.
    """

    changed = Signal()

    def __init__(self, region: Region, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.fields: list[QSpinBox] = []
        for index, name in enumerate(_NAMES):
            field = QSpinBox(self)
            field.setRange(-_FAR if index < 2 else 1, _FAR)
            field.setAccessibleName(f"{name.replace('&', '').capitalize()} in pixels")
            field.valueChanged.connect(self.changed)
            label = QLabel(name, self)
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field, 1)
            self.fields.append(field)
        self.set_region(region)

    @property
    def region(self) -> Region:
        """What they say."""
        left, top, width, height = (field.value() for field in self.fields)
        return left, top, width, height

    def set_region(self, region: Region) -> None:
        """Show another region, without telling anybody."""
        for field, value in zip(self.fields, region, strict=True):
            with QSignalBlocker(field):
                field.setValue(value)
