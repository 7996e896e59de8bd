"""Small pictures, drawn: of the buttons, and the one in the tray, whose shape says what goes on."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

from realtime.desktop.status import StatusIndicator
from realtime.desktop.theme import colours

SIZES: Final = (16, 22, 32, 48, 64)


def icon(name: str) -> QIcon:
    """A button's picture in the colours of the theme; "mic", "camera" and so on, crossed out with "no-"."""
    found = QIcon()
    for colour, mode in ((colours().soft, QIcon.Mode.Normal), (colours().faint, QIcon.Mode.Disabled)):
        for size in SIZES:
            found.addPixmap(_painted(name, colour, size), mode)
    return found


def _painted(name: str, colour: QColor, size: int) -> QPixmap:
    pixmap, painter = _canvas(size, 16)
    crossed = name.startswith("no-")
    _draw(painter, name.removeprefix("no-"), colour)
    if crossed:
        _line(painter, colours().warn, (2, 14), (14, 2), width=2.0)
    painter.end()
    return pixmap


def _canvas(size: int, units: int) -> tuple[QPixmap, QPainter]:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / units, size / units)
    return pixmap, painter


def _draw(painter: QPainter, name: str, colour: QColor) -> None:
    pen = QPen(colour, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    path = QPainterPath()
    match name:
        case "mic":
            painter.fillPath(_box(5.5, 1.5, 5, 8, 2.5), colour)
            path.moveTo(3, 7.5)
            path.arcTo(QRectF(3, 2.5, 10, 10), 180, 180)
            path.moveTo(8, 12.5)
            path.lineTo(8, 14.5)
        case "camera":
            painter.fillPath(_box(1, 4, 9.5, 8.5, 2), colour)
            painter.fillPath(_shape((11.2, 7.4), (15, 4.6), (15, 11.9), (11.2, 9.1)), colour)
        case "mark":
            painter.fillPath(_shape((4, 2), (13.5, 5), (4, 8.5)), colour)
            path.moveTo(4, 2)
            path.lineTo(4, 14.5)
        case "stop":
            painter.fillPath(_box(3.5, 3.5, 9, 9, 1.5), colour)
        case "start":
            painter.fillPath(_shape((4.5, 2.5), (13.5, 8), (4.5, 13.5)), colour)
        case "close":
            path.moveTo(4, 4)
            path.lineTo(12, 12)
            path.moveTo(12, 4)
            path.lineTo(4, 12)
        case _:  # the menu
            for y in (4, 8, 12):
                path.moveTo(3, y)
                path.lineTo(13, y)
    painter.drawPath(path)


def _box(x: float, y: float, width: float, height: float, radius: float) -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(QRectF(x, y, width, height), radius, radius)
    return path


def _shape(*corners: tuple[float, float]) -> QPainterPath:
    path = QPainterPath(QPointF(*corners[0]))
    for corner in corners[1:]:
        path.lineTo(QPointF(*corner))
    path.closeSubpath()
    return path


def _line(
    painter: QPainter, colour: QColor, start: tuple[float, float], end: tuple[float, float], *, width: float
) -> None:
    painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(*start), QPointF(*end))


def tray_icon(indicator: StatusIndicator) -> QIcon:
    """The icon in the tray: three bars, and a dot, a stroke or a triangle for the state."""
    found = QIcon()
    for size in SIZES:
        found.addPixmap(_tray_painted(indicator, size))
    return found


def _tray_painted(indicator: StatusIndicator, size: int) -> QPixmap:
    pixmap, painter = _canvas(size, 22)
    bars = QColor("#f4f6f8")
    painter.fillPath(_box(0.5, 0.5, 21, 21, 5), QColor("#2b3440"))
    live = indicator.dot or indicator.word == "Playing"
    for x, height in ((4.5, 7), (9.5, 12), (14.5, 9)):
        bar = _box(x, 17.5 - height, 3, height, 1)
        if live or indicator.tone in {"warn", "bad"}:
            painter.fillPath(bar, bars)
        else:
            painter.setPen(QPen(bars, 1))
            painter.drawPath(bar)
    edge = QPen(QColor("#2b3440"), 1.5)
    painter.setPen(edge)
    if indicator.tone == "bad":
        painter.setBrush(QColor("#f0b64d"))
        painter.drawPath(_shape((16, 10.5), (21.5, 21), (10.5, 21)))
    elif indicator.dot:
        painter.setBrush(QColor("#ff5148"))
        painter.drawEllipse(QPointF(16.5, 5.5), 5, 5)
    if indicator.tone == "warn":
        _line(painter, QColor("#f0b64d"), (2.5, 19.5), (19.5, 2.5), width=2.6)
    painter.end()
    return pixmap
