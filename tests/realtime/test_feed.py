"""The feed as clients meet it: real sockets on a port that the system chooses."""

from __future__ import annotations

import asyncio
import functools
import http.client
import json
import logging
import os
import socket
import threading
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_sync

from core.errors import FeedError
from core.events import EmotionEstimate, Status, Transcript
from core.wire import decode, encode
from realtime.feed.server import MAX_SOCKETS, Feed
from realtime.feed.sink import FeedSink
from realtime.feed.viewer import Limits

LIMITS = Limits(close_s=0.5)
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def asynchronous(test):
    """Run a coroutine test on a loop of its own, for at most 20 s."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 20))

    return run


@asynccontextmanager
async def serving(limits=LIMITS):
    feed = Feed(port=0, limits=limits)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.close()


async def until(condition):
    """Let the loop run until `condition()` holds."""
    while not condition():  # noqa: ASYNC110  (what is waited for has no event)
        await asyncio.sleep(0.001)


@asynccontextmanager
async def watching(feed, **options):
    before = feed.viewers
    async with connect(feed.url, compression=None, proxy=None, **options) as client:
        await until(lambda: feed.viewers > before)
        yield client


async def receive(client, count):
    return [json.loads(await client.recv()) for _ in range(count)]


async def rest(client):
    """Everything until the connection closes, and how it closed."""
    messages = []
    try:
        while True:
            messages.append(json.loads(await client.recv()))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else 1006


def only(conversation, kind, **attributes):
    return next(
        e for e in conversation
        if isinstance(e, kind) and all(getattr(e, name) == value for name, value in attributes.items())
    )  # fmt: skip


# --- what viewers are told ---------------------------------------------------------------------------


@asynchronous
async def test_a_viewer_receives_every_event_in_order_with_increasing_numbers(conversation):
    async with serving() as feed, watching(feed) as client:
        for seq, event in enumerate(conversation):
            feed.publish(event, seq)
            assert await client.recv() == encode(event, seq)


@asynchronous
async def test_a_viewer_who_joins_late_is_told_the_conversation_so_far_and_then_the_news(conversation):
    async with serving() as feed:
        half = len(conversation) // 2
        for seq, event in enumerate(conversation[:half]):
            feed.publish(event, seq)
        async with watching(feed) as client:
            for seq, event in enumerate(conversation[half:], start=half):
                feed.publish(event, seq)
            closing_ = asyncio.create_task(feed.close())
            told, code = await rest(client)
            await closing_
    events = [decode(json.dumps(message)) for message in told]
    numbers = [seq for _, seq in events]
    assert code == 1001
    assert told[0]["type"] == "hello"
    assert numbers == sorted(set(numbers))
    early = [message for message in told if message["seq"] < half]
    finals = {message["id"] for message in early if message["type"] == "estimate" and message["final"]}
    assert finals == {e.id for e in conversation[:half] if isinstance(e, EmotionEstimate) and e.final}
    rolling = [m["person"] for m in early if m["type"] == "estimate" and not m["final"]]
    assert sorted(rolling) == ["p1", "p2"]
    assert told[-1]["type"] == "end"


@asynchronous
async def test_a_new_run_begins_a_new_history(conversation, hello):
    async with serving() as feed:
        for seq, event in enumerate(conversation):
            feed.publish(event, seq)
        feed.publish(replace(hello, source="another"), 0)
        async with watching(feed) as client:
            (first,) = await receive(client, 1)
            feed.publish(Status(0.0, "gap", "info", "A gap."), 1)
            (second,) = await receive(client, 1)
    assert (first["source"], second["seq"]) == ("another", 1)


@asynchronous
async def test_at_the_end_viewers_receive_what_waits_and_are_sent_away(conversation):
    feed = Feed(port=0, limits=LIMITS)
    await feed.start()
    async with watching(feed) as client:
        for seq, event in enumerate(conversation):
            feed.publish(event, seq)
        closing_ = asyncio.create_task(feed.close())
        messages, code = await rest(client)
        await closing_
    assert messages[-1]["type"] == "end"
    assert code == 1001
    await feed.close()
    with pytest.raises(FeedError, match="not open"):
        feed.publish(conversation[0], 0)


# --- viewers that are slow ---------------------------------------------------------------------------


def small_window():
    """A client socket that takes little before the server feels that nobody reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock


