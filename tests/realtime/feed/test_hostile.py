"""Clients that mean no good: whatever they send costs only their own connection."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import zlib
from contextlib import closing
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from core.wire import encode
from realtime.feed.client_messages import Ping
from realtime.feed.close_codes import CloseCode
from realtime.feed.sink import FeedSink
from tests.realtime.feed.feedside import (
    LIMITS,
    asynchronous,
    connected,
    joined,
    not_reading,
    serving,
    small_window,
)
from tests.realtime.feed.test_http import UPGRADE


def handshake(port, path="/v1/stream", **more):
    headers = {"Host": f"127.0.0.1:{port}", **UPGRADE, **more}
    return "\r\n".join([f"GET {path} HTTP/1.1", *map(": ".join, headers.items()), "", ""]).encode()


def compressed(data):
    """A text frame that says it is compressed."""
    frame = Frame(Opcode.TEXT, data).serialize(mask=True)
    return bytes([frame[0] | 0x40]) + frame[1:]


async def healthy_still(feed, healthy, hello):
    """Others have noticed nothing."""
    feed.publish(hello, 0)
    assert (await healthy.hear())["reason"] == "new_run"
    assert await healthy.text() == encode(hello, 0)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"control": "stop"}', 4000),
        ("", 4000),
        ("not JSON", 4000),
        ('{"type":"identify","protocol":"1.0","token":"x","colour":1}', 4000),
        ('{"type":"weather"}', 4000),
        ("[" * 1_000, 4000),
        ('{"type":"ping","id":1}', 4005),
        (b"\0\1\2", 1003),
        ("x" * 2 * 1024 * 1024, 1009),
        (b"x" * 2 * 1024 * 1024, 1009),
        ("x" * 1024, 4000),
        ("x" * 1025, 1009),
    ],
    ids=["no type", "empty", "no JSON", "unknown field", "unknown type", "deep", "out of turn", "binary",
         "2 MiB", "2 MiB binary", "just within the limit", "just beyond the limit"],
)  # fmt: skip
@asynchronous
async def test_whatever_a_client_says_ends_its_own_connection_only(hello, message, code):
    async with serving() as feed, joined(feed) as healthy:
        async with connected(feed) as hostile:
            await hostile.say(message)
            messages, closed = await hostile.rest()
            assert closed == code
            assert [m["type"] for m in messages] == (["error"] if code in {4000, 4005} else [])
        await healthy_still(feed, healthy, hello)


@pytest.mark.parametrize(
    ("message", "code"),
    [("[" * 60_000, 4000), ("x" * 64 * 1024, 4000), ("x" * (64 * 1024 + 1), 1009)],
    ids=["deep", "just within the limit", "just beyond the limit"],
)
@asynchronous
async def test_who_is_in_may_say_more_at_a_time_and_still_ends_only_its_own_connection(hello, message, code):
    async with serving() as feed, joined(feed) as healthy:
        async with joined(feed) as hostile:
            await hostile.say(message)
            assert await hostile.code() == code
        await healthy_still(feed, healthy, hello)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe{}").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"\xed\xa0\x80").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
        (Frame(Opcode.CONT, b"{}").serialize(mask=True), 1002),
        (compressed(b"{}"), 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1002),
    ],
    ids=["no UTF-8", "a surrogate", "unmasked", "continues nothing", "compressed", "unknown opcode", "huge"],
)
@asynchronous
async def test_frames_that_break_the_rules_end_their_own_connection_only(hello, data, code):
    async with serving() as feed, joined(feed) as healthy:
        async with connected(feed) as hostile:
            hostile.socket.transport.write(data)
            assert await hostile.code() in {code, 1009}
        await healthy_still(feed, healthy, hello)


@asynchronous
async def test_bytes_that_are_no_websocket_frame_end_their_own_connection_only(hello):
    async with serving() as feed, joined(feed) as healthy:
        async with connected(feed) as hostile:
            hostile.socket.transport.write(os.urandom(4096).replace(b"\x81", b"\xff"))
            await hostile.socket.wait_closed()
        await healthy_still(feed, healthy, hello)


@pytest.mark.parametrize("size", [0, 1])
@asynchronous
async def test_a_flood_of_tiny_fragments_is_refused_long_before_it_fills_the_memory(hello, size):
    piece = Frame(Opcode.CONT, b"x" * size, fin=False).serialize(mask=True)
    async with serving() as feed, joined(feed) as healthy:
        async with joined(feed) as hostile:
            hostile.socket.transport.write(
                Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True) + piece * 20_000
            )
            assert await hostile.code() == CloseCode.TOO_FAST
        await healthy_still(feed, healthy, hello)


@asynchronous
async def test_a_message_in_a_few_fragments_is_understood():
    async with serving() as feed, joined(feed) as client:
        await client.socket.send(iter(['{"type":', '"ping",', '"id":3}']))
        assert (await client.hear())["id"] == 3


@asynchronous
async def test_a_client_that_says_too_much_too_fast_is_disconnected(hello):
    async with serving() as feed, joined(feed) as healthy:
        async with joined(feed) as hostile:
            for number in range(LIMITS.message_burst + 20):
                await hostile.say(Ping(number))
            messages, code = await hostile.rest()
            assert code == CloseCode.TOO_FAST
            assert len(messages) <= LIMITS.message_burst + 5
        await healthy_still(feed, healthy, hello)


@asynchronous
async def test_a_client_that_makes_the_feed_answer_and_never_reads_is_disconnected():
    limits = replace(LIMITS, messages_per_s=1e6, message_burst=10**6, max_backlog=200)
    async with serving(limits) as feed, not_reading(feed) as hostile:
        [connection] = feed._clients
        while not connection.end_reason.done():
            hostile.socket.transport.write(Frame(Opcode.TEXT, b'{"type":"ping","id":1}').serialize(mask=True))
            await asyncio.sleep(0)
        assert connection.end_reason.result()[0] is CloseCode.TOO_SLOW
        hostile.socket.transport.abort()


@asynchronous
async def test_compression_is_not_offered_so_there_is_no_bomb(hello):
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = bomb.compress(b"x" * 50_000_000) + bomb.flush()
    async with serving() as feed, joined(feed) as healthy:
        async with connect(feed.url, compression="deflate", proxy=None) as hostile:
            assert hostile.response.headers.get("Sec-WebSocket-Extensions") is None
            hostile.transport.write(compressed(data))
            await hostile.wait_closed()
            assert hostile.close_code in {1002, 1009}
        await healthy_still(feed, healthy, hello)


# --- before the websocket ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n" + b"X-Header: x\r\n" * 10_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX-Header: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n folded\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\r\n\r\n",
    ],
    ids=["10000 headers", "long header", "long path", "folded", "version", "TLS", "nothing"],
)
def test_requests_beyond_all_bounds_are_refused(request_):
    with closing(FeedSink(port=0, limits=LIMITS)) as feed, closing(socket.socket()) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", feed.port))
        answer = b""
        try:
            sock.sendall(request_)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                answer += piece
        except ConnectionError:
            pass
        assert b" 200 " not in answer
        assert b" 101 " not in answer


@asynchronous
async def test_a_request_that_never_ends_is_cut_off():
    async with serving(replace(LIMITS, open_s=0.2)) as feed:
        reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: ")
        assert await reader.read() == b""
        writer.close()


def test_a_client_that_sends_pings_and_reads_nothing_is_cut_off():
    pings = (bytes([0x89, 0x80 | 125]) + bytes(4) + b"x" * 125) * 100_000
    with closing(FeedSink(port=0, limits=LIMITS)) as feed, closing(small_window()) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", feed.port))
        sock.sendall(handshake(feed.port))
        assert sock.recv(12) == b"HTTP/1.1 101"
        with pytest.raises(ConnectionError):
            sock.sendall(pings)


def test_whoever_speaks_before_the_welcome_gains_nothing():
    early = Frame(Opcode.TEXT, json.dumps({"type": "ping", "id": 1}).encode()).serialize(mask=True)
    with closing(FeedSink(port=0, limits=LIMITS)) as feed, closing(socket.socket()) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", feed.port))
        sock.sendall(handshake(feed.port) + early * 50)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
        assert b"pong" not in answer
        assert b"identified" not in answer
