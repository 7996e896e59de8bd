"""One person in the window: the top emotions with shape, name, bar and figure; what they rest on."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from core.labels import EMOTIONS
from realtime.desktop.theme import colours, shape
from realtime.desktop.view_model import SENSES, LabelBar, PersonRow
from realtime.summary.wording import sureness

LONGEST: Final = max(EMOTIONS, key=len)
ABSTAINS: Final = "too little to go on"


class BarView(QWidget):
    """One emotion. It is painted anew only when what it shows has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = LabelBar("", 0, 50, present=False)
        self._faded = False
        self.painted = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As high as a line of text, and wide enough for name, bar and figure."""
        height = round(self.fontMetrics().height() * 1.3)
        return QSize(height * 9, height)

    def show_bar(self, bar: LabelBar, *, faded: bool) -> None:
        """Show this; a faded one is no finding."""
        if (bar, faded) == (self._bar, self._faded):
            return
        self._bar, self._faded = bar, faded
        self.setAccessibleName(describe_bar(bar))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint shape, name, bar, threshold and figure of the emotion."""
        self.painted += 1
        palette, bar, metrics = colours(), self._bar, QFontMetricsF(self.font())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height, side = float(self.height()), metrics.height() * 0.62
        hue = palette.faint if self._faded else palette.of(bar.label)
        painter.fillPath(shape(bar.label, QRectF(0, (height - side) / 2, side, side)), hue)
        font = self.font()
        font.setBold(bar.present and not self._faded)
        painter.setFont(font)
        painter.setPen(palette.ink if font.bold() else palette.soft)
        font.setBold(True)  # room for the widest, so that all bars begin at one line
        names = QFontMetricsF(font).horizontalAdvance(LONGEST) * 1.12
        left = side * 1.6
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(left, 0, names, height), middle | Qt.AlignmentFlag.AlignLeft, bar.label)
        figure = metrics.horizontalAdvance("100 %") * 1.1
        if not self._faded:
            right = QRectF(self.width() - figure, 0, figure, height)
            painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, f"{bar.percent} %")
        track = QRectF(left + names, height * 0.31, self.width() - left - names - figure, height * 0.38)
        self._paint_track(painter, track, hue, palette.track, palette.soft)
        painter.end()

    def _paint_track(
        self, painter: QPainter, track: QRectF, hue: QColor, empty: QColor, tick: QColor
    ) -> None:
        radius = track.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(empty)
        painter.drawRoundedRect(track, radius, radius)
        filled = QRectF(track)
        filled.setWidth(max(track.width() * self._bar.percent / 100, track.height()))
        if self._faded:  # an outline: there is something, and it is no finding
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(hue, 1))
        else:
            painter.setBrush(hue)
        painter.drawRoundedRect(filled, radius, radius)
        if not self._faded:
            x = track.left() + track.width() * self._bar.threshold / 100
            painter.setPen(QPen(tick, 1))
            painter.drawLine(QPointF(x, track.top() - 2), QPointF(x, track.bottom() + 2))


class PersonView(QFrame):
    """A card for one person."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._row: PersonRow | None = None
        self._title = _label("heading")
        self._sure = _label("soft")
        self._note = _label("warn")
        self._bars: list[BarView] = []
        self._senses = {sense: _label("soft") for sense in SENSES.values()}
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addStretch()
        head.addWidget(self._note)
        head.addWidget(self._sure)
        chips = QHBoxLayout()
        chips.setSpacing(10)
        for label in self._senses.values():
            chips.addWidget(label)
        chips.addStretch()
        self._lines = QVBoxLayout()
        self._lines.setSpacing(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(11, 8, 11, 8)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(self._lines)
        column.addLayout(chips)

    def show_row(self, row: PersonRow) -> None:
        """Show this person; what is unchanged is not touched."""
        if row == self._row:
            return
        self._row = row
        faded = row.abstains or row.past_s > 0 or row.stale
        _set(self._title, row.title)
        sure = "a while ago" if row.stale else sureness(row.confidence / 100)
        _set(self._sure, f"{row.past_s} s ago" if row.past_s else sure)
        self._sure.setToolTip("How much the estimate can be relied on, and how old it is.")
        abstains = row.abstains and not row.past_s
        _set(self._note, ABSTAINS if abstains else "")
        self._note.setVisible(abstains)
        self._sure.setVisible(not abstains)
        while len(self._bars) < len(row.bars):
            self._bars.append(BarView(self))
            self._lines.addWidget(self._bars[-1])
        for index, view in enumerate(self._bars):
            view.setVisible(index < len(row.bars))
            if index < len(row.bars):
                view.show_bar(row.bars[index], faded=faded)
        self._show_senses(row)
        self.setAccessibleName(describe_person(row))

    def _show_senses(self, row: PersonRow) -> None:
        missing = dict(row.missing)
        for sense, label in self._senses.items():
            used = sense in row.used
            _set(label, f"✓ {sense}" if used else f"– no {sense}")
            reason = "used" if used else f"missing: {missing.get(sense, 'nothing came')}"
            label.setToolTip(f"{sense}: {reason}")
            label.setAccessibleName(f"{sense}: {reason}")


def describe_bar(bar: LabelBar) -> str:
    """One emotion in words, for screen readers."""
    return f"{bar.label} {bar.percent} percent{', present' if bar.present else ''}"


def describe_person(row: PersonRow) -> str:
    """A person in words, for those who do not see the card."""
    if row.abstains:
        finding = f"{ABSTAINS}: no finding."
    else:
        finding = f"{'; '.join(describe_bar(bar) for bar in row.bars)}. {sureness(row.confidence / 100)}."
    past = f" {row.past_s} seconds ago." if row.past_s else ""
    used = f" From {', '.join(row.used)}." if row.used else ""
    missing = "".join(f" No {sense}: {reason}." for sense, reason in row.missing)
    return f"{row.title}: {finding}{past}{used}{missing}"


def _label(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names and reasons are shown as they are
    return label


def _set(label: QLabel, text: str) -> None:
    if label.text() != text:
        label.setText(text)
