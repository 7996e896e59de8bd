"""A feed on a port that the system chooses, and clients that speak to it over real sockets."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from realtime.feed.client_messages import Identify, Resume, Subscription
from realtime.feed.codec import write
from realtime.feed.limits import Limits
from realtime.feed.server import Feed

LIMITS = Limits(close_s=0.5)
ANSWERS = {"welcome", "identified", "snapshot", "replay", "gap", "pong", "result", "error", "ack", "lag"}


def asynchronous(test):
    """Run a coroutine test on a loop of its own, for at most 30 s."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 30))

    return run


@asynccontextmanager
async def serving(limits=LIMITS, host="127.0.0.1", **options):
    feed = Feed(host, 0, limits=limits, **options)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.close()


async def until(condition):
    """Let the loop run until `condition()` holds."""
    while not condition():  # noqa: ASYNC110  (what is waited for has no event)
        await asyncio.sleep(0.001)


def small_window():
    """A client socket that takes little before the server feels that nobody reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock


class Client:
    """What a test says and hears over one connection."""

    def __init__(self, socket_):
        self.socket = socket_

    async def text(self):
        return await self.socket.recv()

    async def hear(self):
        return json.loads(await self.socket.recv())

    async def hear_many(self, count):
        return [await self.hear() for _ in range(count)]

    async def say(self, message):
        await self.socket.send(message if isinstance(message, str | bytes) else write(message))

    async def rest(self):
        """Everything until the connection closes, and how it closed."""
        messages = []
        try:
            while True:
                messages.append(await self.hear())
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else 1006

    async def code(self):
        """How the connection ends."""
        return (await self.rest())[1]

    async def told(self):
        """A snapshot or replay with its messages: the announcement, and the events."""
        announcement = await self.hear()
        if announcement["type"] == "gap":
            return announcement, await self.told()
        return announcement, await self.hear_many(announcement["count"])


@asynccontextmanager
async def connected(feed, url=None, **options):
    """A client that has been welcomed and has said nothing."""
    async with connect(url or feed.url, compression=None, proxy=None, max_size=None, **options) as socket_:
        client = Client(socket_)
        assert (await client.hear())["type"] == "welcome"
        yield client


@asynccontextmanager
async def watching(
    feed,
    right="view",
    *,
    resume=None,
    subscribe=None,
    session=None,
    protocol="1.0",
    url=None,
    ingest=None,
    **options,
):
    """A client that is in; `client.identified` is how it was received."""
    async with connected(feed, url, **options) as client:
        identify = Identify(
            protocol, getattr(feed.tokens, right), session=session, ingest=ingest,
            resume=None if resume is None else Resume(*resume),
            subscribe=None if subscribe is None else Subscription(**subscribe),
        )  # fmt: skip
        await client.say(identify)
        client.identified = await client.hear()
        yield client


@asynccontextmanager
async def joined(feed, right="view", **options):
    """A client that has been told the snapshot; `client.snapshot` and `client.past` hold it."""
    async with watching(feed, right, **options) as client:
        client.snapshot, client.past = await client.told()
        yield client


@asynccontextmanager
async def not_reading(feed, **options):
    """A client that has joined and takes nothing from then on."""
    sock = small_window()
    sock.connect(("127.0.0.1", feed.port))
    async with joined(feed, sock=sock, max_queue=1, **options) as client:
        client.socket.transport.pause_reading()
        yield client


def publish_all(feed, events, start=0, session="main"):
    for seq, event in enumerate(events, start):
        feed.publish(event, seq, session)


class Target:
    """Notes what it is asked, and fails as told."""

    def __init__(self):
        self.asked = []
        self.error = None

    def _do(self, *what):
        if self.error is not None:
            raise self.error
        self.asked.append(what)

    def start(self):
        self._do("start")

    def stop(self):
        self._do("stop")

    def withdraw(self):
        self._do("withdraw")

    def mute(self, modality, *, muted):
        self._do("mute", modality, muted)

    def mark(self, label, t_s):
        self._do("mark", label, t_s)

    def correct(self, estimate, person, labels):
        self._do("correct", estimate, person, labels)
