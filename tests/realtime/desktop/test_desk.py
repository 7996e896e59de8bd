"""Window, tray and dialogs together: what is asked before a session, what settings change, how it ends."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QLabel

from realtime.desktop import controller as desk_module
from realtime.desktop.controller import UNCLEAN, Desk
from realtime.desktop.launch_options import Wishes
from realtime.desktop.phase import Phase
from realtime.desktop.settings import Settings
from realtime.desktop.status import Situation
from realtime.desktop.view_model import Shown


class FakeSession(QObject):
    """A session whose engine is a word."""

    changed, idle, refused = Signal(), Signal(), Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.shown, self.consent, self.page = Shown(), None, ""
        self.phase = Phase.OFF
        self.calls: list[object] = []

    @property
    def situation(self) -> Situation:
        return Situation(self.phase, "It broke.", linked=True, capturing=self.runs)

    @property
    def runs(self) -> bool:
        return self.phase in {Phase.STARTING, Phase.RUNNING, Phase.STOPPING}

    def become(self, phase: Phase) -> None:
        self.phase = phase
        self.changed.emit()
        if not self.runs:
            self.idle.emit()

    def start(self, consent) -> None:
        self.calls.append(("start", None if consent is None else consent.who))
        self.consent = consent
        self.become(Phase.RUNNING)

    def __getattr__(self, name: str):
        if name in {"stop", "kill", "withdraw", "close", "mark"}:
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

    monkeypatch.setattr(desk_module, "ask_consent", ask)
    return found


@pytest.fixture
def build(app, answers, tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path))
    monkeypatch.setattr(Desk, "_checked", lambda self: True)
    monkeypatch.setattr(QApplication, "quit", lambda *_: None)
    desks = []

    def make(play: Path | None = None, *, unclean: bool = False) -> Desk:
        place = Place()
        place.unclean = unclean
        wishes = Wishes(Settings(tmp_path / "desktop.yaml"), play=play)
        desks.append(Desk(wishes, place, FakeSession()))
        desks[-1].open()
        return desks[-1]

    yield make
    for desk in desks:
        desk.hotkey.release()
        desk.tray.hide()
        desk.window.hide()
        desk.window.deleteLater()


def agreed(who: str = "Ada", purpose: str = "personal") -> SimpleNamespace:
    return SimpleNamespace(who=who, purpose=purpose)


def texts(desk: Desk) -> list[str]:
    return [label.text() for label in desk.window.findChildren(QLabel) if label.isVisibleTo(desk.window)]


def test_nothing_is_started_when_nobody_agrees(build, answers, until) -> None:
    answers.append(None)
    desk = build()
    until(lambda: not answers)
    assert desk.session.calls == []
    answers.append(agreed())
    desk.actions.start.trigger()
    assert desk.session.calls == [("start", "Ada")]


def test_a_recording_is_played_without_asking_anybody(build, until) -> None:
    desk = build(Path("a.mp4"))
    until(lambda: desk.session.calls)
    assert desk.session.calls == [("start", None)]


def test_an_engine_that_failed_goes_on_under_the_same_consent_but_a_new_session_asks(
    build, answers, until
) -> None:
    answers.append(agreed())
    desk = build()
    until(lambda: desk.session.calls)
    desk.session.become(Phase.FAILED)
    desk.window.retry.emit()
    assert desk.session.calls == [("start", "Ada")] * 2
    desk.session.become(Phase.OFF)
    answers.append(agreed("Grace"))
    desk.actions.start.trigger()
    assert desk.session.calls[-1] == ("start", "Grace")


def test_actions_reach_the_session(build, answers, until) -> None:
    answers.append(agreed())
    desk = build()
    until(lambda: desk.session.calls)
    desk.session.calls.clear()
    for action in (desk.actions.deafen, desk.actions.blind, desk.actions.mark, desk.actions.stop):
        action.trigger()
    desk.hotkey.pressed.emit()
    assert desk.session.calls == [("audio", True), ("visual", True), "mark", "stop", "stop"]


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
    desk = build()
    until(lambda: desk.session.calls)
    desk._wishes.settings.change(change)
    desk._apply()
    assert desk.session.calls[1:] == (["stop"] if restarts else [])
    if restarts:
        answers.extend([None] if asks else [])
        desk.session.become(Phase.OFF)
        assert answers == []
        assert desk.session.calls[2:] == ([] if asks else [("start", "Ada")])


def test_without_a_tray_closing_the_window_ends_everything_in_order(build, answers, until) -> None:
    answers.append(agreed())
    desk = build()
    until(lambda: desk.session.calls)
    desk.window.close()
    assert desk.session.calls[1:] == ["stop"]
    desk.actions.quit.trigger()  # impatient
    assert desk.session.calls[2:] == ["kill"]
    desk.session.become(Phase.OFF)
    assert desk.session.calls[3:] == ["close"]


def test_an_end_without_order_is_told_at_the_next_start_until_people_are_shown(build, answers, until) -> None:
    answers.append(None)
    desk = build(unclean=True)
    until(lambda: not answers)
    assert UNCLEAN in texts(desk)
    desk.session.become(Phase.RUNNING)
    desk.session.become(Phase.OFF)
    assert UNCLEAN not in texts(desk)


def test_another_start_brings_the_window_back(build, answers) -> None:
    answers.append(None)
    desk = build()
    desk.window.hide()
    desk._single.asked.emit()
    assert desk.window.isVisible()


def test_what_is_refused_or_wrong_stands_in_the_window(build, answers, until, tmp_path) -> None:
    answers.append(None)
    desk = build()
    until(lambda: not answers)
    desk.session.refused.emit("no.")
    assert "Not done: no." in texts(desk)
    (tmp_path / "desktop.yaml").write_text("sorces: 1")
    desk.actions.start.trigger()
    assert any("unknown key sorces" in text for text in texts(desk))


def test_the_window_opens_where_it_was_and_never_off_the_screen(build, answers, until, tmp_path) -> None:
    answers.extend([None, None, None])
    desk = build()
    until(lambda: len(answers) == 2)
    desk.window.move(50, 60)
    desk.leave()
    assert build().window.pos().toTuple() == (50, 60)
    (tmp_path / "desktop.place.json").write_text("[99999, -500, 10, 10]")
    window = build().window
    assert window.screen().availableGeometry().contains(window.geometry())
