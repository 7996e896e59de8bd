"""Doctor's test of the devices in a thread that can be ended: it opens them for some seconds. No window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from realtime.doctor import Check
from realtime.sources.live import LiveSource


class DeviceTest:
    """One test.

    Args:
        examine: makes the test; it tells what opens the devices, so that they can be closed.
    """

    def __init__(self, examine: Callable[[Callable[[LiveSource], None]], Iterator[Check]]) -> None:
        self._examine = examine
        self._lock = threading.Lock()
        self._stopping = False
        self._source: LiveSource | None = None
        self._checks: tuple[Check, ...] = ()
        self._thread = threading.Thread(target=self._run, name="device trial", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether devices may be open."""
        return self._thread.is_alive()

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was found so far."""
        return self._checks

    def stop(self) -> None:
        """Have the devices closed; does not wait for it."""
        with self._lock:
            self._stopping = True
            source = self._source
        if source is not None:
            source.stop()

    def _run(self) -> None:
        for check in self._examine(self._opening):
            self._checks = (*self._checks, check)

    def _opening(self, source: LiveSource) -> None:
        with self._lock:
            self._source = source
            stopping = self._stopping
        if stopping:
            source.close()
