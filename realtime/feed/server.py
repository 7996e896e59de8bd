"""The feed's server: websockets for clients that follow, control or feed a session, and the pages."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.protocol import State

from core.errors import FeedError
from core.events import Event
from realtime.feed.auth import Authenticator, Tokens
from realtime.feed.channel import Channel, Channels
from realtime.feed.client_messages import INGEST_PATH, STREAM_PATH, Right
from realtime.feed.client_session import ClientSession, FeedContext
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import Message, message_of
from realtime.feed.connection import CloseReason, Connection, ConnectionContext
from realtime.feed.endpoint import Endpoint, Tls
from realtime.feed.http import FeedStatus, HttpHandler
from realtime.feed.limits import Limits
from realtime.feed.metrics import Counts, openmetrics
from realtime.feed.resources import Resources, RunMedia
from realtime.feed.targets import ControlTarget, IngestTarget

DEFAULT_PORT: Final = 8765
MAIN: Final = "main"
"""The session of a program that has only one."""
TICK_S: Final = 0.25
FLUSHED_FIRST: Final = frozenset({CloseCode.GOING_AWAY, CloseCode.SESSION_OVER})
"""Before these closes the client may take what waits."""

log = logging.getLogger("emotrack.feed")


@dataclass(frozen=True, slots=True)
class _Open:
    """What there is while the feed listens."""

    loop: asyncio.AbstractEventLoop
    server: Server
    ticking: asyncio.Task[None]


class Feed:
    """Serves the events of sessions to clients, and their requests to the sessions.

    It lives on the event loop that called `start`; `publish`, `forget`, `tell_lag` may come from any thread.

    Args:
        host: "127.0.0.1", "localhost" or "::1"; with `tls` any address of this machine.
        port: TCP port; 0 takes any that is free.
        limits: bounds on what clients can take from the program.
        tokens: what gives clients their rights; None draws fresh ones.
        control: who carries out the requests that concern the session `main`.
        ingest: who takes in audio and video from clients; None offers no ingest path. The session `main` is
            there from the start only without it.
        tls: what an address other than loopback needs.
        origins: whose pages may read the feed besides its own.
        metrics_token: whether the counters need a token on loopback, too.
        tells_lag: whether clients will be told how far the run is behind (`tell_lag`).
        media: pictures and sound of the run that its pages may show.
        clock: monotonic seconds.

    Raises:
        FeedError: `host` would be open to the network without TLS.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        limits: Limits | None = None,
        tokens: Tokens | None = None,
        control: ControlTarget | None = None,
        ingest: IngestTarget | None = None,
        tls: Tls | None = None,
        origins: tuple[str, ...] = (),
        metrics_token: bool = False,
        tells_lag: bool = False,
        media: RunMedia | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = Endpoint(host, port, tls, origins)
        self._limits = limits or Limits()
        self.tokens = tokens or Tokens.drawn()
        self._metrics_token = metrics_token or not self._endpoint.on_loopback
        auth = Authenticator(self.tokens, clock, self._close_clients_of)
        self._context = FeedContext(auth, Channels(), self._limits, clock, ingest, self._is_full, tells_lag)
        if ingest is None:
            self.open_session(MAIN, control)
        self._resources = Resources(
            media or RunMedia(),
            on_loopback=self._endpoint.on_loopback,
            curves=lambda: self._of_newest(lambda channel: channel.curves.as_json()),
            summary=lambda: self._of_newest(lambda channel: channel.summary()),
        )
        self._counts = Counts()
        self._pool = ConnectionContext(self._limits, clock, self._counts.refused)
        self._clients: dict[Connection, ClientSession] = {}
        self._closed_totals: list[tuple[int, int, int]] = []  # what sessions that are forgotten have counted
        self._open: _Open | None = None

    # -- where it is ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port, once started the one in use."""
        return self._endpoint.port

    @property
    def url(self) -> str:
        """Address of the stream, without a token."""
        return self._endpoint.url("ws", STREAM_PATH)

    @property
    def ingest_url(self) -> str:
        """Address of the ingest path, without a token."""
        return self._endpoint.url("ws", INGEST_PATH)

    @property
    def page_url(self) -> str:
        """Address of the page, with the token that lets it read. Not for logs."""
        return self.page("view")

    def page(self, right: Right, path: str = "/") -> str:
        """The address of a page with the token of `right` in its fragment, which browsers do not send."""
        return f"{self._endpoint.url('http', path)}#token={getattr(self.tokens, right)}"

    @property
    def viewers(self) -> int:
        """How many clients follow a session."""
        return sum(len(channel.viewers) for channel in self._context.channels)

    # -- its life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            FeedError: the port is taken or may not be used, or certificate and key do not fit.
        """
        tls_context = self._endpoint.ssl_context()
        listener = self._endpoint.listen(self._limits.socket_buffer_bytes)
        notice = None if self._context.ingest is None else self._notice
        status = FeedStatus(
            self._is_full, self._is_ready, self._metrics, notice, self._metrics_token, self._resources
        )
        http = HttpHandler(self._endpoint, self._context.auth, status, self._counts.refused)
        log.setLevel(logging.INFO)  # below that the library would log what people said, and tokens
        server = await serve(
            self._serve,
            sock=listener,
            ssl=tls_context,
            create_connection=partial(Connection, context=self._pool),  # type: ignore[arg-type]
            process_request=http.respond,
            process_response=http.add_security_headers,
            server_header=None,
            compression=None,
            open_timeout=self._limits.open_s,
            close_timeout=self._limits.close_s,
            ping_interval=None,  # `tick` asks, for all clients at once
            max_size=self._limits.max_identify_bytes,
            max_queue=4,
            write_limit=self._limits.write_limit_bytes,
            logger=log,
        )
        self._open = _Open(asyncio.get_running_loop(), server, asyncio.create_task(self._tick_forever()))

    async def close(self) -> None:
        """Give clients a bounded time to take what waits, then close with 1001. Again: does nothing."""
        open_, self._open = self._open, None
        if open_ is None:
            return
        open_.ticking.cancel()
        open_.server.close(close_connections=False)
        for connection in list(self._pool.connections):
            connection.request_close((CloseCode.GOING_AWAY, "the feed is over."))
            if connection.state in {State.CONNECTING, State.CLOSED}:
                connection.transport.abort()  # it never became a client; browsers open some in advance
        await open_.server.wait_closed()

    def tick(self) -> None:
        """Look after all clients once: who is late, who is stalled, who is silent."""
        now_s = self._context.clock()
        for client in list(self._clients.values()):
            client.tick(now_s)

    # -- what it tells --------------------------------------------------------------------------------

    def open_session(self, name: str, control: ControlTarget | None = None) -> None:
        """Begin a session that clients can follow; on the event loop, or before `start`.

        Raises:
            FeedError: the name is taken.
        """
        if name in self._context.channels:
            raise FeedError("there is such a session already.", where=name)
        self._context.channels.add(Channel(name, self._limits, control))

    def close_session(self, name: str) -> None:
        """Forget a session; who follows it may take what waits and is closed with 4011. On the event loop."""
        channel = self._context.channels.remove(name)
        if channel is not None:
            self._closed_totals.append(channel.totals())
            self._closed_totals = [_sums(self._closed_totals)]
        for connection, client in self._clients.items():
            if channel is not None and client.channel is channel:
                connection.request_close((CloseCode.SESSION_OVER, "the session is over."))

    def publish(self, event: Event, seq: int, session: str = MAIN) -> None:
        """Send an event to all who follow the session, and keep it for those who join. Never waits.

        Raises:
            FeedError: the feed has not started or is over.
            ValueError: the event cannot be encoded (`core.wire.encode`).
        """
        message = message_of(event, seq)
        if self._open is None or self._open.loop.is_closed():
            raise FeedError("the feed is not open.")
        self._on_loop(session, lambda channel: self._deliver(channel, message, event))

    def tell_lag(self, behind_s: float, session: str = MAIN) -> None:
        """Tell those who asked for it how many seconds the run is behind; from any thread."""
        self._on_loop(session, lambda channel: channel.tell_lag(behind_s))

    def forget(self, session: str = MAIN) -> None:
        """Remove a session's events from memory: consent was withdrawn. From any thread."""
        self._on_loop(session, Channel.forget)

    def _deliver(self, channel: Channel, message: Message, event: Event) -> None:
        counts = self._counts.published
        counts[message.kind] = counts.get(message.kind, 0) + 1
        channel.observe(event)
        channel.publish(message)

    def _on_loop(self, session: str, call: Callable[[Channel], None]) -> None:
        """Call with a session's channel, if there is one: at once on the event loop, else as soon as it can.

        Calls of one thread keep their order. Without an open loop nothing happens.
        """

        def carry_out() -> None:
            channel = self._context.channels.get(session)
            if channel is not None:
                call(channel)

        if self._open is None or self._open.loop.is_closed():
            return
        if self._open.loop is _running_loop():
            carry_out()
        else:
            self._open.loop.call_soon_threadsafe(carry_out)

    # -- connections ----------------------------------------------------------------------------------

    async def _serve(self, accepted: ServerConnection) -> None:
        connection = cast(Connection, accepted)
        on_ingest = connection.request is not None and connection.request.path == INGEST_PATH
        client = ClientSession(connection, self._context, ingest_path=on_ingest)
        connection.message_handler = client
        self._clients[connection] = client
        self._counts.opened += 1
        if self._open is None:
            connection.request_close((CloseCode.GOING_AWAY, "the feed is over."))
        client.send_welcome()
        try:
            reason = await connection.end_reason
            if reason is not None and reason[0] in FLUSHED_FIRST:
                await client.viewer.finish()
        finally:
            del self._clients[connection]
            client.on_disconnect()
        if reason is not None:
            await connection.close_or_abort(*reason)
        self._log_close(connection, client, reason)

    def _close_clients_of(self, token: str) -> None:
        for connection, client in self._clients.items():
            if client.token == token:
                connection.request_close(
                    (CloseCode.AUTHENTICATION_FAILED, "the one-time code of this page was used twice.")
                )

    def _log_close(self, connection: Connection, client: ClientSession, reason: CloseReason) -> None:
        code = int(reason[0]) if reason is not None else connection.close_code or 1006
        self._counts.closed[code] = self._counts.closed.get(code, 0) + 1
        session = client.channel.name if client.channel is not None else "-"
        log.info(
            "event=closed client=%s code=%d session=%s rights=%s",
            str(connection.id)[:8], code, session, "+".join(client.rights) or "-",
        )  # fmt: skip

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()

    def _of_newest(self, tell: Callable[[Channel], dict[str, Any] | None]) -> dict[str, Any] | None:
        channel = self._context.channels.newest()
        return tell(channel) if channel is not None else None

    def _is_full(self) -> bool:
        there = sum(client.channel is not None for client in self._clients.values())
        return there >= self._limits.max_viewers

    def _is_ready(self) -> bool:
        has_run = any(channel.run is not None for channel in self._context.channels)
        return self._open is not None and (has_run or self._context.ingest is not None)

    def _metrics(self) -> bytes:
        return openmetrics(self.counts)

    def _notice(self) -> bytes:
        assert self._context.ingest is not None, "only who takes something in has to tell"
        return json.dumps(dict(self._context.ingest.notice), ensure_ascii=False).encode()

    def counts(self) -> Counts:
        """What has been counted so far."""
        counts = self._counts
        totals = [channel.totals() for channel in self._context.channels]
        counts.sent, counts.conflated, counts.filtered = _sums([*self._closed_totals, *totals])
        counts.bad_tokens = self._context.auth.wrong_tokens
        counts.viewers, counts.sockets, counts.sessions = (
            self.viewers,
            len(self._pool.connections),
            len(totals),
        )
        return counts


def _sums(totals: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    first, second, third = (sum(column) for column in zip((0, 0, 0), *totals, strict=True))
    return first, second, third


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
