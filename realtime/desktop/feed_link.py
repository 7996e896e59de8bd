"""The feed's client on a thread of its own; what it is told arrives in the window's thread as signals."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, Signal

from core.errors import FeedError
from realtime.feed.client import FeedClient
from realtime.feed.client_messages import Request, Subscription
from realtime.feed.resume import ReceivedEvent, RetryPolicy
from realtime.runs.supervision import Announcement

WANTED: Final = Subscription(kinds=("estimate", "status", "marker"), rate_hz=5.0)
"""No words of the conversation: the window shows none. No more estimates than eyes can follow."""
RETRY: Final = RetryPolicy(first_s=0.25, longest_s=2.0)


class FeedLink(QObject):
    """Follows one run, whatever happens to the connection; every final estimate comes once.

    Attributes:
        linked: whether the connection stands.
    """

    told = Signal(object)
    """An event of the run."""
    changed = Signal()
    """The connection stands, or is lost."""
    answered = Signal(object, str)
    """A request, and why it was not carried out; "" when it was."""

    _came = Signal(object, object)
    _stands = Signal(object, bool)
    _answer = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.linked = False
        self._line: _Line | None = None
        self._came.connect(self._take)
        self._stands.connect(self._note)
        self._answer.connect(self.answered)

    def open(self, where: Announcement) -> None:
        """Follow the run whose feed is there; one that was followed before is left."""
        self.close()
        self._line = _Line(self, where)
        self._line.start()

    def close(self) -> None:
        """Leave; nothing comes any more after this."""
        line, self._line = self._line, None
        if line is not None:
            line.end()
        self._set(linked=False)

    def ask(self, request: Request) -> bool:
        """Send a request; `answered` follows. False when nothing can be asked at the moment."""
        if self._line is None or not self.linked:
            return False
        return self._line.ask(request)

    # -- in the window's thread -----------------------------------------------------------------------

    def _take(self, line: _Line, told: ReceivedEvent) -> None:
        if line is self._line:
            self._set(linked=True)
            self.told.emit(told.event)

    def _note(self, line: _Line, linked: bool) -> None:
        if line is self._line:
            self._set(linked=linked)

    def _set(self, *, linked: bool) -> None:
        if linked != self.linked:
            self.linked = linked
            self.changed.emit()


class _Line:
    """One connection's thread."""

    def __init__(self, link: FeedLink, where: Announcement) -> None:
        self._link = link
        self._where = where
        self._loop = asyncio.new_event_loop()
        self._left = False
        self._client: FeedClient | None = None
        self._following: asyncio.Task[None] | None = None
        self.thread = threading.Thread(target=self._run, name="feed link", daemon=True)

    def start(self) -> None:
        """Connect."""
        self._following = self._loop.create_task(self._follow())
        self.thread.start()

    def end(self) -> None:
        """Hang up. The window does not wait for it, and is told nothing more."""
        self._left = True
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stop)

    def ask(self, request: Request) -> bool:
        """Send a request from the window's thread."""
        if self._client is None or self._loop.is_closed():
            return False
        asyncio.run_coroutine_threadsafe(self._asked(self._client, request), self._loop)
        return True

    def _run(self) -> None:
        assert self._following is not None, "it was started"
        try:
            self._loop.run_until_complete(asyncio.wait([self._following]))
        finally:
            self._tell(linked=False)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _tell(self, *, linked: bool) -> None:
        if not self._left:
            self._link._stands.emit(self, linked)

    def _stop(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        async with FeedClient(
            self._where.stream,
            self._where.token,
            subscription=WANTED,
            name="emotrack desktop",
            retry=RETRY,
            context=_trusting(self._where),
            sleep=self._lost,
        ) as self._client:
            try:
                async for told in self._client:
                    self._link._came.emit(self, told)
            except FeedError:
                return  # the engine's process tells more about it

    async def _lost(self, pause_s: float) -> None:
        """The client waits before it tries again."""
        self._tell(linked=False)
        await asyncio.sleep(pause_s)

    async def _asked(self, client: FeedClient, request: Request) -> None:
        try:
            result = await client.request(request)
        except FeedError as error:
            fault = str(error)
        else:
            fault = "" if result.ok else result.message
        if not self._left:
            self._link._answer.emit(request, fault)


def _trusting(where: Announcement) -> ssl.SSLContext | None:
    """For a feed that speaks TLS: its own certificate is enough."""
    return None if where.certificate is None else ssl.create_default_context(cafile=where.certificate)
