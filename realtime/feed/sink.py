"""The feed as a sink: on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading

from core.events import Event
from realtime.feed.server import DEFAULT_PORT, Feed
from realtime.feed.viewer import Limits


class FeedSink:
    """Serves the feed from a thread of its own, so that neither side can hold up the other.

    Args:
        host, port, limits: as for `Feed`.

    Raises:
        FeedError: the feed cannot be served there.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, limits: Limits | None = None
    ) -> None:
        self._feed = Feed(host, port, limits=limits)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="feed", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._feed.start(), self._loop).result()
        except BaseException:
            self._stop()
            raise

    @property
    def port(self) -> int:
        """The port in use."""
        return self._feed.port

    @property
    def url(self) -> str:
        """Where the stream is."""
        return self._feed.url

    @property
    def page_url(self) -> str:
        """Where the page is."""
        return self._feed.page_url

    @property
    def viewers(self) -> int:
        """How many are watching."""
        return self._feed.viewers

    def write(self, event: Event, seq: int) -> None:
        """Tell all viewers; never waits. Raises FeedError when the feed is over."""
        self._feed.publish(event, seq)

    def close(self) -> None:
        """Flush for a bounded time and close every connection. Closing again does nothing."""
        if self._loop.is_closed():
            return
        try:
            asyncio.run_coroutine_threadsafe(self._feed.close(), self._loop).result()
        finally:
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
