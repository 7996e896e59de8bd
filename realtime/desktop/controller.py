"""The desk: window, tray, dialogs and keys around the session."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from core.errors import EmotrackError
from realtime.consent.ledger import ledger_path
from realtime.desktop.actions import Actions
from realtime.desktop.capture_exclusion import SHOWN, Outcome, hide
from realtime.desktop.consent_dialog import ask_consent
from realtime.desktop.hotkey import Hotkey
from realtime.desktop.icons import tray_icon
from realtime.desktop.launch_options import Agreed, Wishes
from realtime.desktop.phase import Phase
from realtime.desktop.session import Session
from realtime.desktop.single_instance import Single
from realtime.desktop.status import Sign, sign_of
from realtime.desktop.theme import style
from realtime.desktop.tray import Tray
from realtime.desktop.window import NOBODY, TrackerWindow
from realtime.desktop.window_geometry import keep, put_back
from realtime.live_config import LiveConfig

UNCLEAN: Final = (
    "The last session did not end in order. Its engine has ended with it: nothing was captured since."
)


class Desk(QObject):
    """Window, tray and dialogs, and the session that they follow.

    Args:
        wishes: what was asked for.
        single: holds the place of the one window.
        session: that is followed.
    """

    def __init__(self, wishes: Wishes, single: Single, session: Session | None = None) -> None:
        super().__init__()
        self._wishes = wishes
        self._single = single
        self._config = wishes.config()
        self._look()
        self.session = session if session is not None else Session(wishes, parent=self)
        self.actions = Actions(self)
        self.window = TrackerWindow(self.actions, on_top=self._config.desktop.on_top)
        self.tray = Tray(self.actions, self)
        self.hotkey = Hotkey(parent=self)
        self.hiding: Outcome = SHOWN
        self._folder = ledger_path().parent
        self._begun_with = self._config
        self._leaving = self._again = self._hinted = False
        self._connect()

    def _connect(self) -> None:
        of, session = self.actions, self.session
        of.start.triggered.connect(self.begin)
        of.stop.triggered.connect(session.stop)
        of.deafen.triggered.connect(lambda on: session.mute("audio", muted=on))
        of.blind.triggered.connect(lambda on: session.mute("visual", muted=on))
        of.mark.triggered.connect(session.mark)
        of.show.triggered.connect(self.show)
        of.dashboard.triggered.connect(self._open_dashboard)
        of.settings.triggered.connect(self._open_settings)
        of.withdraw.triggered.connect(self._withdraw)
        of.quit.triggered.connect(self.leave)
        session.changed.connect(self.follow)
        session.idle.connect(self._idle)
        session.refused.connect(lambda why: self.window.say(f"Not done: {why}"))
        self.window.closing.connect(self._close)
        self.window.retry.connect(self.begin)
        self.hotkey.pressed.connect(self._stop_from_anywhere)
        self._single.asked.connect(self.show)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._dress)

    # -- the beginning --------------------------------------------------------------------------------

    def open(self) -> None:
        """Show everything, and offer a session as soon as the event loop runs."""
        self.follow()
        put_back(self.window, self._folder)
        self.show()
        self.hotkey.use(self._config.desktop.stop_key)
        QTimer.singleShot(0, self._first)

    def _first(self) -> None:
        try:
            ready = self._wishes.play is not None or self._checked()
        except EmotrackError as error:
            self.window.say(str(error))
            return
        if ready:
            self._apply()
            self.begin()

    def _checked(self) -> bool:
        """Whether models and devices are there; the first time, they are looked for in a dialog."""
        from realtime.desktop.first_run import FirstRun, is_first_run

        settings = self._wishes.settings
        return not is_first_run(settings) or bool(FirstRun(settings, self.window).exec())

    def begin(self) -> None:
        """Ask for consent and begin a session. Without it, nothing is started."""
        if self.session.runs:
            return
        try:
            self._config = self._wishes.config()
            consent = None if self._wishes.play is not None else self._agreement()
        except EmotrackError as error:
            self.window.say(str(error))
            return
        if consent is not None or self._wishes.play is not None:
            self._begin_under(consent)

    def _agreement(self) -> Agreed | None:
        """Under the consent of a session that has just failed it goes on; else it is asked for."""
        if self.session.situation.phase in {Phase.WAITING, Phase.FAILED} and self.session.consent is not None:
            return self.session.consent
        purpose, fixed = self._wishes.proposed
        agreement = ask_consent(self.window, purpose, fixed=fixed)
        if agreement is not None and agreement.purpose != self._config.desktop.purpose:
            self._remember(agreement)
        return agreement

    def _remember(self, agreement: Agreed) -> None:
        try:
            self._wishes.settings.change({"desktop.purpose": agreement.purpose})
        except EmotrackError as error:
            self.window.say(str(error))

    def _begin_under(self, consent: Agreed | None) -> None:
        self._begun_with = self._config
        self.window.say("")
        self.session.start(consent)

    # -- what is shown --------------------------------------------------------------------------------

    def follow(self) -> None:
        """Show what is so now."""
        now = self.session.situation
        sign = sign_of(now)
        self._alarm(sign)
        self.window.show_sign(sign)
        self.tray.follow(sign)
        self.actions.follow(now)
        if now.phase is Phase.RUNNING:
            self.window.show_run(self.session.shown, stale=not now.linked)
        else:
            note = UNCLEAN if self._single.unclean else ""
            self.window.show_nothing(note if note or now.phase is not Phase.STARTING else NOBODY)
        if now.phase is Phase.RUNNING and self._single.unclean:
            self._single.unclean = False

    def _alarm(self, sign: Sign) -> None:
        """While the window is hidden, a failure is told by the tray."""
        if sign.tone == "bad" and not self.window.isVisible() and self.window.sign != sign:
            self.tray.say(sign.word, sign.more)

    def show(self) -> None:
        """Bring the window to the front."""
        self.window.show()
        self.window.raise_()
        self.window.activateWindow()
        self.hiding = hide(int(self.window.winId()), hidden=self._config.desktop.hidden)

    def _look(self) -> None:
        style(self._config.desktop.theme, self._config.desktop.scale)
        QApplication.setWindowIcon(tray_icon(Sign("", "Playing")))

    def _dress(self) -> None:
        self._look()
        self.window.dress()
        self.follow()

    # -- settings -------------------------------------------------------------------------------------

    def _open_settings(self) -> None:
        from realtime.desktop.devices_dialog import DevicesDialog

        wishes, told = self._wishes, f"{self.hiding.sentence} {self.hotkey.sentence}"
        capturing = self.session.situation.capturing
        try:
            dialog = DevicesDialog(
                wishes.settings, told, self.window, capturing=capturing, purpose=wishes.named
            )
        except EmotrackError as error:
            self.window.say(str(error))
            return
        dialog.applied.connect(self._apply)
        dialog.exec()

    def _apply(self) -> None:
        """The settings have changed: the window follows at once, the engine with a restart."""
        try:
            self._config = self._wishes.config()
        except EmotrackError as error:
            self.window.say(str(error))
            return
        desktop = self._config.desktop
        self.session.shown.labels = desktop.labels
        self.window.keep_on_top(on=desktop.on_top)
        self._dress()
        self.hotkey.use(desktop.stop_key)
        if self.window.isVisible():
            self.show()
        if self.session.runs and _engine_of(self._config) != _engine_of(self._begun_with):
            self._again = True
            self.session.stop()

    def _idle(self) -> None:
        """The engine's process has ended."""
        if self._leaving:
            self._finish()
        elif self._again:
            self._again = False
            consent = self.session.consent
            if self._wishes.play is not None or (consent is not None and not self._grown()):
                self._begin_under(consent)
            else:
                self.begin()

    def _grown(self) -> bool:
        """Whether more is captured than people have agreed to."""
        before, now = self._begun_with, self._config
        names = ("microphone", "loopback", "camera", "screen")
        more = any(
            getattr(now.sources, name) is not None and getattr(before.sources, name) is None for name in names
        )
        return more or now.engine.purpose != before.engine.purpose or now.record != before.record

    # -- what people do -------------------------------------------------------------------------------

    def _open_dashboard(self) -> None:
        if self.session.page:
            QDesktopServices.openUrl(QUrl(self.session.page))

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
        """Hide into the tray; where there is none, this is the end."""
        if not self.tray.there:
            self.leave()
            return
        self.window.hide()
        if not self._hinted:
            self._hinted = True
            self.tray.say("emotrack goes on", "The icon in the tray shows what it does, and ends it.")

    def leave(self) -> None:
        """End in order; when asked twice, at once."""
        if not self.session.runs:
            self._finish()
        elif self._leaving:
            self.session.kill()
        else:
            self._leaving = True
            self.session.stop()

    def _finish(self) -> None:
        keep(self.window, self._folder)
        self.session.close()
        self.hotkey.release()
        self.tray.hide()
        QApplication.quit()


def _engine_of(config: LiveConfig) -> dict[str, object]:
    """What the engine looks at."""
    return config.model_dump(exclude={"desktop"})
