"""A thread that feeds something while a block lasts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

_END_S = 2.0


class Feeder:
    """Runs `feed` in a thread from the block's begin to its end. To be derived from."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.feed, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(_END_S)

    def feed(self) -> None:
        """Feed until `_over` is set."""
        raise NotImplementedError
