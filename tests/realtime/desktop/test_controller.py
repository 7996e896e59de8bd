"""Window, tray and dialogs together: what is asked before a session, what settings change, how it ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox

from realtime.desktop import controller as controller_module
from realtime.desktop.controller import UNCLEAN, Controller
from realtime.desktop.launch_options import LaunchOptions
from realtime.desktop.settings import Settings
from realtime.desktop.status import Phase, TrackerStatus
from realtime.desktop.view_model import ViewModel


class FakeSession(QObject):
    """A session whose engine is a word."""

    changed, idle, refused, page_ready = Signal(), Signal(), Signal(str), Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.view_model, self.consent = ViewModel(), None
        self.phase = Phase.OFF
        self.calls: list[object] = []

    @property
    def status(self) -> TrackerStatus:
        return TrackerStatus(self.phase, "It broke.", connected=True, capturing=self.is_running)

    @property
    def is_running(self) -> bool:
        return self.phase in {Phase.STARTING, Phase.RUNNING, Phase.STOPPING}

    def become(self, phase: Phase) -> None:
        self.phase = phase
        self.changed.emit()
        if not self.is_running:
            self.idle.emit()

    def start(self, consent) -> None:
        self.calls.append(("start", None if consent is None else consent.who))
        self.consent = consent
        self.become(Phase.RUNNING)

    def __getattr__(self, name: str):
        if name in {"stop", "kill", "withdraw", "close", "mark", "open_page"}:
            return lambda *_: self.calls.append(name)
        raise AttributeError(name)

    def mute(self, modality, *, muted) -> None:
        self.calls.append((modality, muted))


class Place(QObject):
    """The place of the one window."""

    asked = Signal()
    unclean = False


@pytest.fixture
def answers(monkeypatch) -> list[object]:
    """What the consent dialog will answer; what it was asked stands in `asked`."""
    found: list[object] = []

    def ask(parent, purpose, *, fixed=False):
        return found.pop(0)

    monkeypatch.setattr(controller_module, "ask_consent", ask)
    return found


@pytest.fixture
def build(app, answers, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path))
    monkeypatch.setattr(Controller, "_is_ready", lambda self: True)
    monkeypatch.setattr(QApplication, "quit", lambda *_: None)
    controllers = []

    def make(play: Path | None = None, *, unclean: bool = False) -> Controller:
        place = Place()
        place.unclean = unclean
        options = LaunchOptions(Settings(tmp_path / "desktop.yaml"), play=play)
        controllers.append(Controller(options, place, FakeSession()))
        controllers[-1].open()
        return controllers[-1]

    yield make
    for controller in controllers:
        controller.hotkey.release()
        controller.tray.hide()
        controller.window.hide()
        controller.window.deleteLater()


def agreed(who: str = "Ada", purpose: str = "personal") -> SimpleNamespace:
    return SimpleNamespace(who=who, purpose=purpose)


def texts(controller: Controller) -> list[str]:
    return [
        label.text()
        for label in controller.window.findChildren(QLabel)
        if label.isVisibleTo(controller.window)
    ]


def test_nothing_is_started_when_nobody_agrees(build, answers, until) -> None:
    answers.append(None)
    controller = build()
    until(lambda: not answers)
    assert controller.session.calls == []
    answers.append(agreed())
    controller.actions.start.trigger()
    assert controller.session.calls == [("start", "Ada")]


def test_a_recording_is_played_without_asking_anybody(build, until) -> None:
    controller = build(Path("a.mp4"))
    until(lambda: controller.session.calls)
    assert controller.session.calls == [("start", None)]


def test_an_engine_that_failed_goes_on_under_the_same_consent_but_a_new_session_asks(
    build, answers, until
) -> None:
    answers.append(agreed())
    controller = build()
    until(lambda: controller.session.calls)
    controller.session.become(Phase.FAILED)
    controller.window.retry.emit()
    assert controller.session.calls == [("start", "Ada")] * 2
    controller.session.become(Phase.OFF)
    answers.append(agreed("Grace"))
    controller.actions.start.trigger()
    assert controller.session.calls[-1] == ("start", "Grace")


def test_actions_reach_the_session(build, answers, until) -> None:
    answers.append(agreed())
    controller = build()
    until(lambda: controller.session.calls)
    controller.session.calls.clear()
    for action in (
        controller.actions.mute_audio,
        controller.actions.mute_video,
        controller.actions.mark,
        controller.actions.stop,
    ):
        action.trigger()
    controller.hotkey.pressed.emit()
    assert controller.session.calls == [("audio", True), ("visual", True), "mark", "stop", "stop"]


def test_the_system_s_browser_is_given_the_address_that_the_session_has_asked_for(
    build, answers, until, monkeypatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    answers.append(agreed())
    controller = build()
    until(lambda: controller.session.calls)
    controller.actions.dashboard.trigger()
    assert controller.session.calls[-1] == "open_page"
    assert opened == []
    controller.session.page_ready.emit("http://127.0.0.1:9/#code=abc")
    assert opened == ["http://127.0.0.1:9/#code=abc"]


@pytest.mark.parametrize(
    ("change", "restarts", "asks"),
    [
        ({"desktop.scale": 1.5}, False, False),
        ({"sources.camera": None}, True, False),
        ({"sources.screen": "0"}, True, True),
        ({"record": "kept"}, True, True),
    ],
)
def test_settings_reach_the_window_at_once_and_the_engine_with_a_restart(
    change, restarts, asks, build, answers, until
) -> None:
    answers.append(agreed())
    controller = build()
    until(lambda: controller.session.calls)
    controller._options.settings.change(change)
    controller._apply()
    assert controller.session.calls[1:] == (["stop"] if restarts else [])
    if restarts:
        answers.extend([None] if asks else [])
        controller.session.become(Phase.OFF)
        assert answers == []
        assert controller.session.calls[2:] == ([] if asks else [("start", "Ada")])


def pressing(name: str) -> list[str]:
    """Press a button of the next question as soon as it is there; what it asks stands in the list."""
    asked: list[str] = []

    def press() -> None:
        question = QApplication.activeModalWidget()
        assert isinstance(question, QMessageBox)
        asked.append(question.text())
        next(button for button in question.buttons() if button.text() == name).click()

    QTimer.singleShot(0, press)
    return asked


def test_without_a_tray_closing_asks_and_then_ends_everything_in_order(build, answers, until) -> None:
    answers.append(agreed())
    controller = build()
    until(lambda: controller.session.calls)
    asked = pressing("&Go on")
    controller.window.close()
    assert asked == ["End the session?"]
    assert controller.session.calls[1:] == []
    pressing("&End and close")
    controller.window.close()
    assert controller.session.calls[1:] == ["stop"]
    controller.actions.quit.trigger()  # impatient
    assert controller.session.calls[2:] == ["kill"]
    controller.session.become(Phase.OFF)
    assert controller.session.calls[3:] == ["close"]


def test_an_end_without_order_is_told_at_the_next_start_until_people_are_shown(build, answers, until) -> None:
    answers.append(None)
    controller = build(unclean=True)
    until(lambda: not answers)
    assert UNCLEAN in texts(controller)
    controller.session.become(Phase.RUNNING)
    controller.session.become(Phase.OFF)
    assert UNCLEAN not in texts(controller)


def test_another_start_brings_the_window_back(build, answers) -> None:
    answers.append(None)
    controller = build()
    controller.window.hide()
    controller._single.asked.emit()
    assert controller.window.isVisible()


def test_what_is_refused_or_wrong_stands_in_the_window(build, answers, until, tmp_path) -> None:
    answers.append(None)
    controller = build()
    until(lambda: not answers)
    controller.session.refused.emit("no.")
    assert "Not done: no." in texts(controller)
    (tmp_path / "desktop.yaml").write_text("sorces: 1")
    controller.actions.start.trigger()
    assert any("unknown key sorces" in text for text in texts(controller))


def test_the_window_opens_where_it_was_and_never_off_the_screen(build, answers, until, tmp_path) -> None:
    answers.extend([None, None, None])
    controller = build()
    until(lambda: len(answers) == 2)
    controller.window.move(50, 60)
    controller.quit()
    assert build().window.pos().toTuple() == (50, 60)
    (tmp_path / "desktop.place.json").write_text("[99999, -500, 10, 10]")
    window = build().window
    assert window.screen().availableGeometry().contains(window.geometry())
