"""Attacks from the same machine: all programs share one address, and none of them shuts the owner out."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from core.errors import FeedError
from core.wire import parse
from realtime.feed.client_messages import Identify, Ping
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import write
from realtime.feed.connection import NO_ROOM
from realtime.feed.server import Feed
from tests.realtime.feed.feedside import LIMITS, asynchronous, connected, joined, serving, until
from tests.realtime.feed.test_http import fetch

FEW = replace(LIMITS, max_viewers=8, max_unidentified=40)


async def opened(feed, count):
    """So many TCP connections that say nothing."""
    return [await asyncio.open_connection("127.0.0.1", feed.port) for _ in range(count)]


def repeated(count):
    """A message with so many names, the last of them twice."""
    return json.dumps({f"n{number}": 0 for number in range(count)})[:-1] + f', "n{count - 1}": 0}}'


# --- before a token was shown ------------------------------------------------------------------------


def test_a_message_of_names_alone_is_refused_in_linear_time():
    message = repeated(60_000)
    begun_s = time.process_time()
    with pytest.raises(FeedError, match="field n59999 is repeated"):
        parse(message)
    assert time.process_time() - begun_s < 5  # 0.04 s; comparing each name with all others took 30 s


@asynchronous
async def test_twenty_large_messages_before_identify_are_not_even_looked_at():
    message = repeated(5_184)
    assert len(message) > 36_000 * 1.5
    async with serving() as feed, joined(feed) as healthy:
        for _ in range(20):
            async with connected(feed) as hostile:
                await hostile.say(message)
                assert await hostile.code() == 1009
        await healthy.say(Ping(1))
        assert (await healthy.hear())["type"] == "pong"


@asynchronous
async def test_before_identify_a_client_may_say_little_and_seldom():
    async with serving() as feed, connected(feed) as hostile:
        for _ in range(LIMITS.max_identify_frames + 1):
            await hostile.socket.ping()
        assert await hostile.code() == CloseCode.TOO_FAST


@asynchronous
async def test_a_request_that_is_too_long_is_answered_so():
    async with serving() as feed:
        reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        writer.write(b"GET / HTTP/1.1\r\n" + line * 40)
        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        writer.close()
        assert feed.counts().refused == {431: 1}


# --- places ------------------------------------------------------------------------------------------


@asynchronous
async def test_silent_websockets_fill_their_own_places_and_the_oldest_gives_way():
    async with serving(FEW) as feed, AsyncExitStack() as held:
        silent = [await held.enter_async_context(connected(feed)) for _ in range(2 * FEW.max_unidentified)]
        async with joined(feed):
            pass
        messages, code = await silent[0].rest()
        assert (messages, code) == ([], CloseCode.TRY_AGAIN_LATER)
        assert silent[0].socket.close_reason == NO_ROOM
        assert len(feed._pool.unidentified) <= FEW.max_unidentified


@asynchronous
async def test_idle_connections_cut_nobody_and_the_oldest_are_told_why():
    async with serving(FEW) as feed, joined(feed) as healthy:
        idle = await opened(feed, 2 * FEW.max_unidentified)
        async with joined(feed):
            pass
        response, _ = await asyncio.to_thread(fetch, feed, "/")
        assert response.status == 200
        said = await idle[0][0].read()
        assert said.startswith(b"HTTP/1.1 503 ")
        assert said.endswith(NO_ROOM.encode() + b"\n")
        await healthy.say(Ping(1))
        assert (await healthy.hear())["type"] == "pong"
        for _, writer in idle:
            writer.close()


@asynchronous
async def test_connections_are_bounded_in_all_and_do_not_delay_the_end():
    feed = Feed(port=0, limits=FEW)
    await feed.start()
    idle = await opened(feed, 5 * FEW.max_unidentified)
    await until(lambda: feed.counts().refused.get(503, 0) > 0)
    assert len(feed._pool.connections) <= feed._pool.max_connections
    async with asyncio.timeout(2):
        await feed.close()
    for _, writer in idle:
        writer.close()


@asynchronous
async def test_viewers_that_are_in_never_give_way():
    async with serving(FEW) as feed, AsyncExitStack() as held:
        viewers = [await held.enter_async_context(joined(feed)) for _ in range(FEW.max_viewers - 1)]
        idle = await opened(feed, 2 * FEW.max_unidentified)
        async with joined(feed):
            for number, viewer in enumerate(viewers):
                await viewer.say(Ping(number))
                assert (await viewer.hear())["id"] == number
        for _, writer in idle:
            writer.close()


@pytest.fixture
def many_files():
    """Room for both ends of 500 connections in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
@asynchronous
async def test_in_a_storm_of_500_everybody_is_served_or_told_why():
    async with serving() as feed:

        async def come():
            try:
                async with connect(feed.url, compression=None, proxy=None, open_timeout=25) as socket:
                    await socket.recv()
                    await socket.send(write(Identify("1.0", feed.tokens.view)))
                    if json.loads(await socket.recv())["type"] == "identified":
                        await full.wait()
                        return "served"
                    await socket.recv()
            except InvalidStatus as refused:
                return refused.response.status_code
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else None

        full = asyncio.Event()
        storm = [asyncio.create_task(come()) for _ in range(500)]
        await until(lambda: sum(task.done() for task in storm) >= 500 - LIMITS.max_viewers)
        full.set()
        outcomes = await asyncio.gather(*storm)
    assert outcomes.count("served") == LIMITS.max_viewers
    assert set(outcomes) <= {"served", 503, CloseCode.TRY_AGAIN_LATER}, outcomes


# --- counters, and pages of other sites --------------------------------------------------------------


@asynchronous
async def test_images_of_the_counters_on_a_web_page_lock_nobody_out():
    async with serving(metrics_token=True) as feed:

        async def status(**headers):
            response, _ = await asyncio.to_thread(fetch, feed, "/metrics", **headers)
            return response.status

        image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert [await status(**image) for _ in range(50)] == [403] * 50
        assert [await status() for _ in range(50)] == [401] * 50  # a browser that says nothing of sites
        assert feed.counts().bad_tokens == 0
        assert await status(Authorization=f"Bearer {feed.tokens.view}") == 200
        async with joined(feed):
            pass


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": ["none", "cross-site"]}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8001"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
@asynchronous
async def test_what_a_page_of_another_site_causes_is_refused_unless_it_was_named_or_a_link_was_followed(
    headers, status
):
    async with serving(origins=("http://127.0.0.1:8000",)) as feed:
        for path in ("/", "/healthz", "/metrics", "/client.js"):
            response, _ = await asyncio.to_thread(fetch, feed, path, **headers)
            assert response.status == status
