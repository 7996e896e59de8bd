"""Collecting garbage where Qt's objects may die.

Python collects cycles in whichever thread happens to allocate, and a cycle may hold a widget or a timer. Qt
ends the process when those are destroyed by another thread than theirs ("Timers cannot be stopped from
another thread"). The feed's thread allocates all the time.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer

_CHECK_MS: Final = 1_000


class GarbageCollector(QObject):
    """From its making on, cycles are collected in its thread alone, and by Python's own thresholds.

    Python's collector stays off for the rest of the process: what Qt still holds must not die elsewhere after
    the last window either.

    Args:
        parent: with which the looking ends.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        timer = QTimer(self, interval=_CHECK_MS)
        timer.timeout.connect(self.collect_due)
        timer.start()

    def collect_due(self) -> None:
        """Collect the oldest generation whose threshold is exceeded, and with it the younger ones."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        due = [generation for generation in range(3) if counts[generation] > thresholds[generation]]
        if due:
            gc.collect(max(due))
