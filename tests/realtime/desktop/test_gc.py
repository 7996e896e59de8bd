"""Garbage that holds Qt's objects is collected in the window's thread alone."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from realtime.desktop.application import GarbageCollector

CYCLES = 20_000


class Cycle(QObject):
    """Holds itself, and a timer that only its own thread may stop."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self
        self.timer = QTimer(self, interval=1_000)
        self.timer.start()


def leave_garbage() -> None:
    """As much as makes Python collect at once, where it may."""
    for _ in range(CYCLES):
        cycle: list[object] = []
        cycle.append(cycle)


def test_a_cycle_with_a_timer_dies_in_the_window_thread_whoever_allocates(
    until: Callable[..., None],
) -> None:
    collector = GarbageCollector()
    died_in: list[str] = []
    weakref.finalize(Cycle(), lambda: died_in.append(threading.current_thread().name))
    other = threading.Thread(target=leave_garbage, name="another")
    other.start()
    other.join()
    assert died_in == []
    until(lambda: died_in)
    assert died_in == [threading.current_thread().name]
    collector.deleteLater()


def test_nothing_is_collected_while_little_is_new() -> None:
    collector = GarbageCollector()
    gc.collect()
    before = gc.get_stats()
    collector.collect_due()
    assert gc.get_stats() == before
    collector.deleteLater()
