"""Withdrawing consent with two keys, in the terminal in which the run goes on."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from realtime.consent.gate import ConsentGate

WITHDRAW_KEYS: Final = "Ctrl-Break" if sys.platform == "win32" else "Ctrl-\\"
"""Not Ctrl-C twice: who is impatient presses that, and what was recorded would be gone."""


@contextmanager
def withdrawable(gate: ConsentGate) -> Iterator[None]:
    """Within the block the keys withdraw consent."""
    number = getattr(signal, "SIGBREAK", None) or getattr(signal, "SIGQUIT", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, lambda _number, _frame: gate.withdraw_soon("terminal"))
    try:
        yield
    finally:
        signal.signal(number, before)
