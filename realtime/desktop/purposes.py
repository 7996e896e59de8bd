"""What the purposes mean, for those who have to choose one."""

from __future__ import annotations

from typing import Final, get_args

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QGroupBox, QRadioButton, QWidget

from core.labels import MODALITIES, Modality, Purpose
from core.policy import policy_of
from realtime.desktop.texts import make_label

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
