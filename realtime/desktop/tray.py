"""The icon in the tray: says by its shape what goes on, and offers everything in its menu."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from realtime.desktop.actions import Actions
from realtime.desktop.icons import tray_icon
from realtime.desktop.status import Sign


class Tray(QObject):
    """The icon, where the desktop has a place for it.

    Args:
        actions: what the menu offers.
    """

    def __init__(self, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._sign: Sign | None = None
        self.menu = QMenu()
        actions.fill(self.menu, with_show=True)
        self._icon = QSystemTrayIcon(self)
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._activated)

    @property
    def there(self) -> bool:
        """Whether people can see it."""
        return QSystemTrayIcon.isSystemTrayAvailable() and self._icon.isVisible()

    def follow(self, sign: Sign) -> None:
        """Show this state."""
        if sign == self._sign:
            return
        before, self._sign = self._sign, sign
        if before is None or (before.word, before.tone, before.dot) != (sign.word, sign.tone, sign.dot):
            self._icon.setIcon(tray_icon(sign))
        self._icon.setToolTip(f"emotrack: {sign.word}. {sign.more}".strip())
        if before is None:
            self._icon.show()

    def say(self, title: str, sentence: str) -> None:
        """Tell something that must not be missed while the window is hidden."""
        if self.there:
            self._icon.showMessage(title, sentence, QSystemTrayIcon.MessageIcon.Warning)

    def hide(self) -> None:
        """Take the icon away."""
        self._icon.hide()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self._actions.show.trigger()
