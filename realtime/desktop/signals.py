"""Ctrl-C and SIGTERM while Qt's event loop runs, which would not let Python hear of them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from PySide6.QtCore import QSocketNotifier

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
