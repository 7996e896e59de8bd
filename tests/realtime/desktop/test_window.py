"""The window: what stands in it, what it tells those who do not see, and that it paints only what changed."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QToolButton, QWidget

from core.labels import EMOTIONS
from realtime.desktop import theme
from realtime.desktop.actions import Actions
from realtime.desktop.rows import BarView, PersonView
from realtime.desktop.status import Phase, TrackerStatus, indicator_for
from realtime.desktop.view_model import ViewModel
from realtime.desktop.window import TrackerWindow
from tests.realtime.desktop.fake_engine import estimate, hello

RUNNING = TrackerStatus(
    Phase.RUNNING,
    connected=True,
    capturing=True,
    audio_devices=("microphone", "loudspeaker"),
    video_devices=("camera",),
)


@pytest.fixture
def actions(app) -> Actions:
    theme.apply_theme("light", 1.0)
    return Actions()


@pytest.fixture
def window(actions):
    window = TrackerWindow(actions)
    actions.update_status(RUNNING)
    window.show_indicator(indicator_for(RUNNING))
    window.show()
    yield window
    window.hide()
    window.deleteLater()


@pytest.fixture
def view_model() -> ViewModel:
    found = ViewModel()
    for event in (hello(capturing=True), estimate("me", 4, face=True), estimate("them", 4, face=False)):
        found.apply(event)
    return found


def texts(window: TrackerWindow) -> list[str]:
    return [label.text() for label in window.findChildren(QLabel) if label.isVisible() and label.text()]


def test_a_person_is_a_card_with_figures_words_and_reasons(window, view_model, app) -> None:
    window.show_run(view_model, stale=False)
    app.processEvents()
    me, them = window.findChildren(PersonView)
    assert me.accessibleName().startswith("Me: ")
    assert "percent, present" in me.accessibleName()
    assert "No face: no face was seen." in them.accessibleName()
    assert [bar.accessibleName() for bar in them.findChildren(BarView)] == [
        f"{bar.label} {bar.percent} percent{', present' if bar.present else ''}"
        for bar in view_model.rows()[1].bars
    ]
    assert "– no face" in texts(window)
    assert "Keeping up · 0.4 s behind" in texts(window)


def test_who_abstains_shows_no_figure_and_says_so(window, view_model, app) -> None:
    view_model.apply(estimate("them", 5, face=False, abstained=True))
    window.show_run(view_model, stale=False)
    app.processEvents()
    assert "too little to go on" in texts(window)
    assert "no finding" in window.findChildren(PersonView)[1].accessibleName()


def test_nothing_is_painted_anew_while_nothing_changes(window, view_model, app) -> None:
    window.show_run(view_model, stale=False)
    for _ in range(5):
        app.processEvents()
    bars = window.findChildren(BarView)
    before = [bar.painted for bar in bars]
    for number in range(5, 25):  # less than a hundredth of difference
        event = estimate("me", 4, face=True)
        values = {label: value + 1e-4 for label, value in event.probabilities.items()}
        view_model.apply(dataclasses.replace(event, revision=number, probabilities=values))
        window.show_run(view_model, stale=False)
        window.show_indicator(indicator_for(RUNNING))
        app.processEvents()
    assert [bar.painted for bar in bars] == before


def test_people_come_and_go(window, view_model, app) -> None:
    window.show_run(view_model, stale=False)
    app.processEvents()
    tall = window.height()
    window.show_nothing("Nobody is there.")
    for _ in range(3):
        app.processEvents()
    assert "Nobody is there." in texts(window)
    assert window.height() < tall


@pytest.mark.parametrize(
    "now",
    [
        TrackerStatus(),
        TrackerStatus(Phase.STARTING),
        TrackerStatus(Phase.FAILED, "The network fuse has failed."),
        TrackerStatus(Phase.RUNNING, capturing=True),
        dataclasses.replace(RUNNING, audio_muted=True),
    ],
)
def test_every_state_is_written_out_and_trying_again_is_offered_where_it_helps(window, now, app) -> None:
    window.show_indicator(indicator_for(now))
    app.processEvents()
    indicator = indicator_for(now)
    assert f"{indicator.mark} {indicator.word}" in texts(window)
    assert indicator.more in texts(window)
    assert window._again.isVisible() == indicator.retry


def test_every_button_and_every_part_that_can_be_reached_has_a_name(window, view_model, app) -> None:
    window.show_run(view_model, stale=False)
    app.processEvents()
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            assert widget.accessibleName(), widget
    buttons = [button for button in window.findChildren(QToolButton) if button.isVisible()]
    assert [button.accessibleName() for button in buttons] == [
        "Stop", "Mute microphone and loudspeaker", "Mute camera",
        "Mark this moment", "Menu", "Hide the window",
    ]  # fmt: skip
    assert all(button.toolTip() for button in buttons)


def test_the_keys_do_what_the_buttons_do(window, actions, until) -> None:
    pressed = []
    actions.stop.triggered.connect(lambda: pressed.append("stop"))
    actions.mute_audio.triggered.connect(lambda on: pressed.append(("mute_audio", on)))
    actions.mark.triggered.connect(lambda: pressed.append("mark"))
    window.activateWindow()
    until(window.isActiveWindow)
    for key in (Qt.Key.Key_S, Qt.Key.Key_M, Qt.Key.Key_K):
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    assert pressed == ["stop", ("mute_audio", True), "mark"]


def test_the_window_is_moved_by_the_mouse_and_by_keys(window, until) -> None:
    window.activateWindow()
    until(window.isActiveWindow)
    window.move(100, 100)
    QTest.mousePress(window, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    if window._grabbed is not None:  # else the desktop moves it
        QTest.mouseMove(window, QPoint(50, 40))
        QTest.mouseRelease(window, Qt.MouseButton.LeftButton)
        assert window.pos() == QPoint(130, 130)
    before = window.pos()
    control = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_Left, control)
    assert window.pos().x() < before.x()


def test_closing_asks_and_does_not_close(window) -> None:
    asked = []
    window.closing.connect(lambda: asked.append(1))
    window.close()
    assert asked == [1]
    assert window.isVisible()


def test_text_grows_with_the_scale_and_everything_still_has_room(app, actions, view_model) -> None:
    sizes = {}
    for scale in (1.0, 2.0):
        theme.apply_theme("light", scale)
        window = TrackerWindow(actions)
        window.show_indicator(indicator_for(RUNNING))
        window.show_run(view_model, stale=False)
        sizes[scale] = window.sizeHint()
    assert sizes[2.0].width() > 1.5 * sizes[1.0].width()
    assert sizes[2.0].height() > 1.5 * sizes[1.0].height()
    theme.apply_theme("light", 1.0)


def test_light_and_dark_can_be_read_and_shapes_differ(app) -> None:
    for name in ("light", "dark"):
        theme.apply_theme(name, 1.0)
        of = theme.colours()
        for ink in (of.ink, of.soft, of.warn, of.bad, of.good, of.accent):
            assert contrast(ink, of.card) >= 4.5, (name, ink.name())
            assert contrast(ink, of.page) >= 4.5, (name, ink.name())
    outlines = [theme.shape(label, QRectF(0, 0, 16, 16)).toSubpathPolygons() for label in EMOTIONS]
    assert len({str([[QPointF(p) for p in polygon] for polygon in outline]) for outline in outlines}) == 7
    theme.apply_theme("light", 1.0)
    assert QFont(app.font()).pointSizeF() > 0


def contrast(one, other) -> float:
    """As WCAG counts it."""

    def light(colour) -> float:
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (colour.redF(), colour.greenF(), colour.blueF())
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
