"""The question before anything is captured: what is shown, what counts as yes, and what is written down."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget

from core.labels import Purpose
from core.policy import policy_of
from realtime.consent.ledger import Ledger
from realtime.consent.notice import notice_for
from realtime.desktop.consent_dialog import Agreement, ConsentDialog, ask_consent, scope
from realtime.desktop.texts import unwrapped


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "consent.jsonl")


@pytest.fixture
def dialog(app: QApplication, ledger: Ledger):
    made = ConsentDialog("personal", ledger=ledger)
    made.show()
    yield made
    made.agreement = made.agreement or Agreement("-", "personal")
    made.deleteLater()


def fill(dialog: ConsentDialog, name: str = "Ada") -> None:
    dialog.name.setText(name)
    dialog.others.setChecked(True)


@pytest.mark.parametrize("purpose", get_args(Purpose))
def test_exactly_the_text_whose_version_the_ledger_keeps_is_shown(
    dialog: ConsentDialog, ledger: Ledger, purpose: Purpose
) -> None:
    dialog.purposes.button(purpose).setChecked(True)
    notice = notice_for(purpose)
    assert dialog.notice.text() == unwrapped(notice.text)
    assert dialog.others_told.text() == f"“{unwrapped(notice.others)}”"
    shown = [label.text() for label in dialog.findChildren(type(dialog.notice))]
    assert any(notice.version in words and str(ledger.path) in words for words in shown)


def test_whoever_gives_a_name_and_has_told_the_others_agrees_for_the_chosen_purpose(
    dialog: ConsentDialog, ledger: Ledger
) -> None:
    dialog.purposes.button("research").setChecked(True)
    fill(dialog, "  Ada \t Lovelace ")
    dialog.yes.click()
    assert dialog.agreement == Agreement("Ada Lovelace", "research")
    assert not ledger.path.exists()  # the gate of the process that captures writes it


def test_without_a_name_or_with_others_untold_nobody_has_agreed_and_the_window_says_why(
    dialog: ConsentDialog,
) -> None:
    dialog.yes.click()
    assert dialog.focusWidget() is dialog.name
    dialog.name.setText("Ada")
    dialog.yes.click()
    assert dialog.agreement is None
    assert dialog.isVisible()
    assert dialog.focusWidget() is dialog.others
    assert "tell all others" in dialog.problem.text()


def test_another_purpose_asks_anew_whether_the_others_were_told(dialog: ConsentDialog) -> None:
    fill(dialog)
    dialog.purposes.button("media").setChecked(True)
    assert not dialog.others.isChecked()


@pytest.mark.parametrize("how", ["button", "escape", "close"])
def test_no_and_closing_the_window_are_written_down_as_declined(
    dialog: ConsentDialog, ledger: Ledger, how: str
) -> None:
    fill(dialog)
    if how == "button":
        dialog.no.click()
    elif how == "escape":
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        dialog.close()
    assert dialog.agreement is None
    [entry] = ledger.entries()
    assert (entry.who, entry.decision, entry.purpose, entry.means) == (
        "Ada",
        "declined",
        "personal",
        "window",
    )
    assert entry.notice == notice_for("personal").version


def test_a_no_that_cannot_be_written_down_is_still_a_no(app: QApplication, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    dialog = ConsentDialog("personal", ledger=Ledger(tmp_path / "file" / "consent.jsonl"))
    dialog.no.click()
    assert dialog.agreement is None
    assert dialog.result() == dialog.DialogCode.Rejected


def test_enter_agrees_to_nothing_and_both_answers_weigh_the_same(dialog: ConsentDialog) -> None:
    fill(dialog)
    for widget in (dialog.name, dialog, dialog.others):
        QTest.keyClick(widget, Qt.Key.Key_Return)
    assert dialog.agreement is None
    assert dialog.isVisible()
    for button in (dialog.yes, dialog.no):
        assert not button.isDefault()
        assert not button.autoDefault()
    assert dialog.yes.size() == dialog.no.size()
    assert dialog.yes.objectName() == dialog.no.objectName() == ""
    assert dialog.focusWidget() not in (dialog.yes, dialog.no)


def test_a_purpose_that_was_named_elsewhere_cannot_be_changed(app: QApplication, ledger: Ledger) -> None:
    dialog = ConsentDialog("workplace", fixed=True, ledger=ledger)
    dialog.purposes.button("personal").click()
    assert dialog.purposes.purpose == "workplace"
    fill(dialog)
    dialog.yes.click()
    assert dialog.agreement == Agreement("Ada", "workplace")


@pytest.mark.parametrize("purpose", get_args(Purpose))
def test_what_a_purpose_refuses_is_said_from_the_policy(purpose: Purpose) -> None:
    assert ("refused" in scope(purpose)) == bool(policy_of(purpose).withheld)
    assert "words" in scope(purpose)


def test_everything_can_be_reached_by_tab_in_the_order_of_reading(dialog: ConsentDialog) -> None:
    visited: list[QWidget] = []
    dialog.purposes.button("personal").setFocus()
    while dialog.focusWidget() not in visited:
        widget = dialog.focusWidget()
        assert widget is not None
        visited.append(widget)
        QTest.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [dialog.notice, dialog.others_told, dialog.name, dialog.others, dialog.no, dialog.yes]
    assert [widget for widget in visited if widget in wanted] == wanted
    for widget in visited:
        named = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        assert named, widget


def test_the_question_is_asked_and_answered_in_a_window(app: QApplication, ledger: Ledger) -> None:
    def answer() -> None:
        dialog = app.activeModalWidget()
        assert isinstance(dialog, ConsentDialog)
        name = dialog.findChild(QLineEdit)
        assert name is not None
        fill(dialog)
        dialog.yes.click()

    QTimer.singleShot(0, answer)
    assert ask_consent(None, "personal", ledger=ledger) == Agreement("Ada", "personal")
    QTimer.singleShot(0, lambda: app.activeModalWidget().close())
    assert ask_consent(None, "personal", ledger=ledger) is None
