"""One connected client: its queue, its writer, and the end of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from realtime.feed.message import Message
from realtime.feed.outbox import Outbox


class Close(IntEnum):
    """Close codes that the feed uses itself. 1007 and 1009 come from the websocket library."""

    GOING_AWAY = 1001
    UNSUPPORTED_DATA = 1003
    POLICY_VIOLATION = 1008
    TOO_SLOW = 4008


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what clients can take from the program.

    Attributes:
        max_message_bytes: the largest message that is read from a client.
        max_viewers: viewers at the same time.
        max_history: messages that a late joiner is told at most, besides rolling estimates.
        max_backlog: messages that may not be dropped and may wait for one viewer, beyond its history.
        stall_s: a viewer that takes nothing for this long is disconnected.
        flush_s: how long the feed waits at its end for viewers to take what is left.
        close_s: how long a closing handshake may take.
        socket_buffer_bytes: the kernel's buffer per viewer; what lies there cannot be replaced by news.
        write_limit_bytes: the program's buffer per viewer above which it stops sending.
    """

    max_message_bytes: int = 64 * 1024
    max_viewers: int = 16
    max_history: int = 2000
    max_backlog: int = 2000
    stall_s: float = 10.0
    flush_s: float = 3.0
    close_s: float = 2.0
    socket_buffer_bytes: int = 64 * 1024
    write_limit_bytes: int = 16 * 1024


class Viewer:
    """Sends messages to one client at the client's pace, without ever making the others wait.

    Args:
        connection: the open connection.
        limits: bounds.
        history: what it is told first.
    """

    def __init__(self, connection: ServerConnection, limits: Limits, history: Iterable[Message]) -> None:
        self._connection = connection
        self._limits = limits
        history = list(history)
        self._outbox = Outbox(limits.max_backlog + len(history))
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._verdict: asyncio.Future[tuple[Close, str] | None] = asyncio.get_running_loop().create_future()
        for message in history:
            self.offer(message)

    def offer(self, message: Message) -> None:
        """Let a message wait for its turn. Returns at once; a viewer too far behind is disconnected."""
        if self._verdict.done():
            return
        self._outbox.put(message)
        self._idle.clear()
        self._wake.set()
        if self._outbox.overflows:
            self._decide(Close.TOO_SLOW, "too many messages are waiting for this viewer")

    async def run(self) -> None:
        """Serve until one side ends the connection; it is closed on return."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        try:
            verdict = await self._verdict
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._outbox.clear()
        if verdict is not None:
            await self._close(*verdict)

    async def finish(self) -> None:
        """Give the client a bounded time to take what waits, then say goodbye."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.flush_s):
                await self._idle.wait()
        self._decide(Close.GOING_AWAY, "the feed is over")

    async def _read(self) -> None:
        """Refuse the first thing that the client says: version 1 has nothing for a client to say."""
        with suppress(ConnectionClosed):
            said = await self._connection.recv()
            if isinstance(said, str):
                self._decide(Close.POLICY_VIOLATION, "this feed understands no messages from viewers")
            else:
                self._decide(Close.UNSUPPORTED_DATA, "this feed understands no binary messages")
        self._decide(None)

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = self._outbox.pop()
                if message is None:
                    self._idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                try:
                    async with asyncio.timeout(self._limits.stall_s):
                        await self._connection.send(message.text)
                except TimeoutError:
                    self._decide(Close.TOO_SLOW, "this viewer takes nothing any more")
                    return
        self._decide(None)

    def _decide(self, code: Close | None, reason: str = "") -> None:
        """End the service; the first verdict stands. Without a code the connection is closed already."""
        if not self._verdict.done():
            self._verdict.set_result(None if code is None else (code, reason))
            self._idle.set()

    async def _close(self, code: Close, reason: str) -> None:
        # A client that reads nothing would keep `close` waiting for room in the buffer for ever.
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()
            await self._connection.wait_closed()
