"""The feed's client on a thread of its own; what it is told arrives in the window's thread as signals."""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, Signal

from core.errors import FeedError
from realtime.feed.client import FeedClient, one_time_address
from realtime.feed.client_messages import Request, Subscription
from realtime.feed.resume import ReceivedEvent, RetryPolicy
from realtime.runs.supervision import Announcement

SUBSCRIPTION: Final = Subscription(kinds=("estimate", "status", "marker"), rate_hz=5.0)
"""No words of the conversation: the window shows none. No more estimates than eyes can follow."""
RETRY: Final = RetryPolicy(first_s=0.25, longest_s=2.0)


class FeedLink(QObject):
    """Follows one run, whatever happens to the connection; every final estimate comes once.

    Attributes:
        linked: whether the connection stands.
    """

    event_received = Signal(object)
    """An event of the run."""
    changed = Signal()
    """The connection stands, or is lost."""
    request_done = Signal(object, str)
    """A request, and why it was not carried out; "" when it was."""
    page_ready = Signal(str, str)
    """The address of the dashboard with a one-time code, and why there is none; one of both is ""."""

    _received = Signal(object, object)
    _connection_changed = Signal(object, bool)
    _request_done = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.connected = False
        self._thread: _FeedThread | None = None
        self._received.connect(self._take)
        self._connection_changed.connect(self._note)
        self._request_done.connect(self.request_done)

    def open(self, where: Announcement) -> None:
        """Follow the run whose feed is there; one that was followed before is left."""
        self.close()
        self._thread = _FeedThread(self, where)
        self._thread.start()

    def close(self) -> None:
        """Leave; nothing comes any more after this."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()
        self._set(connected=False)

    def send(self, request: Request) -> bool:
        """Send a request; `answered` follows. False when nothing can be asked at the moment."""
        if self._thread is None or not self.connected:
            return False
        return self._thread.send(request)

    def request_page(self, where: Announcement) -> None:
        """Have the token of the dashboard's address exchanged for a one-time code; `page_ready` follows.

        Who opens an address in the system's browser puts it into a command line, which everybody on the
        machine can read. Does not wait.
        """
        threading.Thread(target=self._exchange, args=(where,), name="one-time code", daemon=True).start()

    def _exchange(self, where: Announcement) -> None:
        try:
            self.page_ready.emit(one_time_address(where.page, _trusting(where)), "")
        except FeedError as error:
            self.page_ready.emit("", str(error))

    # -- in the window's thread -----------------------------------------------------------------------

    def _take(self, thread: _FeedThread, received: ReceivedEvent) -> None:
        if thread is self._thread:
            self._set(connected=True)
            self.event_received.emit(received.event)

    def _note(self, thread: _FeedThread, connected: bool) -> None:
        if thread is self._thread:
            self._set(connected=connected)

    def _set(self, *, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self.changed.emit()


class _FeedThread:
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
        """Connect in the thread, and follow the run until `end`."""
        self._following = self._loop.create_task(self._receive())
        self.thread.start()

    def end(self) -> None:
        """Hang up. The window does not wait for it, and is told nothing more."""
        self._left = True
        with suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._stop)

    def send(self, request: Request) -> bool:
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
            self._tell(connected=False)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _tell(self, *, connected: bool) -> None:
        if not self._left:
            self._link._connection_changed.emit(self, connected)

    def _stop(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _receive(self) -> None:
        async with FeedClient(
            self._where.stream,
            self._where.token,
            subscription=SUBSCRIPTION,
            name="emotrack desktop",
            retry=RETRY,
            context=_trusting(self._where),
            sleep=self._lost,
        ) as self._client:
            try:
                async for told in self._client:
                    self._link._received.emit(self, told)
            except FeedError:
                return  # the engine's process tells more about it

    async def _lost(self, pause_s: float) -> None:
        """The client waits before it tries again."""
        self._tell(connected=False)
        await asyncio.sleep(pause_s)

    async def _asked(self, client: FeedClient, request: Request) -> None:
        try:
            result = await client.request(request)
        except FeedError as error:
            fault = str(error)
        else:
            fault = "" if result.ok else result.message
        if not self._left:
            self._link._request_done.emit(request, fault)


def _trusting(where: Announcement) -> ssl.SSLContext | None:
    """For a feed that speaks TLS: its own certificate is enough."""
    return None if where.certificate is None else ssl.create_default_context(cafile=where.certificate)
