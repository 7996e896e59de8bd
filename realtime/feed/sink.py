"""The feed as a sink: on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Final, Self

from core.errors import FeedError
from core.events import Event
from realtime.config import FeedConfig
from realtime.feed.auth import Tokens
from realtime.feed.client_messages import Right
from realtime.feed.endpoint import Tls
from realtime.feed.limits import Limits
from realtime.feed.resources import RunMedia
from realtime.feed.server import DEFAULT_PORT, Feed
from realtime.feed.targets import ControlTarget
from realtime.feed.token_file import token_of
from realtime.sinks.pace_lag import PaceLag

LAG_EVERY_S: Final = 1.0
"""How often clients are told how far the run is behind, at most."""


def tls_of(config: FeedConfig) -> Tls | None:
    """The configuration's certificate, None when it has none. Raises FeedError when half of it is missing."""
    if config.certificate is None and config.key is None:
        return None
    if config.certificate is None or config.key is None:
        raise FeedError("needs both, or neither.", where="feed.certificate and feed.key")
    return Tls(config.certificate, config.key, config.names)


def tokens_of(config: FeedConfig) -> Tokens:
    """The tokens of a launch; viewers' from its file where one is named. Raises as `token_of` does."""
    return Tokens.drawn(None if config.token_file is None else token_of(config.token_file))


class FeedSink:
    """Serves the feed from a thread of its own, so that neither side can hold up the other.

    Args:
        host, port, limits, tokens, control, tls, origins, metrics_token, media: as for `Feed`.
        pace: stream seconds per wall-clock second that the run aims at: clients are told how far it is
            behind. None = as fast as possible, there is nothing to tell.
        monotonic: clock in seconds.

    Raises:
        FeedError: the feed cannot be served there.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        limits: Limits | None = None,
        tokens: Tokens | None = None,
        control: ControlTarget | None = None,
        tls: Tls | None = None,
        origins: tuple[str, ...] = (),
        metrics_token: bool = False,
        media: RunMedia | None = None,
        pace: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lag = PaceLag(pace, monotonic)
        self._lag_told_s = -math.inf
        self._monotonic = monotonic
        self._feed = Feed(
            host,
            port,
            limits=limits,
            tokens=tokens,
            control=control,
            tls=tls,
            origins=origins,
            metrics_token=metrics_token,
            tells_lag=pace is not None,
            media=media,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="feed", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._feed.start(), self._loop).result()
        except BaseException:
            self._stop()
            raise

    @classmethod
    def configured(
        cls,
        config: FeedConfig,
        control: ControlTarget | None = None,
        pace: float | None = None,
        media: RunMedia | None = None,
    ) -> Self:
        """The feed that a configuration describes. Raises FeedError as the class does."""
        limits = Limits(max_viewers=config.max_viewers)
        return cls(
            config.host,
            config.port,
            limits=limits,
            tokens=tokens_of(config),
            control=control,
            tls=tls_of(config),
            origins=config.origins,
            metrics_token=config.metrics_token,
            media=media,
            pace=pace,
        )

    @property
    def port(self) -> int:
        """The TCP port that the feed listens on."""
        return self._feed.port

    @property
    def url(self) -> str:
        """Address of the stream, without a token."""
        return self._feed.url

    @property
    def tokens(self) -> Tokens:
        """What gives clients their rights."""
        return self._feed.tokens

    @property
    def page_url(self) -> str:
        """Where the page is, with the token that lets it read. Not for logs."""
        return self._feed.page_url

    def page(self, right: Right, path: str = "/") -> str:
        """The address of a page with the token of `right`. Not for logs."""
        return self._feed.page(right, path)

    @property
    def viewers(self) -> int:
        """How many clients follow the run at this moment."""
        return self._feed.viewers

    def write(self, event: Event, seq: int) -> None:
        """Send an event to all viewers; never waits. Raises FeedError when the feed is over."""
        self._feed.publish(event, seq)
        self._lag.observe(event)
        now_s, behind_s = self._monotonic(), self._lag.behind_s
        if behind_s is not None and now_s - self._lag_told_s >= LAG_EVERY_S:
            self._lag_told_s = now_s
            self._feed.tell_lag(max(0.0, behind_s))

    def forget(self) -> None:
        """Remove the run's events from memory: consent was withdrawn."""
        self._feed.forget()

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
