"""How the windows look: the page's colours in light and dark, the size of text, a shape for each emotion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainterPath, QPalette, QPolygonF
from PySide6.QtWidgets import QApplication

_CLASSES: Final = (
    "QCheckBox",
    "QRadioButton",
    "QLineEdit",
    "QComboBox",
    "QAbstractSpinBox",
    "QProgressBar",
)
_FUSION_DARKENS: Final = 140
"""Per cent, as `QColor.darker` takes them."""


def outline(palette: QPalette, colour: QColor) -> None:
    """Give boxes, fields and lists of the application an outline.

    Args:
        palette: of everything else.
        colour: of the outline; at least three times as light or dark as the background (WCAG 2.2, 1.4.11).
    """
    outlined = QPalette(palette)
    outlined.setColor(QPalette.ColorRole.Window, colour.lighter(_FUSION_DARKENS))
    for name in _CLASSES:
        QApplication.setPalette(outlined, name)  # type: ignore[arg-type]  # the stubs say bytes, Qt does not


Theme = Literal["system", "light", "dark"]

_ROLES: Final = ("page", "card", "ink", "soft", "rule", "faint", "track", "accent", "warn", "bad", "good")
_HUES: Final = ("vermillion", "green", "purple", "orange", "blue", "sky", "grey")
_LIGHT: Final = (
    "#f4f6f8", "#ffffff", "#1b2430", "#576373", "#dde3e9", "#8e99a6", "#e9edf1", "#00619a", "#9a5b00",
    "#b3261e", "#00694b", "#d55e00", "#009e73", "#c06a98", "#e69f00", "#0072b2", "#56b4e9", "#7d8793",
)  # fmt: skip
_DARK: Final = (
    "#12161b", "#1b2129", "#e6ebf0", "#9ba8b6", "#2d3640", "#66727f", "#29313b", "#6cb8ee", "#f0b64d",
    "#ff8a80", "#55cfa6", "#e9783a", "#1fb58a", "#d68bb2", "#edb02f", "#3d93d6", "#7cc8f2", "#98a3af",
)  # fmt: skip

_HUE_OF: Final = {
    "anger": "vermillion",
    "disgust": "green",
    "fear": "purple",
    "happiness": "orange",
    "sadness": "blue",
    "surprise": "sky",
    "neutral": "grey",
}
_CORNERS: Final = {
    "anger": "8,1 15.5,14.5 .5,14.5",
    "disgust": "8,.5 15.5,8 8,15.5 .5,8",
    "fear": ".5,1.5 15.5,1.5 8,15",
    "sadness": "2,2 14,2 14,14 2,14",
    "surprise": "8,0 10.2,5.2 15.8,5.7 11.5,9.3 12.9,14.8 8,11.8 3.1,14.8 4.5,9.3 .2,5.7 5.8,5.2",
}
"""Corners of the shapes in a box of 16 by 16; the page draws the same ones. The others are round."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one theme.

    Attributes:
        page, card: backgrounds of a window and of what stands on it.
        ink, soft, faint: text, quiet text, and lines that stand for nothing.
        rule, track: borders, and the part of a bar that is empty.
        accent: what can be clicked.
        warn, bad, good: what wants attention, what is wrong, what is well.
        hues: by name; Okabe and Ito's palette, which colour-blind people can tell apart.
    """

    page: QColor
    card: QColor
    ink: QColor
    soft: QColor
    rule: QColor
    faint: QColor
    track: QColor
    accent: QColor
    warn: QColor
    bad: QColor
    good: QColor
    hues: dict[str, QColor]

    def of(self, label: str) -> QColor:
        """The colour of an emotion; labels of other checkpoints share the grey one."""
        return self.hues[_HUE_OF.get(label, "grey")]


def _colours(values: tuple[str, ...]) -> Colours:
    roles = {role: QColor(value) for role, value in zip(_ROLES, values, strict=False)}
    hues = {hue: QColor(value) for hue, value in zip(_HUES, values[len(_ROLES) :], strict=True)}
    return Colours(**roles, hues=hues)


LIGHT: Final = _colours(_LIGHT)
DARK: Final = _colours(_DARK)


class _InForce:
    """What `apply_theme` has set last."""

    dark = False
    usual_pt = 0.0


def colours() -> Colours:
    """The colours of the theme in force."""
    return DARK if _InForce.dark else LIGHT


def apply_theme(theme: Theme, scale: float) -> None:
    """Dress the application; again when something has changed.

    Args:
        theme: "system" takes what the desktop says.
        scale: size of text against the system's.
    """
    application = QApplication.instance()
    assert isinstance(application, QApplication), "there is no application yet"
    if theme == "system":
        _InForce.dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    else:
        _InForce.dark = theme == "dark"
    application.setStyle("Fusion")
    application.setPalette(_palette(colours()))
    outline(_palette(colours()), colours().soft)
    font = application.font()
    _InForce.usual_pt = _InForce.usual_pt or max(font.pointSizeF(), 9.0)
    font.setPointSizeF(_InForce.usual_pt * scale)
    application.setFont(font)
    application.setStyleSheet(_sheet(colours()))


def _palette(of: Colours) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in {
        roles.Window: of.page,
        roles.Base: of.card,
        roles.AlternateBase: of.track,
        roles.Button: of.card,
        roles.WindowText: of.ink,
        roles.Text: of.ink,
        roles.ButtonText: of.ink,
        roles.ToolTipBase: of.card,
        roles.ToolTipText: of.ink,
        roles.PlaceholderText: of.soft,
        roles.Highlight: of.accent,
        roles.HighlightedText: of.card,
        roles.Link: of.accent,
        roles.Mid: of.rule,
        roles.Dark: of.faint,
    }.items():
        palette.setColor(role, colour)
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, of.faint)
    return palette


def _sheet(of: Colours) -> str:
    name = {role: getattr(of, role).name() for role in _ROLES}
    return """
        QFrame#window {{ background: {page}; border: 1px solid {faint}; }}
        QLabel#soft {{ color: {soft}; }}
        QLabel#warn {{ color: {warn}; }}
        QLabel#bad {{ color: {bad}; }}
        QLabel#good {{ color: {good}; }}
        QLabel#heading {{ font-weight: 600; }}
        QFrame#card {{ background: {card}; border: 1px solid {rule}; border-radius: 8px; }}
        QFrame#card QLabel {{ background: transparent; }}
        QPushButton {{ background: {card}; color: {ink}; border: 1px solid {faint}; border-radius: 5px;
            padding: 4px 12px; }}
        QPushButton:hover, QToolButton:hover {{ border-color: {accent}; color: {accent}; }}
        QPushButton:focus, QToolButton:focus {{ border: 2px solid {accent}; }}
        QPushButton:disabled {{ color: {faint}; border-color: {rule}; }}
        QPushButton#primary {{ background: {accent}; color: {card}; border-color: {accent}; }}
        QPushButton#primary:disabled {{ background: {track}; color: {soft}; border-color: {rule}; }}
        QPushButton#primary:focus {{ border: 2px solid {ink}; }}
        QToolButton {{ background: transparent; color: {soft}; border: 1px solid transparent;
            border-radius: 5px; padding: 2px 3px; }}
        QToolButton::menu-indicator {{ image: none; }}
        QToolButton:checked {{ color: {warn}; border-color: {warn}; }}
        QMenu {{ background: {card}; color: {ink}; border: 1px solid {faint}; padding: 4px; }}
        QMenu::item {{ padding: 5px 26px 5px 26px; border-radius: 4px; }}
        QMenu::item:selected {{ background: {track}; }}
        QMenu::item:disabled {{ color: {soft}; }}
        QMenu::separator {{ height: 1px; background: {rule}; margin: 4px 8px; }}
        QToolTip {{ background: {card}; color: {ink}; border: 1px solid {faint}; }}
    """.format(**name)


def shape(label: str, box: QRectF) -> QPainterPath:
    """The emotion's shape within a box, so that nothing has to be told from colour alone."""
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    unit = min(box.width(), box.height()) / 16.0
    if label in _CORNERS:
        pairs = [corner.split(",") for corner in _CORNERS[label].split()]
        corners = [QPointF(box.x() + float(x) * unit, box.y() + float(y) * unit) for x, y in pairs]
        path.addPolygon(QPolygonF(corners))
        path.closeSubpath()
        return path
    middle = QPointF(box.x() + 8 * unit, box.y() + 8 * unit)
    path.addEllipse(middle, 6.5 * unit, 6.5 * unit)
    if label != "happiness":
        path.addEllipse(middle, 3 * unit, 3 * unit)
    return path
