"""The feed: a websocket server on this machine's loopback interface, and the page that draws it."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import ClassVar, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.protocol import State

from core.errors import FeedError
from core.events import Event
from realtime.feed.gate import STREAM_PATH, Gate
from realtime.feed.history import History
from realtime.feed.message import Message, message_of
from realtime.feed.viewer import Close, Limits, Viewer

DEFAULT_PORT: Final = 8765
OPEN_TIMEOUT_S: Final = 5.0
MAX_SOCKETS: Final = 64
"""Connections in all: viewers, fetches of the page, and those that have not said yet what they want."""
MAX_UNREAD_BYTES: Final = 1024 * 1024
"""A client is cut off when more than this waits to be written to it: answers to a flood of pings."""

ADDRESSES: Final = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


class Feed:
    """Tells every viewer what the run says. It lives on the event loop that called `start`.

    Args:
        host: "127.0.0.1", "localhost" or "::1".
        port: TCP port; 0 takes any that is free.
        limits: bounds on what clients can take from the program.

    Raises:
        FeedError: `host` is not an address of the loopback interface.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, limits: Limits | None = None
    ) -> None:
        if host not in ADDRESSES:
            raise FeedError(
                "is not an address of this machine alone; the feed would be open to the network.",
                where=host,
                fix="Use 127.0.0.1, localhost or ::1.",
            )
        self._address = ADDRESSES[host]
        self._port = port
        self._limits = limits or Limits()
        self._history = History(self._limits.max_history)
        self._viewers: set[Viewer] = set()
        self._connections: set[_Connection] = set()
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def port(self) -> int:
        """The port, once started the one in use."""
        return self._port

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"ws://{self._host_and_port}{STREAM_PATH}"

    @property
    def page_url(self) -> str:
        """Where the page is."""
        return f"http://{self._host_and_port}/"

    @property
    def viewers(self) -> int:
        """How many are watching."""
        return len(self._viewers)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            FeedError: the port is taken or may not be used.
        """
        listener = self._bind()
        self._port = listener.getsockname()[1]
        gate = Gate(self._port, is_full=lambda: len(self._viewers) >= self._limits.max_viewers)
        logger = logging.getLogger("emotrack.feed")
        logger.setLevel(logging.INFO)  # below that the library would log what people said
        self._loop = asyncio.get_running_loop()
        self._server = await serve(
            self._serve,
            sock=listener,
            create_connection=type("_FeedConnection", (_Connection,), {"registry": self._connections}),
            process_request=gate.answer,
            process_response=gate.harden,
            server_header=None,
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=self._limits.close_s,
            max_size=self._limits.max_message_bytes,
            write_limit=self._limits.write_limit_bytes,
            logger=logger,
        )

    def publish(self, event: Event, seq: int) -> None:
        """Tell all viewers, present and future. Never waits; may be called from any thread.

        Raises:
            FeedError: the feed has not started or is over.
            ValueError: the event cannot be encoded (`core.wire.encode`).
        """
        message = message_of(event, seq)
        if self._loop is None or self._server is None or self._loop.is_closed():
            raise FeedError("the feed is not open.")
        if self._loop is _running_loop():
            self._deliver(message)
        else:
            self._loop.call_soon_threadsafe(self._deliver, message)

    async def close(self) -> None:
        """Give viewers a bounded time to take what waits, then close with 1001. Again: does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close(close_connections=False)
        await asyncio.gather(*(viewer.finish() for viewer in self._viewers))
        for connection in list(self._connections):
            if connection.state in {State.CONNECTING, State.CLOSED}:
                connection.transport.abort()  # it never became a viewer; browsers open some in advance
        await server.wait_closed()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if self._address == "::1" else socket.AF_INET
        try:
            listener = socket.create_server((self._address, self._port), family=family)
        except OSError as error:
            busy = error.errno == errno.EADDRINUSE
            raise FeedError(
                "is in use by another program." if busy else f"cannot be used ({error.strerror}).",
                where=f"port {self._port}",
                fix="Choose another with --port; --port 0 takes any that is free.",
            ) from error
        # Connections inherit it. A small buffer keeps what a slow viewer sees fresh.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.socket_buffer_bytes)
        return listener

    def _deliver(self, message: Message) -> None:
        self._history.add(message)
        for viewer in self._viewers:
            viewer.offer(message)

    async def _serve(self, connection: ServerConnection) -> None:
        if self._server is None:
            await connection.close(Close.GOING_AWAY)
            return
        viewer = Viewer(connection, self._limits, self._history.snapshot())
        self._viewers.add(viewer)
        try:
            await viewer.run()
        finally:
            self._viewers.discard(viewer)

    @property
    def _host_and_port(self) -> str:
        return f"[{self._address}]:{self._port}" if ":" in self._address else f"{self._address}:{self._port}"


class _Connection(ServerConnection):
    """Refuses what the library would take without bound. `registry` holds the open ones of one feed."""

    registry: ClassVar[set[_Connection]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.registry.add(self)
        if len(self.registry) > MAX_SOCKETS:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
