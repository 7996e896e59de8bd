"""The page with what the window looks like, and who can see it."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QSpinBox, QWidget

from realtime.config import DesktopConfig
from realtime.desktop.texts import make_label

_THEMES: Final = {"system": "as the desktop", "light": "light", "dark": "dark"}


class WindowPage(QWidget):
    """Chooses theme, size of text, number of emotions, and how the window behaves.

    Args:
        config: what is chosen now.
        exclusion_note: one sentence: what comes of leaving the window out of screen sharing here.
        parent: the dialog.
    """

    def __init__(self, config: DesktopConfig, exclusion_note: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = QComboBox(self)
        for value, name in _THEMES.items():
            self.theme.addItem(name, value)
        self.theme.setCurrentIndex(list(_THEMES).index(config.theme))
        self.scale = QSpinBox(self)
        self.scale.setRange(70, 300)
        self.scale.setSingleStep(10)
        self.scale.setSuffix(" %")
        self.scale.setValue(round(100 * config.scale))
        self.labels = QSpinBox(self)
        self.labels.setRange(1, 7)
        self.labels.setValue(config.labels)
        self.on_top = QCheckBox("&Keep the window above others", self)
        self.on_top.setChecked(config.on_top)
        self.hidden = QCheckBox("Leave the window out of screen &sharing", self)
        self.hidden.setChecked(config.hidden)
        self.stop_key = QLineEdit(config.stop_key or "", self)
        self.stop_key.setPlaceholderText("none")
        form = QFormLayout(self)
        form.addRow("The&me:", self.theme)
        form.addRow("Size of te&xt:", self.scale)
        form.addRow("&Emotions of each person:", self.labels)
        form.addRow("Key that stops ca&pturing:", self.stop_key)
        form.addRow(self.on_top)
        form.addRow(self.hidden)
        form.addRow(make_label(exclusion_note, "soft", self))

    def changes(self) -> dict[str, Any]:
        """Dotted key -> what was chosen."""
        return {
            "desktop.theme": self.theme.currentData(),
            "desktop.scale": self.scale.value() / 100,
            "desktop.labels": self.labels.value(),
            "desktop.on_top": self.on_top.isChecked(),
            "desktop.hidden": self.hidden.isChecked(),
            "desktop.stop_key": self.stop_key.text().strip() or None,
        }
