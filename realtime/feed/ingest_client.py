"""A client that sends sound and pictures and is told what they express.

async with IngestClient(url, token, Ingest("my program", (IngestStream("mic", "audio", 16000),))) as client:
    await client.sound(0, samples, t_s=0.0)
    ...
    await client.finish()
    async for told in client:
        print(told.event)
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from core.errors import FeedError
from core.events import PROTOCOL_VERSION
from realtime.feed.client import open_connection, receive
from realtime.feed.client_messages import Finish, Identify, Ingest, Subscription
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.codec import write
from realtime.feed.ingest_frame import IngestFrame
from realtime.feed.resume import AfterClose, ReceivedEvent, ResumePosition
from realtime.feed.server_messages import Ack, Error, Identified, Replay, Snapshot


class IngestClient:
    """One session. A lost connection ends it: sound that was lost cannot be spoken again.

    Events have to be read while frames are sent, by another task: who reads nothing is cut off.

    Args:
        url: of the ingest path; `address_of(page, INGEST_PATH)` finds it.
        token: gives the right `ingest`.
        ingest: what is going to be sent.
        subscription: which events are wanted; None = all.
        name: of the program, for people.
        context: for wss:// addresses with certificates of one's own.

    Attributes:
        identified: how the feed received this client; its `session` is the name of the new session.
        acks: stream -> how far the feed has come with it.

    Raises:
        Refusal: on entering; `CloseCode.TRY_AGAIN_LATER` when there is no room.
        FeedError: on entering; the feed cannot be reached.
    """

    def __init__(
        self,
        url: str,
        token: str,
        ingest: Ingest,
        *,
        subscription: Subscription | None = None,
        name: str = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._context = context
        self._identify = Identify(PROTOCOL_VERSION, token, client=name, subscribe=subscription, ingest=ingest)
        self._socket: ClientConnection | None = None
        self._position = ResumePosition()
        self._numbers = [0] * len(ingest.streams)
        self.identified: Identified | None = None
        self.acks: dict[int, Ack] = {}

    async def __aenter__(self) -> Self:
        try:
            self._socket, self.identified = await open_connection(self._url, self._identify, self._context)
        except OSError as error:
            raise FeedError(f"cannot be reached: {error}.", where=self._url) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    # -- what is sent ---------------------------------------------------------------------------------

    async def sound(
        self, stream: int, samples: NDArray[np.int16], t_s: float, *, missing_before: bool = False
    ) -> None:
        """Send sound.

        Args:
            stream: index in `ingest.streams`.
            samples: (n,) int16, mono, at the stream's rate, at most 1 s.
            t_s: seconds since the start of the session of the first sample.
            missing_before: whether something is missing before it.

        Raises:
            FeedError: the connection is over; reading says why.
        """
        await self._send(stream, samples.astype("<i2").tobytes(), t_s, missing_before=missing_before)

    async def picture(self, stream: int, jpeg: bytes, t_s: float) -> None:
        """Send a JPEG picture, taken `t_s` seconds after the start of the session. Raises as `sound`."""
        await self._send(stream, jpeg, t_s, missing_before=False)

    async def finish(self) -> None:
        """Say that the last frame was sent; the events up to `end` still come. Raises as `sound`."""
        await self._send_message(write(Finish()))

    async def _send(self, stream: int, payload: bytes, t_s: float, *, missing_before: bool) -> None:
        number = self._numbers[stream]
        self._numbers[stream] += 1
        await self._send_message(
            IngestFrame(stream, number, round(t_s * 1e6), payload, missing_before).to_bytes()
        )

    async def _send_message(self, message: str | bytes) -> None:
        if self._socket is None:
            raise FeedError("there is no connection.", where=self._url)
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise FeedError("the connection is over.", where=self._url) from error

    # -- what is told ---------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[ReceivedEvent]:
        """The session's events, until it is over.

        Raises:
            Refusal: the feed ends the session with a code, or the connection was lost.
        """
        socket = self._socket
        if socket is None:
            raise FeedError("there is no connection.", where=self._url)
        last_error: Error | None = None
        while True:
            try:
                message = await receive(socket)
            except Refusal as refusal:
                if self._position.decide(refusal.code) is AfterClose.END:
                    return
                if last_error is not None:
                    raise Refusal(
                        CloseCode(last_error.code), last_error.message, field=last_error.field
                    ) from refusal
                raise
            match message:
                case Snapshot() | Replay():
                    self._position.begin(message)
                case Ack():
                    self.acks[message.stream] = message
                case Error():
                    last_error = message
                case (event, seq):
                    received = self._position.accept(event, seq)
                    if received is not None:
                        yield received
