"""The icon in the tray: says by its shape what goes on, and offers everything in its menu."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from realtime.desktop.actions import Actions
from realtime.desktop.icons import tray_icon
from realtime.desktop.status import StatusIndicator


class Tray(QObject):
    """The icon, where the desktop has a place for it.

    Args:
        actions: what the menu offers.
    """

    def __init__(self, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._indicator: StatusIndicator | None = None
        self.menu = QMenu()
        actions.fill(self.menu, with_show=True)
        self._icon = QSystemTrayIcon(self)
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._activated)

    @property
    def available(self) -> bool:
        """Whether people can see it."""
        return QSystemTrayIcon.isSystemTrayAvailable() and self._icon.isVisible()

    def update_status(self, indicator: StatusIndicator) -> None:
        """Show this state."""
        if indicator == self._indicator:
            return
        before, self._indicator = self._indicator, indicator
        if before is None or (before.word, before.tone, before.dot) != (
            indicator.word,
            indicator.tone,
            indicator.dot,
        ):
            self._icon.setIcon(tray_icon(indicator))
        self._icon.setToolTip(f"emotrack: {indicator.word}. {indicator.more}".strip())
        if before is None:
            self._icon.show()

    def notify(self, title: str, sentence: str) -> None:
        """Tell something that must not be missed while the window is hidden."""
        if self.available:
            self._icon.showMessage(title, sentence, QSystemTrayIcon.MessageIcon.Warning)

    def hide(self) -> None:
        """Take the icon away."""
        self._icon.hide()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self._actions.show.trigger()
