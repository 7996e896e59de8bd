"""The level of a sound device: a bar, a figure and a word."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from realtime.desktop.texts import Role, make_label, set_label
from realtime.doctor import CLIPPED_DBFS, QUIET_DBFS

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
        """Nothing is heard."""
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
