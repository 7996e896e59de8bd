"""Outlines that can be seen: Fusion draws them a little darker than the window, at night black on black."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QProxyStyle, QStyle, QStyleOption, QStyleOptionComplex, QWidget

_PRIMITIVES: Final = {
    QStyle.PrimitiveElement.PE_IndicatorCheckBox,
    QStyle.PrimitiveElement.PE_IndicatorRadioButton,
    QStyle.PrimitiveElement.PE_FrameLineEdit,
    QStyle.PrimitiveElement.PE_PanelLineEdit,
    QStyle.PrimitiveElement.PE_FrameGroupBox,
}
_CONTROLS: Final = {QStyle.ComplexControl.CC_ComboBox, QStyle.ComplexControl.CC_SpinBox}
_FUSION_DARKENS: Final = 140
"""Per cent, as `QColor.darker` takes them."""


class Outlined(QProxyStyle):
    """Fusion whose fields, boxes and lists have an outline of a given colour.

    Args:
        outline: the colour; at least three times as light or dark as the background (WCAG 2.2, 1.4.11).
    """

    def __init__(self, outline: QColor) -> None:
        super().__init__("Fusion")
        self._window = outline.lighter(_FUSION_DARKENS)

    def drawPrimitive(
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw a box, a field's frame or anything else."""
        if element in _PRIMITIVES:
            self._lend(option)
        super().drawPrimitive(element, option, painter, widget)

    def drawComplexControl(
        self,
        control: QStyle.ComplexControl,
        option: QStyleOptionComplex,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw a list that opens, a field with arrows or anything else."""
        if control in _CONTROLS:
            self._lend(option)
        super().drawComplexControl(control, option, painter, widget)

    def drawControl(
        self,
        element: QStyle.ControlElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        """Draw the empty part of a bar or anything else."""
        if element == QStyle.ControlElement.CE_ProgressBarGroove:
            self._lend(option)
        super().drawControl(element, option, painter, widget)

    def _lend(self, option: QStyleOption) -> None:
        colours = QPalette(option.palette)
        colours.setColor(QPalette.ColorRole.Window, self._window)
        option.palette = colours
