"""Devices and settings: everything that the desktop tracker remembers, on three pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.errors import EmotrackError
from core.labels import Purpose
from core.policy import policy_of
from core.weights import catalogue, is_ready
from core.workers.whisper_rules import is_folder
from realtime.config import DesktopConfig, LiveConfig
from realtime.desktop.consent_dialog import MEANINGS
from realtime.desktop.devices_page import DevicesPage, Hardware
from realtime.desktop.settings import Settings, proposed_purpose
from realtime.desktop.texts import in_scroll_area, make_label, resize_to_fit, set_label

_WHISPER = "whisper-"


class TrackingPage(QWidget):
    """Chooses the purpose that is proposed, the size of Whisper, and the checkpoint.

    Args:
        config: what is chosen now.
        parent: the dialog.
    """

    def __init__(self, config: LiveConfig, parent: QWidget) -> None:
        super().__init__(parent)
        self.size_ = QComboBox(self)
        self.size_.setAccessibleName("Recogniser of words")
        self._weights = {
            weight.name.removeprefix(_WHISPER): weight
            for weight in catalogue()
            if weight.name.startswith(_WHISPER)
        }
        for size in dict.fromkeys([config.whisper.size, *self._weights]):
            self.size_.addItem(size, size)
        self._size_note = make_label("", "soft", self)
        self.checkpoint = QLineEdit("" if config.checkpoint is None else str(config.checkpoint), self)
        self.checkpoint.setPlaceholderText("the one that comes with emotrack")
        self.checkpoint.setAccessibleName("Folder of the checkpoint")
        self.browse = QPushButton("&Browse…", self)
        self.browse.setAutoDefault(False)
        self.purpose = QComboBox(self)
        for purpose, (name, _) in MEANINGS.items():
            self.purpose.addItem(name.replace("&", "").lower(), purpose)
        named = config.engine.purpose
        self._fixed = bool(policy_of(named).withheld)
        self.purpose.setCurrentIndex(
            list(MEANINGS).index(named if self._fixed else config.desktop.purpose or named)
        )
        self.purpose.setEnabled(not self._fixed)
        self._proposed = self.purpose.currentData()
        form = QFormLayout(self)
        form.addRow("P&urpose that is proposed:", self.purpose)
        form.addRow("&Recogniser (Whisper):", self.size_)
        form.addRow("", self._size_note)
        folder = QHBoxLayout()
        folder.addWidget(self.checkpoint, 1)
        folder.addWidget(self.browse)
        label = QLabel("Check&point:", self)
        label.setBuddy(self.checkpoint)
        form.addRow(label, folder)
        note = "A larger recogniser writes fewer wrong words and needs more of the processor."
        form.addRow(make_label(note, "soft", self))
        self.size_.currentIndexChanged.connect(self._tell)
        self.browse.clicked.connect(self._browse)
        self._tell()

    def changes(self) -> dict[str, str | None]:
        """Dotted key -> what was chosen."""
        folder = self.checkpoint.text().strip()
        changes = {"whisper.size": self.size_.currentData(), "checkpoint": folder or None}
        proposed = self.purpose.currentData()
        if not self._fixed and proposed != self._proposed:
            changes["desktop.purpose"] = proposed
        return changes

    def _tell(self) -> None:
        weight = self._weights.get(self.size_.currentData())
        if is_folder(self.size_.currentData()):
            set_label(self._size_note, "A folder of your own.", "good")
        elif weight is None:
            set_label(self._size_note, "emotrack does not know this one.", "warn")
        elif is_ready(weight):
            set_label(self._size_note, "It is on this machine.", "good")
        else:
            size = f"{weight.size / 1e6:.0f} MB, licence {weight.licence}"
            set_label(
                self._size_note,
                f"It is not on this machine ({size}); you are asked before it is fetched.",
                "warn",
            )

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the checkpoint", self.checkpoint.text())
        if chosen:
            self.checkpoint.setText(str(Path(chosen)))


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


class DevicesDialog(QDialog):
    """The window. It opens no device by itself, and leaves none open.

    Args:
        settings: where things are remembered.
        exclusion_note: one sentence: what comes of leaving the window out of screen sharing here.
        parent: the window that asks.
        capturing: a run is going on.
        purpose: what the run is for, where that was named elsewhere than in the settings.
        hardware: the ways to the devices; replaced in tests.

    Signals:
        applied: the settings were written.

    Raises:
        ConfigError: the settings are damaged.
    """

    applied = Signal()

    def __init__(
        self,
        settings: Settings,
        exclusion_note: str,
        parent: QWidget | None = None,
        *,
        capturing: bool = False,
        purpose: Purpose | None = None,
        hardware: Hardware | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("emotrack: devices and settings")
        self._settings = settings
        config = settings.read()
        policy = policy_of(purpose or proposed_purpose(config))
        self.devices = DevicesPage(
            config.sources, policy, capturing=capturing, hardware=hardware or Hardware(), parent=self
        )
        self.tracking = TrackingPage(config, self)
        self.window_ = WindowPage(config.desktop, exclusion_note, self)
        self.problem = make_label("", "bad", self)
        layout = QVBoxLayout(self)
        self.pages = QTabWidget(self)
        self.pages.setAccessibleName("Pages")
        pages: dict[str, QWidget] = {
            "&Devices": self.devices,
            "&Tracking": self.tracking,
            "&Window": self.window_,
        }
        for name, page in pages.items():
            self.pages.addTab(in_scroll_area(page, self), name)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.problem)
        buttons = QDialogButtonBox(self)
        self.apply = buttons.addButton("Apply", QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel = buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        resize_to_fit(self, 84, 50)

    def accept(self) -> None:
        """Remember everything; what cannot be remembered is said, and the window stays."""
        changes: dict[str, Any] = {
            **self.devices.changes(),
            **self.tracking.changes(),
            **self.window_.changes(),
        }
        try:
            self._settings.change(changes)
        except EmotrackError as error:
            set_label(self.problem, str(error), "bad", alert=True)
            return
        super().accept()
        self.applied.emit()

    def done(self, result: int) -> None:
        """Whichever way the window is left: the devices are closed before anybody goes on."""
        self.devices.close_devices()
        super().done(result)
