"""The controller: window, tray, dialogs and keys around the session, and where the window was last."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QPoint, QRect, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from core.errors import EmotrackError
from realtime.config import LiveConfig
from realtime.consent.ledger import ledger_path
from realtime.desktop.actions import Actions, Tray
from realtime.desktop.capture_exclusion import SHOWN, ExclusionOutcome, exclude_from_capture
from realtime.desktop.consent_dialog import ask_consent
from realtime.desktop.hotkey import Hotkey
from realtime.desktop.icons import tray_icon
from realtime.desktop.launch_options import LaunchOptions, SessionConsent
from realtime.desktop.session import EngineSession
from realtime.desktop.single_instance import SingleInstance
from realtime.desktop.status import Phase, StatusIndicator, indicator_for
from realtime.desktop.theme import apply_theme
from realtime.desktop.window import NOBODY_YET, TrackerWindow

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
    """Remember position and size of the window in `folder`, for the next start."""
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


UNCLEAN: Final = (
    "The last session did not end in order. Its engine has ended with it: nothing was captured since."
)


class Controller(QObject):
    """Window, tray and dialogs, and the session that they follow.

    Args:
        wishes: what was asked for.
        single: holds the place of the one window.
        session: that is followed.
    """

    def __init__(
        self, options: LaunchOptions, single: SingleInstance, session: EngineSession | None = None
    ) -> None:
        super().__init__()
        self._options = options
        self._single = single
        self._config = options.config()
        self._apply_theme()
        self.session = session if session is not None else EngineSession(options, parent=self)
        self.actions = Actions(self)
        self.window = TrackerWindow(self.actions, on_top=self._config.desktop.on_top)
        self.tray = Tray(self.actions, self)
        self.hotkey = Hotkey(parent=self)
        self.exclusion: ExclusionOutcome = SHOWN
        self._folder = ledger_path().parent
        self._started_with = self._config
        self._quitting = self._restart_wanted = self._hinted = False
        self._connect()

    def _connect(self) -> None:
        of, session = self.actions, self.session
        of.start.triggered.connect(self.start_session)
        of.stop.triggered.connect(session.stop)
        of.mute_audio.triggered.connect(lambda on: session.mute("audio", muted=on))
        of.mute_video.triggered.connect(lambda on: session.mute("visual", muted=on))
        of.mark.triggered.connect(session.mark)
        of.show.triggered.connect(self.show)
        of.dashboard.triggered.connect(session.open_page)
        of.settings.triggered.connect(self._open_settings)
        of.withdraw.triggered.connect(self._withdraw)
        of.quit.triggered.connect(self.quit)
        session.changed.connect(self.update_status)
        session.idle.connect(self._idle)
        session.page_ready.connect(lambda page: QDesktopServices.openUrl(QUrl(page)))
        session.refused.connect(lambda why: self.window.show_message(f"Not done: {why}"))
        self.window.closing.connect(self._close)
        self.window.retry.connect(self.start_session)
        self.hotkey.pressed.connect(self._stop_from_anywhere)
        self._single.asked.connect(self.show)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._theme_changed)

    # -- the beginning --------------------------------------------------------------------------------

    def open(self) -> None:
        """Show everything, and offer a session as soon as the event loop runs."""
        self.update_status()
        restore_geometry(self.window, self._folder)
        self.show()
        self.hotkey.use(self._config.desktop.stop_key)
        QTimer.singleShot(0, self._first_start)

    def _first_start(self) -> None:
        try:
            ready = self._options.play is not None or self._is_ready()
        except EmotrackError as error:
            self.window.show_message(str(error))
            return
        if ready:
            self._apply()
            self.start_session()

    def _is_ready(self) -> bool:
        """Whether models and devices are there; the first time, they are looked for in a dialog."""
        from realtime.desktop.first_run import FirstRun, is_first_run

        settings = self._options.settings
        return not is_first_run(settings) or bool(FirstRun(settings, self.window).exec())

    def start_session(self) -> None:
        """Ask for consent and begin a session. Without it, nothing is started."""
        if self.session.is_running:
            return
        try:
            self._config = self._options.config()
            consent = None if self._options.play is not None else self._consent()
        except EmotrackError as error:
            self.window.show_message(str(error))
            return
        if consent is not None or self._options.play is not None:
            self._start_under(consent)

    def _consent(self) -> SessionConsent | None:
        """Under the consent of a session that has just failed it goes on; else it is asked for."""
        if self.session.status.phase in {Phase.WAITING, Phase.FAILED} and self.session.consent is not None:
            return self.session.consent
        purpose, fixed = self._options.proposed
        agreement = ask_consent(self.window, purpose, fixed=fixed)
        if agreement is not None and agreement.purpose != self._config.desktop.purpose:
            self._remember(agreement)
        return agreement

    def _remember(self, agreement: SessionConsent) -> None:
        try:
            self._options.settings.change({"desktop.purpose": agreement.purpose})
        except EmotrackError as error:
            self.window.show_message(str(error))

    def _start_under(self, consent: SessionConsent | None) -> None:
        self._started_with = self._config
        self.window.show_message("")
        self.session.start(consent)

    # -- what is shown --------------------------------------------------------------------------------

    def update_status(self) -> None:
        """Show the state of the session in window, tray and actions, and the people while it runs."""
        now = self.session.status
        indicator = indicator_for(now)
        self._alarm(indicator)
        self.window.show_indicator(indicator)
        self.tray.update_status(indicator)
        self.actions.update_status(now)
        if now.phase is Phase.RUNNING:
            self.window.show_run(self.session.view_model, stale=not now.connected)
        else:
            note = UNCLEAN if self._single.unclean else ""
            self.window.show_nothing(note if note or now.phase is not Phase.STARTING else NOBODY_YET)
        if now.phase is Phase.RUNNING and self._single.unclean:
            self._single.unclean = False

    def _alarm(self, indicator: StatusIndicator) -> None:
        """While the window is hidden, a failure is told by the tray."""
        if indicator.tone == "bad" and not self.window.isVisible() and self.window.indicator != indicator:
            self.tray.notify(indicator.word, indicator.more)

    def show(self) -> None:
        """Bring the window to the front."""
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        self.exclusion = exclude_from_capture(int(self.window.winId()), hidden=self._config.desktop.hidden)

    def _apply_theme(self) -> None:
        apply_theme(self._config.desktop.theme, self._config.desktop.scale)
        QApplication.setWindowIcon(tray_icon(StatusIndicator("", "Playing")))

    def _theme_changed(self) -> None:
        self._apply_theme()
        self.window.apply_theme()
        self.update_status()

    # -- settings -------------------------------------------------------------------------------------

    def _open_settings(self) -> None:
        from realtime.desktop.devices_dialog import DevicesDialog

        options, told = self._options, f"{self.exclusion.sentence} {self.hotkey.sentence}"
        capturing = self.session.status.capturing
        try:
            dialog = DevicesDialog(
                options.settings, told, self.window, capturing=capturing, purpose=options.named
            )
        except EmotrackError as error:
            self.window.show_message(str(error))
            return
        dialog.applied.connect(self._apply)
        dialog.exec()

    def _apply(self) -> None:
        """The settings have changed: the window follows at once, the engine with a restart."""
        try:
            self._config = self._options.config()
        except EmotrackError as error:
            self.window.show_message(str(error))
            return
        desktop = self._config.desktop
        self.session.view_model.labels = desktop.labels
        self.window.keep_on_top(on=desktop.on_top)
        self._theme_changed()
        self.hotkey.use(desktop.stop_key)
        if self.window.isVisible():
            self.show()
        if self.session.is_running and _engine_of(self._config) != _engine_of(self._started_with):
            self._restart_wanted = True
            self.session.stop()

    def _idle(self) -> None:
        """The engine's process has ended."""
        if self._quitting:
            self._finish()
        elif self._restart_wanted:
            self._restart_wanted = False
            consent = self.session.consent
            if self._options.play is not None or (consent is not None and not self._captures_more()):
                self._start_under(consent)
            else:
                self.start_session()

    def _captures_more(self) -> bool:
        """Whether more is captured than people have agreed to."""
        before, now = self._started_with, self._config
        names = ("microphone", "loopback", "camera", "screen")
        more = any(
            getattr(now.sources, name) is not None and getattr(before.sources, name) is None for name in names
        )
        return more or now.engine.purpose != before.engine.purpose or now.record != before.record

    # -- what people do -------------------------------------------------------------------------------

    def _withdraw(self) -> None:
        question = QMessageBox(self.window)
        question.setIcon(QMessageBox.Icon.Question)
        question.setText("Withdraw consent?")
        question.setInformativeText("Capturing stops at once, and what this session has written is deleted.")
        yes = question.addButton("&Withdraw and delete", QMessageBox.ButtonRole.AcceptRole)
        question.addButton("&Go on", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(yes)
        question.exec()
        if question.clickedButton() is yes:
            self.session.withdraw()

    def _stop_from_anywhere(self) -> None:
        self.session.stop()
        self.show()

    def _close(self) -> None:
        """Hide into the tray; where there is none this ends a session, so it is asked first."""
        if not self.tray.available:
            if not self.session.is_running or self._ends_by_closing():
                self.quit()
            return
        self.window.hide()
        if not self._hinted:
            self._hinted = True
            self.tray.notify("emotrack goes on", "The icon in the tray shows what it does, and ends it.")

    def _ends_by_closing(self) -> bool:
        question = QMessageBox(self.window)
        question.setIcon(QMessageBox.Icon.Question)
        question.setText("End the session?")
        question.setInformativeText(
            "This desktop has no tray to go on in, so closing the window ends the session."
        )
        yes = question.addButton("&End and close", QMessageBox.ButtonRole.AcceptRole)
        stay = question.addButton("&Go on", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(stay)
        question.setEscapeButton(stay)
        question.exec()
        return question.clickedButton() is yes

    def quit(self) -> None:
        """End in order; when asked twice, at once."""
        if not self.session.is_running:
            self._finish()
        elif self._quitting:
            self.session.kill()
        else:
            self._quitting = True
            self.session.stop()

    def _finish(self) -> None:
        save_geometry(self.window, self._folder)
        self.session.close()
        self.hotkey.release()
        self.tray.hide()
        QApplication.quit()


def _engine_of(config: LiveConfig) -> dict[str, object]:
    """What the engine looks at."""
    return config.model_dump(exclude={"desktop"})
