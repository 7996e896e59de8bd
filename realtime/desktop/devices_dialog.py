"""Devices and settings: everything that the desktop tracker remembers, on three pages."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTabWidget, QVBoxLayout, QWidget

from core.errors import EmotrackError
from core.labels import Purpose
from core.policy import policy_of
from realtime.desktop.devices_page import DevicesPage, Hardware
from realtime.desktop.settings import Settings, proposed_purpose
from realtime.desktop.texts import in_scroll_area, make_label, resize_to_fit, set_label
from realtime.desktop.tracking_page import TrackingPage
from realtime.desktop.window_page import WindowPage


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
