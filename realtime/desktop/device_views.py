"""What a device gives, shown: the level of its sound, or its picture, on which a region can be drawn."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QWidget

from core.inputs import Image
from realtime.desktop.texts import Role, make_label, set_label
from realtime.desktop.theme import colours
from realtime.doctor import CLIPPED_DBFS, QUIET_DBFS
from realtime.sources.screen import Region

_FLOOR_DBFS: Final = -72.0
_FALL_DB: Final = 2.0
"""By which the bar falls from one look to the next, so that the eye can follow."""

_HOLD: Final = 15
"""Looks for which the figure stays: about a second."""


class LevelMeter(QWidget):
    """Shows the peaks of a device.

    Args:
        name: what is metered, for screen readers.
        quiet_is_bad: whether silence is worth a hint; a loudspeaker may well be silent.
        parent: the row.
    """

    def __init__(self, name: str, *, quiet_is_bad: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._quiet_is_bad = quiet_is_bad
        self._shown = _FLOOR_DBFS
        self._loudest = -math.inf
        self._looks = 0
        self.bar = QProgressBar(self)
        self.bar.setRange(round(_FLOOR_DBFS), 0)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(f"Level of the {name} in decibels of full scale")
        self.words = make_label("", "soft", self)
        self.words.setMinimumWidth(round(self.fontMetrics().averageCharWidth() * 34))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.words)
        self.clear()

    def clear(self) -> None:
        """Show no level: nothing is recorded any more."""
        self._shown, self._loudest, self._looks = _FLOOR_DBFS, -math.inf, 0
        self.bar.setValue(round(_FLOOR_DBFS))
        set_label(self.words, "")

    def show_peak(self, peak_dbfs: float | None) -> None:
        """Take in the loudest sample since the last look; None = no sound came."""
        new = _FLOOR_DBFS if peak_dbfs is None else max(_FLOOR_DBFS, peak_dbfs)
        self._shown = max(new, self._shown - _FALL_DB)
        self.bar.setValue(round(self._shown))
        if peak_dbfs is None:
            return
        self._loudest = max(self._loudest, peak_dbfs)
        if self._looks % _HOLD == 0 or peak_dbfs > CLIPPED_DBFS:
            words, role = describe_level(self._loudest, quiet_is_bad=self._quiet_is_bad)
            set_label(self.words, words, role)
            self._loudest = -math.inf
        self._looks += 1


def describe_level(peak_dbfs: float, *, quiet_is_bad: bool) -> tuple[str, Role]:
    """A level in words, and whether it is well."""
    if not math.isfinite(peak_dbfs):
        return "digital silence", "warn" if quiet_is_bad else "soft"
    figure = f"{peak_dbfs:.0f} dBFS".replace("-", "−")
    if peak_dbfs > CLIPPED_DBFS:
        return f"{figure}, too loud", "warn"
    if peak_dbfs < QUIET_DBFS:
        return f"{figure}, very quiet", "warn" if quiet_is_bad else "soft"
    return f"{figure}, heard well", "good"


_LINES: Final = 9
_SMALLEST: Final = 16
"""Pixels of the screen: what is drawn smaller was a slip of the hand."""


class Preview(QWidget):
    """Shows the newest picture, or a sentence.

    Args:
        name: what is shown, for screen readers.
        drawable: a region can be drawn with the mouse.
        parent: the row.

    Attributes:
        whole: what the picture shows, in pixels of the desktop: left, top, width, height.
        region: the part of it that is chosen; None = all.
    """

    drawn = Signal(object)

    def __init__(self, name: str, *, drawable: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(f"Preview of the {name}")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.whole: Region | None = None
        self.region: Region | None = None
        self._drawable = drawable
        self._image: QImage | None = None
        self._sentence = ""
        self._from: QPoint | None = None
        self._to: QPoint | None = None

    def sizeHint(self) -> QSize:
        """Some lines of text high, and as wide as a camera's picture of that height."""
        height = self.fontMetrics().lineSpacing() * _LINES
        return QSize(round(height * 16 / 9), height)

    def show_image(self, image: Image) -> None:
        """Show a picture; (H, W, 3) uint8, RGB."""
        height, width = image.shape[:2]
        # A copy: the picture belongs to the device's thread.
        self._image = QImage(image.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.setAccessibleDescription(f"A picture of {width} by {height} pixels is shown.")
        self.update()

    def show_sentence(self, sentence: str) -> None:
        """Show a sentence in place of a picture."""
        self._image, self._sentence = None, sentence
        self.setAccessibleDescription(sentence)
        self.update()

    @property
    def has_picture(self) -> bool:
        """Whether a picture is shown."""
        return self._image is not None

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the picture as large as it fits, and the region."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), colours().track)
        if self._image is None:
            painter.setPen(colours().soft)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), int(flags), self._sentence)
            return
        place = self._place()
        painter.drawImage(place, self._image)
        drawn = self._rubber() or self._region_rect(place)
        if drawn is not None:
            painter.setPen(QPen(colours().card, 4))
            painter.drawRect(drawn)
            painter.setPen(QPen(colours().accent, 2))
            painter.drawRect(drawn)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to draw a region, where one can be drawn."""
        if self._drawable and self.whole is not None and self._image is not None:
            self._from = self._to = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the region up to where the mouse is."""
        if self._from is not None:
            self._to = event.position().toPoint()
            self.update()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """End the drawing and tell the region by `drawn`, unless it is too small."""
        rubber, self._from, self._to = self._rubber(), None, None
        if rubber is not None and self.whole is not None:
            region = self._on_desktop(rubber, self.whole)
            if min(region[2:]) >= _SMALLEST:
                self.region = region
                self.drawn.emit(region)
        self.update()

    def _place(self) -> QRect:
        """Where the picture is within the widget."""
        assert self._image is not None
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        return QRect(QPoint(left, top), size)

    def _rubber(self) -> QRect | None:
        if self._from is None or self._to is None or self._image is None:
            return None
        return QRect(self._from, self._to).normalized().intersected(self._place())

    def _region_rect(self, place: QRect) -> QRect | None:
        if self.region is None or self.whole is None:
            return None
        left, top, width, height = self.region
        scale = place.width() / self.whole[2]
        corner = QPoint(round((left - self.whole[0]) * scale), round((top - self.whole[1]) * scale))
        return QRect(place.topLeft() + corner, QSize(round(width * scale), round(height * scale)))

    def _on_desktop(self, rubber: QRect, whole: Region) -> Region:
        place = self._place()
        scale = whole[2] / place.width()
        left, top = rubber.left() - place.left(), rubber.top() - place.top()
        corner = (whole[0] + round(left * scale), whole[1] + round(top * scale))
        return (*corner, round(rubber.width() * scale), round(rubber.height() * scale))
