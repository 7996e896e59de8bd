"""Texts in dialogs: none is cut off, whatever the theme and the size; states have words and signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QDialog, QLabel, QScrollArea

from realtime.consent.ledger import Ledger
from realtime.desktop.consent_dialog import ConsentDialog
from realtime.desktop.devices_dialog import DevicesDialog
from realtime.desktop.first_run import FirstRun, ReadinessChecks
from realtime.desktop.settings import Settings
from realtime.desktop.texts import make_label, set_label, unwrapped
from realtime.desktop.theme import DARK, LIGHT, apply_theme
from realtime.doctor import Check
from tests.realtime.desktop.fakes import FakeHardware

Until = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def usual_style(app: QApplication) -> Iterator[None]:
    yield
    apply_theme("light", 1.0)


def consent(folder: Path) -> QDialog:
    return ConsentDialog("workplace", ledger=Ledger(folder / "consent.jsonl"))


def devices(folder: Path) -> QDialog:
    return DevicesDialog(Settings(folder / "desktop.yaml"), "Hidden.", hardware=FakeHardware().hardware)


def first_run(folder: Path) -> QDialog:
    failed = Check("checkpoint", "failed", "there is none " * 9, "Name another one.")
    return FirstRun(Settings(folder / "desktop.yaml"), readiness=ReadinessChecks(lambda _config: failed))


def gone(dialog: QDialog) -> None:
    dialog.reject()
    dialog.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def cut_off(dialog: QDialog) -> list[str]:
    short = [
        label.text()
        for label in dialog.findChildren(QLabel)
        if label.isVisible() and label.wordWrap() and label.height() < label.heightForWidth(label.width())
    ]
    for field in [*dialog.findChildren(QAbstractButton), *dialog.findChildren(QComboBox)]:
        if field.isVisible() and field.height() < field.minimumSizeHint().height():
            short.append(str(field))
    return short


@pytest.mark.parametrize("make", [consent, devices, first_run])
@pytest.mark.parametrize(("theme", "scale"), [("light", 1.0), ("dark", 1.0), ("light", 2.0), ("dark", 3.0)])
def test_no_text_is_cut_off_and_no_window_is_larger_than_the_screen(
    app: QApplication, tmp_path: Path, until: Until, make: Callable[[Path], QDialog], theme, scale: float
) -> None:
    apply_theme(theme, scale)
    dialog = make(tmp_path)
    dialog.show()
    until(lambda: cut_off(dialog) == [])
    assert dialog.height() <= app.primaryScreen().availableGeometry().height()
    for area in dialog.findChildren(QScrollArea):
        if area.isVisible() and scale <= 2.0:
            assert area.widget().minimumSizeHint().width() <= area.viewport().width() + 1, (
                "nothing beyond its side"
            )
    gone(dialog)


@pytest.mark.parametrize("make", [consent, devices, first_run])
def test_no_text_has_a_size_of_its_own(
    app: QApplication, tmp_path: Path, make: Callable[[Path], QDialog]
) -> None:
    apply_theme("light", 1.7)
    dialog = make(tmp_path)
    dialog.show()
    assert {label.font().pointSizeF() for label in dialog.findChildren(QLabel)} == {app.font().pointSizeF()}
    assert "font-size" not in dialog.styleSheet() + app.styleSheet()
    gone(dialog)


def luminance(colour: QColor) -> float:
    parts = [colour.redF(), colour.greenF(), colour.blueF()]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: QColor, other: QColor) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_states_can_be_read_on_a_card_and_on_the_page(theme: str) -> None:
    now = DARK if theme == "dark" else LIGHT
    for background in (now.card, now.page):
        for words in (now.ink, now.soft, now.good, now.warn, now.bad):
            assert contrast(words, background) >= 4.5


@pytest.mark.parametrize(("role", "sign"), [("good", "✓ "), ("warn", "! "), ("bad", "✗ "), ("on", "● ")])
def test_a_state_has_a_sign_and_screen_readers_get_the_words(app: QApplication, role, sign: str) -> None:
    label = make_label("fine", role)
    assert label.text() == f"{sign}fine"
    assert label.accessibleName() == "fine"
    set_label(label, "")
    assert label.text() == ""
    assert label.isHidden()


def test_paragraphs_flow_and_stay_apart() -> None:
    assert unwrapped("one\ntwo\n\nthree\nfour") == "one two\n\nthree four"


@pytest.mark.parametrize("scale", [1.0, 1.7])
def test_a_part_of_the_screen_can_be_typed_within_the_width_of_the_dialog(
    app: QApplication, tmp_path: Path, scale: float
) -> None:
    apply_theme("light", scale)
    settings = Settings(tmp_path / "desktop.yaml")
    settings.change({"sources.screen": "10,20,300,200"})
    dialog = DevicesDialog(settings, "Hidden.", hardware=FakeHardware().hardware)
    dialog.show()
    area = dialog.pages.currentWidget()
    assert isinstance(area, QScrollArea)
    [row] = [row for row in dialog.devices.rows if row.kind == "screen"]
    for field in row.region.fields:
        right = field.mapTo(area, field.rect().topRight()).x()
        assert 0 < right <= area.viewport().width(), field.accessibleName()
    dialog.reject()
