"""Ctrl-C during a training: obeyed between two steps, after the state is saved."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class StopRequest:
    """Notes the first Ctrl-C while the block lasts; a second one interrupts at once.

    Outside of the main thread, where Python delivers no signals, nothing is ever noted.

    Attributes:
        noted: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.noted = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.noted:
            raise KeyboardInterrupt
        self.noted = True
        sys.stderr.write("\nStopping after this step; Ctrl-C again stops at once.\n")
