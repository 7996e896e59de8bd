"""Many viewers in one process, for `bench feed`: they look at time stamps and parse nothing else.

The client of a library would be the bottleneck: this one reads websocket frames by their length alone. Prints
one line of JSON once all are in, and one with what they saw. The word "storm" on standard input makes all of
them drop their connections and come back at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

BIN_MS: Final = 0.1
_STAMP: Final = b'"id":"'
_SEQ: Final = b'"seq":'
_RUN: Final = b'"run":"'
_SMALL: Final = 4096
_ATONCE: Final = 25


@dataclass(slots=True)
class Seen:
    """What all viewers of a process saw.

    Attributes:
        delays: bins of `BIN_MS` -> how many estimates took so long.
        events: estimates received.
        since_s: those said before are not measured, only counted.
        finals: for each viewer, how many final estimates it was told.
    """

    delays: Counter[int] = field(default_factory=Counter)
    events: int = 0
    since_s: float = 0.0
    finals: list[int] = field(default_factory=list)
    back_s: float = 0.0


class Viewer(asyncio.Protocol):
    """One connection after the other of one viewer.

    Args:
        number: its index in `seen.finals`.
        token: what it identifies itself with; None for servers that ask for nothing.
        seen: where it notes what it sees.
    """

    def __init__(self, number: int, token: str | None, seen: Seen) -> None:
        self._number = number
        self._token = token
        self._seen = seen
        self._resume: dict[str, Any] | None = None
        self.transport: asyncio.Transport | None = None
        self.run, self.seq = "", -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the websocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._data, self._open = b"", False
        self.joined = asyncio.get_running_loop().create_future()
        host, port = transport.get_extra_info("peername")[:2]
        transport.write(
            f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        data = self._data + data
        if not self._open:
            head, mark, data = data.partition(b"\r\n\r\n")
            if not mark:
                self._data = head
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self._open = True
            if self._token is None:
                self.joined.set_result(None)
        place = 0
        while (end := _end_of_frame(data, place)) is not None:
            self._frame(data[place], data[end[0] : end[1]])
            place = end[1]
        self._data = data[place:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for it any more."""
        if not self.joined.done():
            self.joined.set_exception(ConnectionError("refused"))

    def identify(self) -> None:
        """Say who it is; where it was, if it comes back."""
        message = {"type": "identify", "protocol": "1.0", "token": self._token}
        if self.run and self.seq >= 0:
            message["resume"] = {"run": self.run, "seq": self.seq}  # type: ignore[assignment]
        assert self.transport is not None
        self.transport.write(_masked(json.dumps(message).encode()))

    def _frame(self, first: int, payload: bytes) -> None:
        if first & 0x0F != 1:
            return
        stamp = payload.find(_STAMP, 0, 120)
        if payload.startswith(b'{"type":"estimate"'):
            self._estimate(payload, stamp)
        elif payload.startswith(b'{"type":"welcome"'):
            self.identify()
        elif payload.startswith((b'{"type":"snapshot"', b'{"type":"replay"')):
            self.run = _between(payload, _RUN, b'"').decode()
            self.seq = max(self.seq, 0)
            if not self.joined.done():
                self.joined.set_result(None)

    def _estimate(self, payload: bytes, stamp: int) -> None:
        seen, said_s = self._seen, float(payload[stamp + len(_STAMP) : payload.index(b'"', stamp + 6)])
        self.seq = int(_between(payload, _SEQ, b","))
        seen.events += 1
        seen.finals[self._number] += b'"final":true' in payload
        if said_s >= seen.since_s:
            seen.delays[int((time.monotonic() - said_s) * 1000 / BIN_MS)] += 1


def _between(payload: bytes, begin: bytes, end: bytes) -> bytes:
    start = payload.index(begin) + len(begin)
    return payload[start : payload.index(end, start)]


def _end_of_frame(data: bytes, place: int) -> tuple[int, int] | None:
    """Begin and end of the payload of the frame at `place`, None while it is not whole."""
    if len(data) < place + 2:
        return None
    length, begin = data[place + 1], place + 2
    if length == 126:
        begin += 2
    elif length == 127:
        begin += 8
    if len(data) < begin:
        return None
    if length >= 126:
        length = int.from_bytes(data[place + 2 : begin], "big")
    return (begin, begin + length) if len(data) >= begin + length else None


def _masked(payload: bytes) -> bytes:
    mask = os.urandom(4)
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return struct.pack(">BBH", 0x81, 0xFE, len(payload)) + mask + body


async def _join(viewer: Viewer, port: int, *, small: bool = False) -> None:
    """Connect until it is let in."""
    sock = socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.create_connection(lambda: viewer, sock=sock)
    await viewer.joined


async def _come_back(viewer: Viewer, port: int) -> None:
    assert viewer.transport is not None
    viewer.transport.abort()
    while True:
        try:
            await _join(viewer, port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            return


async def _watch(port: int, token: str | None, count: int, stalled: bool, warm_s: float) -> None:
    seen = Seen(finals=[0] * count)
    viewers = [Viewer(number, token, seen) for number in range(count)]
    for place in range(0, count, _ATONCE):
        await asyncio.gather(*(_join(viewer, port) for viewer in viewers[place : place + _ATONCE]))
    if stalled:
        lazy = Viewer(0, token, Seen(finals=[0]))
        await _join(lazy, port, small=True)
        assert lazy.transport is not None
        lazy.transport.pause_reading()
    print(json.dumps({"viewers": count}), flush=True)
    while (word := (await asyncio.to_thread(sys.stdin.readline)).strip()) != "end":
        if word == "go":
            seen.since_s = time.monotonic() + warm_s
        elif word == "storm":
            begun_s = time.monotonic()
            await asyncio.gather(*(_come_back(viewer, port) for viewer in viewers))
            seen.back_s = time.monotonic() - begun_s
    result = {"delays": seen.delays, "events": seen.events, "finals": seen.finals, "back_s": seen.back_s}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(_watch(**json.loads(sys.argv[1])))
