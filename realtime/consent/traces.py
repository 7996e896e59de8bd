"""What a session leaves behind, so that it can be deleted when consent is withdrawn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class Traces:
    """Files that the session writes, and memories of it. Only what is named here is ever deleted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: list[Path] = []
        self._memories: list[Callable[[], None]] = []

    def file(self, path: Path) -> None:
        """The session writes this file."""
        with self._lock:
            self._files.append(path)

    def memory(self, forget: Callable[[], None]) -> None:
        """Something remembers the session until `forget` is called."""
        with self._lock:
            self._memories.append(forget)

    def forget(self) -> None:
        """Empty the memories; may be called while files are still open."""
        with self._lock:
            memories = list(self._memories)
        for forget in memories:
            forget()

    def purge(self) -> list[Path]:
        """Delete everything; to be called when the files are closed, and nothing is said any more.

        Folders go, too, when nothing else is in them.

        Returns:
            Files that could not be deleted.
        """
        self.forget()
        with self._lock:
            files, self._files = self._files, []
        left = [path for path in files if not _deleted(path)]
        for folder in {path.parent for path in files}:
            try:
                folder.rmdir()
            except OSError:  # others have files there
                log.debug("%s stays: it is not empty", folder)
        return left


def _deleted(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.error("%s cannot be deleted (%s)", path, error.strerror)
        return False
    return True
