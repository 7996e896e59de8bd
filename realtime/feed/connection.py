"""One websocket connection, as the feed uses it: frames in and out at once, without a queue of its own.

The library does the handshake, the parsing and the closing. It is subclassed, because its public methods can
neither count fragments and pings as they come, nor say since when a client takes nothing, nor bound
connections before their handshake. Frames are made once for all clients and written as they are: measured
with 200 clients on one thread that is 2.4 microseconds for an event and a client, and 4.9 with the library's
`broadcast`, which frames anew for each (2.8 and 4.4 with 50 clients).

Connections that have not shown a token have places of their own. All programs of a machine share one
address, so nobody can be told apart before that: when the places are taken, the connection that has waited
longest goes, and is told why. Whoever fills them with silence shuts out only himself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.limits import Limits

log = logging.getLogger(__name__)

MAX_UNREAD_BYTES: Final = 1024 * 1024
"""A client is cut off when more than this waits to be written to it: answers to a flood of pings."""
REFUSED_S: Final = 1.0
"""How long a client that is refused without a handshake may take to read why, and to go."""
NO_ROOM: Final = "too many clients are connecting."

CloseReason = tuple[CloseCode, str] | None


class MessageHandler(Protocol):
    """Who is told what comes over a connection. Each method may raise `Refusal` to end it."""

    def on_frame(self) -> None:
        """A frame of any kind has come."""
        ...

    def on_text(self, text: str) -> None:
        """A text message is complete."""
        ...

    def on_binary(self, data: bytes) -> None:
        """A binary message is complete."""
        ...

    def on_writable(self) -> None:
        """The client takes frames again, or is gone."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """What all connections of one feed share.

    Attributes:
        limits: bounds on what a client may do.
        clock: monotonic seconds.
        refused: HTTP status -> how many were refused with it; refusals for want of room are added.
        connections: all that are open.
        unidentified: those of them that have not shown a valid token yet, oldest first, as keys.
    """

    limits: Limits
    clock: Callable[[], float]
    refused: dict[int, int] = field(default_factory=dict)
    connections: set[Connection] = field(default_factory=set)
    unidentified: dict[Connection, None] = field(default_factory=dict)

    @property
    def max_connections(self) -> int:
        """Bound on all connections, those included that are refused and have not gone yet."""
        return self.limits.max_viewers + 2 * self.limits.max_unidentified


class Connection(ServerConnection):
    """A connection of one feed.

    Args:
        context: what it shares with the others.
        arguments, options: the library's.

    Attributes:
        message_handler: who is told what comes; None until the handshake is done.
        end_reason: why the connection has to end, once that is known; None as its value: it has ended.
        received_s: when something came last.
        paused_s: since when the client takes nothing; None while it does.
    """

    def __init__(self, *arguments: Any, context: ConnectionContext, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self.context = context
        self.message_handler: MessageHandler | None = None
        self.end_reason: asyncio.Future[CloseReason] = self.loop.create_future()
        self.received_s = context.clock()
        self.paused_s: float | None = None
        self._request_bytes = 0
        self._is_refused = False
        self._opcode: Opcode | None = None
        self._fragments: list[bytes] = []

    # -- out ------------------------------------------------------------------------------------------

    def write(self, frame: bytes) -> None:
        """Send a frame that is already a websocket frame. Does nothing once the connection is closing."""
        if self.protocol.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(frame)

    def request_close(self, reason: CloseReason) -> None:
        """Let the connection end; the first reason stands. None: it has ended already."""
        if not self.end_reason.done():
            self.end_reason.set_result(reason)

    async def close_or_abort(self, code: CloseCode, reason: str) -> None:
        """Close with a code, and cut off who does not answer in time."""
        # A client that reads nothing would keep `close` waiting for room in the buffer for ever.
        try:
            async with asyncio.timeout(self.context.limits.close_s):
                await self.close(code, reason)
        except TimeoutError:
            self.transport.abort()
            await self.wait_closed()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self.paused_s = self.context.clock()

    def resume_writing(self) -> None:
        """The client has taken enough; whoever waits for that is told."""
        super().resume_writing()
        self.paused_s = None
        if self.message_handler is not None:
            self.message_handler.on_writable()

    # -- in -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Let the library parse what came, unless it is too much, or nobody listens any more."""
        self.received_s = self.context.clock()
        if self._is_refused:
            return
        if self.request is None:
            self._request_bytes += len(data)
            if self._request_bytes > self.context.limits.max_request_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "This request is too long.")
                return
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()

    def process_event(self, event: Event) -> None:
        """Hand over messages as soon as they are complete."""
        if not isinstance(event, Frame):
            super().process_event(event)
        elif not self.end_reason.done():
            try:
                self._receive(event)
            except Refusal as refusal:
                self.request_close((refusal.code, refusal.reason))
            except Exception:  # of the program's, not of the client's
                log.exception("what a client said could not be handled")
                self.request_close((CloseCode.INTERNAL_ERROR, "the feed failed."))

    def _receive(self, frame: Frame) -> None:
        if self.message_handler is None:
            raise Refusal(CloseCode.OUT_OF_TURN, "nothing may be said before the welcome.")
        self.message_handler.on_frame()
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._opcode, self._fragments = frame.opcode, [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
        else:
            return
        if not frame.fin:
            if len(self._fragments) >= self.context.limits.max_fragments:
                raise Refusal(CloseCode.TOO_FAST, f"more than {self.context.limits.max_fragments} fragments.")
            return
        data, self._fragments = b"".join(self._fragments), []
        if self._opcode is Opcode.BINARY:
            self.message_handler.on_binary(data)
        else:
            self._text(data, self.message_handler)

    def _text(self, data: bytes, handler: MessageHandler) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Refusal(CloseCode.INVALID_DATA, "the text is not UTF-8.") from None
        handler.on_text(text)

    # -- its place ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among those that have not identified themselves; the oldest of too many has to go."""
        super().connection_made(transport)
        unidentified = self.context.unidentified
        self.context.connections.add(self)
        unidentified[self] = None
        if len(unidentified) > self.context.limits.max_unidentified:
            next(iter(unidentified)).give_way()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back, and let nobody wait for this client any more."""
        self.context.connections.discard(self)
        self.context.unidentified.pop(self, None)
        super().connection_lost(exc)
        self.request_close(None)
        if self.message_handler is not None:
            self.message_handler.on_writable()

    def identified(self, max_message_bytes: int) -> None:
        """The client has shown a valid token: it may say more at a time, and does not have to give way."""
        self.context.unidentified.pop(self, None)
        self.protocol.max_message_size = max_message_bytes

    def give_way(self) -> None:
        """End for want of room, and say so: by close code to a websocket, by HTTP status before that."""
        self.context.unidentified.pop(self, None)
        if self.state is State.CONNECTING and self.request is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, NO_ROOM)
        elif self.state is State.OPEN and len(self.context.connections) <= self.context.max_connections:
            self.request_close((CloseCode.TRY_AGAIN_LATER, NO_ROOM))
        else:
            self.transport.abort()

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Answer a request that is not there yet. What still comes of it is not looked at."""
        self._is_refused = True
        self.context.refused[status] = self.context.refused.get(status, 0) + 1
        body = f"{sentence}\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        # Closing at once can take the answer back: what the client still sends is met with a reset.
        if len(self.context.connections) > self.context.max_connections:
            self.transport.close()
        else:
            self.loop.call_later(REFUSED_S, self.transport.abort)
