"""A client of the feed: events as an asynchronous iterator, across lost connections.

async with FeedClient(*address_of(printed)) as feed:
    async for told in feed:
        print(told.seq, told.event)
"""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from core.errors import FeedError
from core.events import PROTOCOL_VERSION
from realtime.feed.client_messages import CODE_PATH, STREAM_PATH, Identify, Ping, Request, Subscription
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.codec import read_server, write
from realtime.feed.resume import LOST, AfterClose, ReceivedEvent, ResumePosition, RetryPolicy
from realtime.feed.server_messages import (
    Error,
    Identified,
    Pong,
    Replay,
    Result,
    ServerMessage,
    Snapshot,
    Welcome,
)

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
OPEN_S: Final = 10.0
CODE_TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 4096
RETRYABLE_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP answers after which another attempt may succeed: too many clients, too many wrong tokens..."""

_ANSWER_S: Final = 10.0


def address_of(page: str, path: str = STREAM_PATH) -> tuple[str, str]:
    """The stream's address and the token, from the address of the page that a command of emotrack prints.

    Raises:
        FeedError: it is no such address.
    """
    try:
        parts = urlsplit(page)
        tokens = parse_qs(parts.fragment).get("token", [])
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not match, or a port that is none
        is_address, tokens = False, []
    if not is_address or len(tokens) != 1:
        raise FeedError(
            "is no address of a page of the feed.",
            where=page.partition("#")[0],
            fix="Give the whole address that emotrack prints: it ends in #token=...",
        )
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{path}", tokens[0]


def one_time_address(page: str, context: ssl.SSLContext | None = None) -> str:
    """The address of a page with a one-time code in place of the token: others can read command lines.

    The page that is opened with it within a minute gets a token of its own. Blocks for some milliseconds, at
    most 2 s.

    Args:
        page: the address that a command of emotrack prints, with its token.
        context: for https:// addresses with certificates of one's own.

    Raises:
        FeedError: it is no such address, or the feed cannot be reached, or it refuses the token.
    """
    _, token = address_of(page)
    parts = urlsplit(page)
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=CODE_TIMEOUT_S, context=context)
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=CODE_TIMEOUT_S)
    )
    where = page.partition("#")[0]
    try:
        connection.request("GET", CODE_PATH, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise FeedError(f"cannot be reached: {error}.", where=where) from error
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        raise FeedError(f"gives no one-time code: it answers {response.status}.", where=where)
    return parts._replace(fragment=f"code={json.loads(body)['code']}").geturl()


async def open_connection(
    url: str, identify: Identify, context: ssl.SSLContext | None
) -> tuple[ClientConnection, Identified]:
    """Connect and identify.

    Raises:
        Refusal: the feed closes with a code.
        FeedError: it refuses for good, or speaks another language.
        OSError, TimeoutError, InvalidHandshake: it is not there, or has no room.
    """
    try:
        socket = await connect(
            url, ssl=context, compression=None, proxy=None, max_size=MAX_MESSAGE_BYTES, open_timeout=OPEN_S
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status in RETRYABLE_STATUSES:
            raise
        sentence = (error.response.body or b"")[:MAX_ANSWER_BYTES].decode(errors="replace").strip()
        raise FeedError(f"answers {status}: {sentence}", where=url) from error
    try:
        async with asyncio.timeout(OPEN_S):
            return socket, await _identified(socket, identify)
    except BaseException:
        await socket.close()
        raise


async def _identified(socket: ClientConnection, identify: Identify) -> Identified:
    while True:
        message = await receive(socket)
        if isinstance(message, Welcome):
            await socket.send(write(identify))
        elif isinstance(message, Identified):
            return message
        elif isinstance(message, Error):
            code = _code(message.code)
            fix = f"{code.advice[0].upper()}{code.advice[1:]}."
            raise Refusal(code, message.message, field=message.field, fix=fix)


async def receive(socket: ClientConnection) -> ServerMessage | tuple[Any, int] | None:
    """The next message; see `read_server`.

    Raises:
        Refusal: the connection has ended; its code says how, `CloseCode.INTERNAL_ERROR` for an unknown one.
        FeedError: not a message.
    """
    try:
        return read_server(await socket.recv(decode=True))
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else LOST
        reason = closed.rcvd.reason if closed.rcvd is not None else ""
        raise Refusal(_code(code), reason or "the connection is lost.") from closed
    except UnicodeDecodeError as error:
        raise FeedError("message is not UTF-8.") from error


def _code(code: int) -> CloseCode:
    return CloseCode(code) if code in set(CloseCode) else CloseCode.INTERNAL_ERROR


class FeedClient:
    """Follows a session: every event once, in order, whatever happens to the connection.

    Rolling estimates that newer ones replaced may be left out; nothing else is, unless the feed itself has
    forgotten it. The iteration ends when the session is over, and goes on when a feed comes back. It reads
    only while it is asked for the next event, so who is slow is told less, as the feed decides.

    Args:
        url: of the stream; `address_of` finds it.
        token: gives the rights.
        session: which one; None = the newest, and if there is none yet, the first that comes.
        subscription: which events; None = all.
        name: of the program, for people.
        retry: how to try again.
        context: for wss:// addresses with certificates of one's own.
        sleep: waits for so many seconds.

    Attributes:
        identified: how the feed received this client last; None before.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        session: str | None = None,
        subscription: Subscription | None = None,
        name: str = "",
        retry: RetryPolicy | None = None,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._identify = Identify(
            PROTOCOL_VERSION, token, client=name, session=session, subscribe=subscription
        )
        self._position = ResumePosition(session)
        self._retry = retry or RetryPolicy()
        self._context = context
        self._sleep = sleep
        self._socket: ClientConnection | None = None
        self._waiting: dict[int, asyncio.Future[Result | Pong]] = {}
        self._numbers = itertools.count(1)
        self._events: AsyncGenerator[ReceivedEvent, None] | None = None
        self.identified: Identified | None = None

    def __aiter__(self) -> AsyncIterator[ReceivedEvent]:
        """The events. All iterations share one connection and go on where the last one stopped.

        Raises:
            Refusal: the feed refuses this client for good; `code.advice` says what to do.
            FeedError: it cannot be reached within `retry.patience_s`, or does not speak the protocol.
        """
        if self._events is None:
            self._events = self._follow()
        return self._events

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye. Not while another task iterates."""
        if self._events is not None:
            await self._events.aclose()
        if self._socket is not None:
            await self._socket.close()

    async def request(self, request: Request) -> Result:
        """Ask for something, with the right `control`; another task has to iterate meanwhile.

        The request's `id` is replaced by one of this connection's.

        Raises:
            FeedError: there is no connection, it was lost, or no answer came in time.
        """
        number = next(self._numbers)
        answer = await self._await_answer(number, write(replace(request, id=number)))
        assert isinstance(answer, Result)
        return answer

    async def ping(self) -> Pong:
        """The feed's accounts of this connection; as `request`."""
        number = next(self._numbers)
        answer = await self._await_answer(number, write(Ping(number)))
        assert isinstance(answer, Pong)
        return answer

    # -- following ------------------------------------------------------------------------------------

    async def _follow(self) -> AsyncGenerator[ReceivedEvent, None]:
        failed_since_s, failures = time.monotonic(), 0
        while True:
            connected, code, why = False, LOST, "it does not answer."
            try:
                identify = replace(self._identify, resume=self._position.resume)
                self._socket, self.identified = await open_connection(self._url, identify, self._context)
                connected = True
                async with aclosing(self._receive_events(self._socket)) as events:
                    async for received in events:
                        yield received
            except Refusal as refusal:
                code, why = refusal.code, refusal.what
                decision = self._position.decide(code)
                if decision is AfterClose.END:
                    return
                if decision is AfterClose.FAIL:
                    raise
            except (OSError, TimeoutError, InvalidHandshake) as error:
                why = str(error) or why
            finally:
                await self._disconnect()
            now_s = time.monotonic()
            if connected:
                failed_since_s, failures = now_s, 0
            failures += 1
            if now_s - failed_since_s >= self._retry.patience_s:
                raise FeedError(f"cannot be reached: {why}", where=self._url)
            if code != CloseCode.RESUME_REFUSED:
                await self._sleep(self._retry.pause_s(failures))

    async def _receive_events(self, socket: ClientConnection) -> AsyncGenerator[ReceivedEvent, None]:
        while True:
            message = await receive(socket)
            if isinstance(message, tuple):
                received = self._position.accept(*message)
                if received is not None:
                    yield received
            elif isinstance(message, Snapshot | Replay):
                self._position.begin(message)
            elif isinstance(message, Result | Pong) and message.id in self._waiting:
                self._waiting.pop(message.id).set_result(message)

    async def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()
        if socket is not None:
            await socket.close()

    async def _await_answer(self, number: int, text: str) -> Result | Pong:
        socket = self._socket
        if socket is None:
            raise FeedError("there is no connection at the moment.", where=self._url)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            await socket.send(text)
            async with asyncio.timeout(_ANSWER_S):
                return await asyncio.shield(waiting)
        except (ConnectionClosed, TimeoutError) as error:
            raise FeedError(
                "no answer came; an iteration has to go on meanwhile.", where=self._url
            ) from error
        except asyncio.CancelledError:
            if waiting.cancelled():
                raise FeedError("the connection was lost before an answer came.", where=self._url) from None
            raise
        finally:
            with suppress(KeyError):
                del self._waiting[number]
