"""One websocket connection, as the feed uses it: frames in and out at once, without a queue of its own.

The library does the handshake, the parsing and the closing. Messages are handed over as soon as their last
fragment is there, and frames are written as they are, the same bytes to every client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.limits import Limits

log = logging.getLogger(__name__)

MAX_UNREAD_BYTES: Final = 1024 * 1024
"""A client is cut off when more than this waits to be written to it: answers to a flood of pings."""

CloseReason = tuple[CloseCode, str] | None


class MessageHandler(Protocol):
    """Who is told what comes over a line."""

    def on_frame(self) -> None:
        """A frame of any kind has come."""
        ...

    def on_text(self, text: str) -> None:
        """A text message has come."""
        ...

    def on_binary(self, data: bytes) -> None:
        """A binary message has come."""
        ...

    def on_writable(self) -> None:
        """There is room again for frames."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """What all lines of one feed share: bounds, monotonic seconds, and who is there."""

    limits: Limits
    clock: Callable[[], float]
    connections: set[Connection]


class Connection(ServerConnection):
    """A connection of one feed; see `connection_class`."""

    context: ClassVar[ConnectionContext]

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (the library's)
        super().__init__(*args, **options)
        self.message_handler: MessageHandler | None = None
        self.end_reason: asyncio.Future[CloseReason] = self.loop.create_future()
        self.received_s = self.context.clock()
        self.paused_s: float | None = None
        self._opcode: Opcode | None = None
        self._fragments: list[bytes] = []

    # -- out ------------------------------------------------------------------------------------------

    def write(self, frame: bytes) -> None:
        """Send a frame that is already a websocket frame. Does nothing once the connection is closing."""
        if self.protocol.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(frame)

    def request_close(self, reason: CloseReason) -> None:
        """Let the connection end; the first verdict stands. None: it has ended already."""
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
        """There is room again."""
        super().resume_writing()
        self.paused_s = None
        if self.message_handler is not None:
            self.message_handler.on_writable()

    # -- in -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Something was heard of the client."""
        self.received_s = self.context.clock()
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

    # -- being there ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it; one too many is cut off."""
        super().connection_made(transport)
        self.context.connections.add(self)
        if (
            len(self.context.connections)
            > self.context.limits.max_viewers + self.context.limits.max_idle_sockets
        ):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self.context.connections.discard(self)
        super().connection_lost(exc)
        self.request_close(None)
        if self.message_handler is not None:
            self.message_handler.on_writable()  # nobody has to wait for room any more


def connection_class(context: ConnectionContext) -> type[Connection]:
    """The class of one feed's connections: the library makes them, and takes no further arguments."""
    return type("FeedLine", (Connection,), {"context": context})