@asynccontextmanager
async def not_reading(feed):
    sock = small_window()
    sock.connect(("127.0.0.1", feed.port))
    async with watching(feed, sock=sock, max_queue=1) as client:
        yield client


@asynchronous
async def test_a_viewer_who_pauses_gets_only_the_newest_estimates_and_nobody_waits_for_it(conversation):
    estimate = only(conversation, EmotionEstimate, person="p1", final=False)
    final = only(conversation, EmotionEstimate, final=True)
    count = 1500
    async with serving() as feed, not_reading(feed) as paused, watching(feed) as healthy:
        for seq in range(count):
            feed.publish(replace(estimate, revision=seq), seq)
            assert json.loads(await healthy.recv())["seq"] == seq
        feed.publish(final, count)
        assert json.loads(await healthy.recv())["seq"] == count
        closing_ = asyncio.create_task(feed.close())
        messages, code = await rest(paused)
        await closing_
    numbers = [message["seq"] for message in messages]
    assert len(numbers) < count
    assert numbers == sorted(numbers)
    assert numbers[-2:] == [count - 1, count]
    assert code == 1001


@asynchronous
async def test_a_viewer_whose_backlog_is_too_long_is_disconnected_and_the_others_lose_nothing(
    conversation,
):
    transcript = only(conversation, Transcript, final=True)
    limits = replace(LIMITS, max_backlog=100)
    async with serving(limits) as feed, not_reading(feed) as stalled, watching(feed) as healthy:
        seq = 0
        while feed.viewers == 2:
            feed.publish(replace(transcript, utterance=f"u{seq}"), seq)
            assert json.loads(await healthy.recv())["seq"] == seq
            seq += 1
        messages, code = await rest(stalled)
    assert code in {4008, 1006}  # cut off when not even the close frame finds room
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    assert len(messages) < seq


@asynchronous
async def test_a_viewer_who_takes_nothing_for_too_long_is_disconnected_with_the_code_for_it(conversation):
    transcript = only(conversation, Transcript, final=True)
    limits = replace(LIMITS, stall_s=0.1, close_s=5.0)
    async with serving(limits) as feed, not_reading(feed) as stalled:
        viewer = next(iter(feed._viewers))
        for seq in range(500):
            feed.publish(replace(transcript, utterance=f"u{seq}"), seq)
        await until(viewer._verdict.done)
        _, code = await rest(stalled)
    assert code == 4008


# --- viewers that are hostile ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"control": "stop"}', 1008),
        ("", 1008),
        (b"\0\1\2", 1003),
        ("x" * 2 * 1024 * 1024, 1009),
        (b"x" * 2 * 1024 * 1024, 1009),
        ("x" * 64 * 1024, 1008),
    ],
    ids=["control", "empty", "binary", "2 MiB", "2 MiB binary", "just within the limit"],
)
@asynchronous
async def test_whatever_a_viewer_says_ends_its_own_connection_only(conversation, message, code):
    async with serving() as feed, watching(feed) as healthy:
        async with watching(feed) as hostile:
            await hostile.send(message)
            assert await rest(hostile) == ([], code)
        for seq, event in enumerate(conversation):
            feed.publish(event, seq)
            assert await healthy.recv() == encode(event, seq)


@asynchronous
async def test_bytes_that_are_no_websocket_frame_end_their_own_connection_only(hello):
    async with serving() as feed, watching(feed) as healthy:
        async with watching(feed) as hostile:
            hostile.transport.write(os.urandom(4096).replace(b"\x81", b"\xff"))
            await hostile.wait_closed()
        feed.publish(hello, 0)
        assert await healthy.recv() == encode(hello, 0)


@asynchronous
async def test_there_is_a_bound_on_viewers(hello):
    async with serving(replace(LIMITS, max_viewers=1)) as feed:
        async with watching(feed):
            with pytest.raises(InvalidStatus) as refused:
                await connect(feed.url, proxy=None)
            assert refused.value.response.status_code == 503
        await until(lambda: feed.viewers == 0)
        async with watching(feed) as client:
            feed.publish(hello, 0)
            assert await client.recv() == encode(hello, 0)


