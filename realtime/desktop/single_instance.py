"""One window on a machine and account: a second start shows the first one's. And how the last one ended."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_ANSWER_MS: Final = 2000
SHOW: Final = b"show\n"


class SingleInstance(QObject):
    """Holds the place of the one window.

    Args:
        folder: where the place is kept; one window for each folder.

    Attributes:
        unclean: the last window did not end in order.
    """

    asked = Signal()
    """Somebody has started another one: show the window."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        self._name = f"emotrack-desktop-{digest}"
        self._lock = QLockFile(str(folder / "desktop.lock"))
        self._lock.setStaleLockTime(0)  # a lock is as old as its process
        self._note = folder / "desktop.running"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._hear)
        self.unclean = False

    def acquire(self) -> bool:
        """Take the place; False when another window has it, which is then shown."""
        if not self._lock.tryLock(0):
            self._ask()
            return False
        self.unclean = self._note.exists()
        self._note.touch(mode=0o600)
        QLocalServer.removeServer(self._name)  # of one that was killed
        self._server.listen(self._name)
        return True

    def release(self) -> None:
        """Leave the place to others, and note that this window has ended in order."""
        self._server.close()
        self._note.unlink(missing_ok=True)
        self._lock.unlock()

    def _ask(self) -> None:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_ANSWER_MS):
            socket.write(SHOW)
            socket.waitForBytesWritten(_ANSWER_MS)
            socket.disconnectFromServer()

    def _hear(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.abort()  # that somebody has come is all that there is to hear
            socket.deleteLater()
            self.asked.emit()
