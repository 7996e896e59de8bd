"""What can be done, once for the tray, the menus, the buttons and the keys; and the icon in the tray."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from realtime.desktop.icons import icon, tray_icon
from realtime.desktop.status import Phase, StatusIndicator, TrackerStatus


class Actions(QObject):
    """The actions. Who owns them connects `triggered`, which only people cause.

    Attributes:
        start, stop: begin a session; end it in order.
        mute_audio, mute_video: leave out what is heard, or what is seen.
        mark: mark this moment.
        show: bring the window to the front.
        dashboard: open the page in the browser.
        settings: devices and settings.
        withdraw: take consent back and delete.
        quit: end everything.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.start = self._action("&Start", "Ctrl+R")
        self.stop = self._action("S&top", "Ctrl+S")
        self.mute_audio = self._action("Mute what is &heard", "Ctrl+M", lasts=True)
        self.mute_video = self._action("Mute what is s&een", "Ctrl+E", lasts=True)
        self.mark = self._action("Mark this &moment", "Ctrl+K")
        self.show = self._action("Show the &window", "")
        self.dashboard = self._action("Open the &dashboard", "Ctrl+D")
        self.settings = self._action("Devices and settin&gs…", "Ctrl+,")
        self.withdraw = self._action("W&ithdraw consent and delete…", "")
        self.quit = self._action("&Quit", "Ctrl+Q")
        self.apply_theme()

    def _action(self, text: str, key: str, *, lasts: bool = False) -> QAction:
        action = QAction(text, self, checkable=lasts)
        if key:
            action.setShortcut(QKeySequence(key))
        return action

    @property
    def all(self) -> list[QAction]:
        """Every action, in the order of their making."""
        return self.findChildren(QAction)

    def apply_theme(self) -> None:
        """Draw the pictures in the colours of the theme."""
        for action, name in {
            self.start: "start",
            self.stop: "stop",
            self.mark: "mark",
            self.mute_audio: "no-mic" if self.mute_audio.isChecked() else "mic",
            self.mute_video: "no-camera" if self.mute_video.isChecked() else "camera",
        }.items():
            action.setIcon(icon(name))

    def update_status(self, now: TrackerStatus) -> None:
        """Offer what can be done now."""
        idle = now.phase in {Phase.OFF, Phase.FAILED, Phase.WAITING}
        is_running = now.phase is Phase.RUNNING
        self.start.setVisible(idle)
        self.stop.setVisible(not idle)
        self.stop.setEnabled(now.phase is not Phase.STOPPING)
        for action in (self.mute_audio, self.mute_video, self.mark):
            action.setEnabled(is_running and now.connected)
        self.dashboard.setEnabled(is_running)
        self.withdraw.setEnabled(not now.playing and now.capturing)
        self.mute_audio.setText(f"Mute {' and '.join(now.audio_devices) or 'what is &audio_devices'}")
        self.mute_video.setText(f"Mute {' and '.join(now.video_devices) or 'what is s&een'}")
        if (self.mute_audio.isChecked(), self.mute_video.isChecked()) != (now.audio_muted, now.video_muted):
            for action, on in ((self.mute_audio, now.audio_muted), (self.mute_video, now.video_muted)):
                action.setChecked(on)
            self.apply_theme()

    def fill(self, menu: QMenu, *, with_show: bool) -> None:
        """Put everything into a menu; `with_show` where the window may be hidden."""
        menu.addActions([self.start, self.stop])
        menu.addSeparator()
        menu.addActions([self.mute_audio, self.mute_video, self.mark])
        menu.addSeparator()
        menu.addActions([*([self.show] if with_show else []), self.dashboard, self.settings])
        menu.addSeparator()
        menu.addActions([self.withdraw, self.quit])


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
        """Show a state by icon and tooltip; nothing is drawn where it is unchanged."""
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
        """Take the icon out of the system's tray, at the end of the program."""
        self._icon.hide()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self._actions.show.trigger()
