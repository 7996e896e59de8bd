"""Texts in dialogs: in the application's font, wrapped, and with states said in words and by signs."""

from __future__ import annotations

from typing import Final, Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent, QFontMetricsF, QGuiApplication
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

Role = Literal["", "heading", "soft", "good", "warn", "bad", "on"]

ROLE_MARKS: Final[dict[str, str]] = {"good": "✓ ", "warn": "! ", "bad": "✗ ", "on": "● "}
"""A state has a sign, so that it need not be told from its colour."""


def make_label(words: str = "", role: Role = "", parent: QWidget | None = None) -> QLabel:
    """A label that wraps its lines, with the look of a role (`realtime.desktop.theme`)."""
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names of devices are no mark-up
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    set_label(label, words, role)
    return label


def set_label(label: QLabel, words: str, role: Role = "", *, alert: bool = False) -> None:
    """Change what a label says, and as what.

    Args:
        label: the label.
        words: what it says; "" hides it.
        role: "good", "warn", "bad" and "on" (something captures) get their sign.
        alert: have screen readers say it now.
    """
    mark = ROLE_MARKS.get(role, "") if words else ""
    object_name = "warn" if role == "on" else role
    if label.objectName() != object_name:
        label.setObjectName(object_name)
        label.style().unpolish(label)
        label.style().polish(label)
    if label.text() != mark + words:
        label.setText(mark + words)
        label.setAccessibleName(words)
    label.setVisible(bool(words))
    if alert and words:
        QAccessible.updateAccessibility(QAccessibleEvent(label, QAccessible.Event.Alert))


def unwrapped(words: str) -> str:
    """A text with line breaks for a terminal as paragraphs."""
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in words.split("\n\n"))


def resize_to_fit(window: QWidget, columns: float, lines: float) -> None:
    """Make a window so many characters wide and so many lines high, and no larger than the screen."""
    metrics = QFontMetricsF(window.font())
    room = (window.screen() or QGuiApplication.primaryScreen()).availableGeometry()
    width = min(round(metrics.averageCharWidth() * columns), round(room.width() * 0.94))
    height = min(round(metrics.lineSpacing() * lines), round(room.height() * 0.9))
    window.resize(width, height)


def in_scroll_area(content: QWidget, parent: QWidget) -> QScrollArea:
    """Content that can be scrolled where the screen is too small for it."""
    area = QScrollArea(parent)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what it holds
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(_Flowing(content))
    return area


class _Flowing(QWidget):
    """As high as its texts are at its width; Qt would reserve what they need where they are narrow."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)

    def minimumSizeHint(self) -> QSize:
        """As wide as its widest part."""
        return QSize(super().minimumSizeHint().width(), 0)
