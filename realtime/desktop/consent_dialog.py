"""The question before anything is captured: what will happen, for which purpose, and who agrees."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from core.errors import ConsentError
from core.labels import MODALITIES, Modality, Purpose
from core.policy import policy_of
from realtime.consent.gate import ConsentGate
from realtime.consent.ledger import Ledger
from realtime.consent.notice import notice_for
from realtime.desktop.texts import in_scroll_area, make_label, resize_to_fit, set_label, unwrapped

MEANINGS: Final[dict[Purpose, tuple[str, str]]] = {
    "personal": ("&Personal", "My own conversations, with people who know of it."),
    "research": ("&Research", "A study whose participants agreed to it."),
    "media": ("&Media", "Recordings and broadcasts whose participants agreed to it."),
    "workplace": ("&Workplace", "Anything at work: meetings, job interviews, calls with customers or staff."),
    "education": ("&Education", "Lessons, examinations, anything at a school or university."),
}
"""Purpose -> its name with a key, and when it is the right one."""

_NOUNS: Final[dict[Modality, str]] = {"text": "words", "audio": "voices", "visual": "faces"}


def scope(purpose: Purpose) -> str:
    """What a purpose lets be inferred from, and what it refuses, in one sentence."""
    policy = policy_of(purpose)
    used = [_NOUNS[modality] for modality in MODALITIES if policy.allows(modality)]
    refused = [_NOUNS[modality] for modality in policy.withheld]
    if not refused:
        return f"Looks at {', '.join(used[:-1])} and {used[-1]}."
    return f"Looks at {' and '.join(used)} alone; {' and '.join(refused)} are refused."


class PurposeChoice(QGroupBox):
    """The five purposes, one of which is chosen.

    Args:
        purpose: the one that is chosen at first.
        fixed: no other one can be chosen.
        parent: the dialog.
    """

    changed = Signal(str)

    def __init__(self, purpose: Purpose, *, fixed: bool, parent: QWidget | None = None) -> None:
        super().__init__("What is this session for?", parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[Purpose, QRadioButton] = {}
        grid = QGridLayout(self)
        grid.setColumnStretch(1, 1)
        for row, (one, (name, meaning)) in enumerate(MEANINGS.items()):
            button = QRadioButton(name, self)
            button.setAccessibleDescription(f"{meaning} {scope(one)}")
            button.setEnabled(not fixed or one == purpose)
            button.toggled.connect(lambda on, one=one: self.changed.emit(one) if on else None)
            self._group.addButton(button)
            self._buttons[one] = button
            grid.addWidget(button, row, 0)
            explanation = make_label(f"{meaning} {scope(one)}", "soft", self)
            explanation.setEnabled(button.isEnabled())
            grid.addWidget(explanation, row, 1)
        if fixed:
            why = f"{purpose} was named in the settings or with the command, and stands."
            grid.addWidget(make_label(why, "soft", self), len(MEANINGS), 0, 1, 2)
        self._buttons[purpose].setChecked(True)

    @property
    def purpose(self) -> Purpose:
        """The one that is chosen."""
        return next(one for one, button in self._buttons.items() if button.isChecked())

    def button(self, purpose: Purpose) -> QRadioButton:
        """The button of one purpose."""
        return self._buttons[purpose]


assert set(MEANINGS) == set(get_args(Purpose))


log = logging.getLogger(__name__)

_READABLE = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard


@dataclass(frozen=True, slots=True)
class Agreement:
    """Somebody agrees to be captured.

    Attributes:
        who: the name that was given.
        purpose: for what.
    """

    who: str
    purpose: Purpose


def ask_consent(
    parent: QWidget | None, purpose: Purpose, *, fixed: bool = False, ledger: Ledger | None = None
) -> Agreement | None:
    """Tell what is about to happen and ask.

    A "no" is written into the ledger here. A "yes" is not: the gate of the process that captures does that,
    before it opens anything.

    Args:
        parent: the window that asks.
        purpose: the one that is chosen at first.
        fixed: no other one can be chosen.
        ledger: where a "no" is written; by default the user's.

    Returns:
        Who agreed, and for what; None = nobody did, and nothing may be captured.
    """
    dialog = ConsentDialog(purpose, fixed=fixed, ledger=ledger, parent=parent)
    dialog.exec()
    return dialog.agreement


class ConsentDialog(QDialog):
    """The window with the question. Closing it in any way but "I agree" means no.

    Args:
        purpose: the one that is chosen at first.
        fixed: no other one can be chosen.
        ledger: where a "no" is written; by default the user's.
        parent: the window that asks.

    Attributes:
        agreement: None unless somebody agreed.
    """

    def __init__(
        self,
        purpose: Purpose,
        *,
        fixed: bool = False,
        ledger: Ledger | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("emotrack: may it listen and look?")
        self.agreement: Agreement | None = None
        self._ledger = ledger if ledger is not None else Ledger()
        self.purposes = PurposeChoice(purpose, fixed=fixed, parent=self)
        self.notice = make_label("", "", self)
        self.others_told = make_label("", "", self)
        for passage in (self.notice, self.others_told):  # so that keys and screen readers reach it
            passage.setTextInteractionFlags(_READABLE)
            passage.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._record = make_label("", "soft", self)
        self.name = QLineEdit(self)
        self.name.setAccessibleName("Your name")
        self.name.setMaxLength(200)
        self.others = QCheckBox("All &others who can be heard or seen were told.", self)
        self.problem = make_label("", "bad", self)
        self.no = QPushButton("&No", self)
        self.yes = QPushButton("I &agree", self)
        self._arrange()
        self.purposes.changed.connect(self._tell)
        self.no.clicked.connect(self.reject)
        self.yes.clicked.connect(self._agree)
        self._tell()
        resize_to_fit(self, 100, 52)

    def reject(self) -> None:
        """No: nothing is captured, and that is written down. Where it cannot be, it is still no."""
        gate = ConsentGate(self.purposes.purpose, self._ledger)
        try:
            gate.decline(self.name.text(), "window")
        except ConsentError as error:
            log.error("%s", error)
        super().reject()

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        content = QWidget(self)
        self._area = in_scroll_area(content, self)
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(make_label("Nothing is captured before you agree.", "heading", self))
        inner.addWidget(self.purposes)
        inner.addWidget(self._card())
        inner.addWidget(self._record)
        form = QFormLayout()
        form.addRow("&Your name:", self.name)
        inner.addLayout(form)
        inner.addWidget(self.others)
        inner.addStretch(1)
        layout.addWidget(self._area, 1)
        layout.addWidget(self.problem)
        layout.addLayout(self._answers())

    def _card(self) -> QFrame:
        card = QFrame(self)
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.addWidget(self.notice)
        inside.addWidget(
            make_label("To be read to everybody else who can be heard or seen:", "heading", self)
        )
        inside.addWidget(self.others_told)
        return card

    def _answers(self) -> QHBoxLayout:
        """Equal in weight: neither is the one that Enter presses."""
        buttons = QHBoxLayout()
        for button in (self.no, self.yes):
            button.setAutoDefault(False)
            button.setDefault(False)
            button.setMinimumHeight(round(self.fontMetrics().lineSpacing() * 2.2))
            buttons.addWidget(button, 1)
        return buttons

    def _tell(self) -> None:
        """Show the text of the purpose that is chosen; consent counts for this one alone."""
        notice = notice_for(self.purposes.purpose)
        set_label(self.notice, unwrapped(notice.text))
        set_label(self.others_told, f"“{unwrapped(notice.others)}”")
        self.others.setChecked(False)  # what the others have to be told has changed
        set_label(self._record, f"Text {notice.version}; decisions are kept in {self._ledger.path}.", "soft")
        set_label(self.problem, "")

    def _agree(self) -> None:
        who = " ".join(self.name.text().split())
        if not who:
            self._ask_for(self.name, "Please give your name: consent needs one.")
        elif not self.others.isChecked():
            self._ask_for(self.others, "Please tell all others first, and say so here.")
        else:
            self.agreement = Agreement(who, self.purposes.purpose)
            self.accept()

    def _ask_for(self, field: QWidget, sentence: str) -> None:
        set_label(self.problem, sentence, "bad", alert=True)
        field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._area.ensureWidgetVisible(field)
