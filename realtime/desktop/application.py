"""The program behind `emotrack desktop`: the event loop, the signals that end it, and garbage collection."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from PySide6.QtCore import QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from realtime.consent.ledger import ledger_path
from realtime.desktop.controller import Controller
from realtime.desktop.launch_options import LaunchOptions
from realtime.desktop.single_instance import SingleInstance

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


SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class TerminationSignals:
    """Within the block, these signals call a function in the event loop.

    Args:
        leave: called for each.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._reader, self._writer = socket.socketpair()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno())
        self._before = {number: signal.signal(number, _pass) for number in SIGNALS}
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notifier.setEnabled(False)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def _read(self) -> None:
        for number in self._reader.recv(64):
            if number in SIGNALS:
                self._callback()


def _pass(number: int, frame: FrameType | None) -> None:
    """Python has to have a handler; what is done is done in the event loop."""


class Application:
    """One run of the program.

    Args:
        wishes: what was asked for.
    """

    def __init__(self, options: LaunchOptions) -> None:
        self._options = options
        self._folder = ledger_path().parent

    def run(self) -> int:
        """Stay until the end; returns the exit code."""
        application = QApplication(["emotrack"])
        application.setApplicationName("emotrack")
        application.setDesktopFileName("emotrack")
        application.setQuitOnLastWindowClosed(False)
        GarbageCollector(application)
        single = SingleInstance(self._folder)
        if not single.acquire():
            return 0
        try:
            controller = Controller(self._options, single)
            controller.open()
            with TerminationSignals(controller.quit):
                return application.exec()
        finally:
            single.release()
