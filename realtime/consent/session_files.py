"""What a session leaves behind, so that it can be deleted when consent is withdrawn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class SessionFiles:
    """Files that the session writes, and memories of it. Only what is named here is ever deleted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: list[Path] = []
        self._memories: list[Callable[[], None]] = []
        self.deleted = 0
        """Files that were there and are deleted."""

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
            Files that could not be deleted; another call tries again.
        """
        self.forget()
        with self._lock:
            files, self._files = self._files, []
        left = [path for path in files if not self._delete(path)]
        with self._lock:
            self._files += left
        for folder in {path.parent for path in files}:
            try:
                folder.rmdir()
            except OSError:  # others have files there
                log.debug("%s stays: it is not empty", folder)
        return left

    def _delete(self, path: Path) -> bool:
        try:
            path.unlink()
        except FileNotFoundError:  # it was never written
            return True
        except OSError as error:
            log.error("%s cannot be deleted (%s)", path, error.strerror)
            return False
        self.deleted += 1
        return True