@asynchronous
async def test_connections_that_say_nothing_are_bounded_and_do_not_delay_the_end():
    feed = Feed(port=0, limits=LIMITS)
    await feed.start()
    streams = [await asyncio.open_connection("127.0.0.1", feed.port) for _ in range(MAX_SOCKETS)]
    reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    async with asyncio.timeout(1):
        await feed.close()
    for _, each in [*streams, (reader, writer)]:
        each.close()


def test_a_client_that_sends_pings_and_reads_nothing_is_cut_off():
    pings = (bytes([0x89, 0x80 | 125]) + bytes(4) + b"x" * 125) * 100_000
    with closing(FeedSink(port=0, limits=LIMITS)) as feed, closing(small_window()) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", feed.port))
        sock.sendall(handshake(feed.port))
        assert sock.recv(12) == b"HTTP/1.1 101"
        with pytest.raises(ConnectionError):
            sock.sendall(pings)


def handshake(port):
    lines = ["GET /v1/stream HTTP/1.1", f"Host: 127.0.0.1:{port}", *map(": ".join, UPGRADE.items()), "", ""]
    return "\r\n".join(lines).encode()


# --- who may come in ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def feed():
    with closing(FeedSink(port=0, limits=LIMITS)) as feed:
        yield feed


def fetch(feed, path="/", *, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", feed.port, timeout=10)
    with closing(connection):
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value.format(port=feed.port))
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/?from=link", "text/html"),
        ("/app.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_is_served_with_headers_that_keep_foreign_content_out(feed, path, kind):
    response, body = fetch(feed, path)
    assert response.status == 200
    assert body
    assert response.headers["Content-Type"].startswith(kind)
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in response.headers


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/%2e%2e/server.py", "/..%2fserver.py", "//etc/passwd", "/app.js/", "/v1/", "/.git",
     "/index.html%00"],
)  # fmt: skip
def test_nothing_but_the_page_s_files_can_be_fetched(feed, path):
    response, _ = fetch(feed, path)
    assert response.status == 404
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:{port}.evil.example"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}", "Origin": "http://[::1]:{port}"}, 200),
        ({"Origin": "http://localhost:{port}"}, 200),
    ],
)
def test_a_page_of_another_site_can_neither_fetch_the_page_nor_open_the_stream(feed, headers, status):
    response, _ = fetch(feed, "/", **headers)
    assert response.status == status
    response, _ = fetch(feed, "/v1/stream", **headers, **UPGRADE)
    assert response.status == (101 if status == 200 else status)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/", 405), ("HEAD", "/", 405), ("GET", "/v1/stream", 426)]
)
def test_only_get_is_understood_and_the_stream_needs_a_websocket(feed, method, path, status):
    response, _ = fetch(feed, path, method=method)
    assert response.status == status


# --- opening and threads -----------------------------------------------------------------------------


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do(feed):
    with pytest.raises(FeedError, match=r"in use by another program.*--port") as caught:
        FeedSink(port=feed.port)
    assert str(feed.port) in str(caught.value)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.2", "::", "example.org"])
def test_the_feed_is_never_opened_to_the_network(host):
    with pytest.raises(FeedError, match=r"127\.0\.0\.1"):
        Feed(host, 0)


def test_events_written_from_another_thread_arrive_in_order(conversation):
    with closing(FeedSink(port=0, limits=LIMITS)) as feed:
        with connect_sync(feed.url, compression=None, proxy=None) as client:
            statuses = [Status(float(n), "gap", "info", "A gap.") for n in range(500)]

            def write():
                for seq, event in enumerate([conversation[0], *statuses]):
                    feed.write(event, seq)

            writer = threading.Thread(target=write)
            writer.start()
            received = [json.loads(client.recv(timeout=10))["seq"] for _ in range(501)]
            writer.join()
        feed.close()
        feed.close()
        with pytest.raises(FeedError):
            feed.write(conversation[0], 0)
    assert received == list(range(501))


@asynchronous
async def test_words_of_the_conversation_never_reach_the_log(conversation, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving() as feed, watching(feed) as client:
        logging.getLogger("websockets.client").setLevel(logging.WARNING)
        for seq, event in enumerate(conversation):
            feed.publish(event, seq)
        await receive(client, 10)
    assert "emotrack.feed" in {record.name for record in caplog.records}
    assert "jacket" not in caplog.text
