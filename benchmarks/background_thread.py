"""A thread that works while a block lasts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class BackgroundThread:
    """Runs `work` in a thread from the block's begin to its end. To be derived from.

    Attributes:
        join_s: how long its end is waited for; None = until it comes.
    """

    join_s: float | None = 2.0

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(self.join_s)

    def work(self) -> None:
        """Work until `_over` is set."""
        raise NotImplementedError
