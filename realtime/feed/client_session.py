"""The server's side of the protocol with one client, from the welcome to the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from core.errors import FeedError, NotAvailable
from core.events import PROTOCOL_VERSION
from core.version import VERSION
from realtime.feed.auth import Authenticator, check_permission, negotiate_version
from realtime.feed.channel import Channel, Channels
from realtime.feed.client_messages import (
    ClientMessage,
    Correct,
    Finish,
    Identify,
    Mark,
    Mute,
    Ping,
    Request,
    Right,
    Start,
    Stop,
    Subscribe,
    Subscription,
    Withdraw,
)
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.codec import PING, framed, read_client, write
from realtime.feed.connection import Connection
from realtime.feed.limits import Limits, RateLimiter
from realtime.feed.server_messages import Ack, Error, Identified, Pong, Result, ServerMessage, Welcome
from realtime.feed.targets import ControlTarget, IngestSession, IngestTarget
from realtime.feed.viewer import Viewer

PING_S: Final = 15.0
"""How often a page should send `ping`."""
CAPABILITIES: Final = ("resume", "subscribe", "control")


@dataclass(frozen=True, slots=True)
class FeedContext:
    """What the sessions of all clients of one feed share.

    Attributes:
        auth: says what a token allows.
        channels: the sessions that can be followed.
        limits: bounds on what a client may do.
        clock: monotonic seconds.
        ingest: begins sessions for ingest clients; None = there is no ingest path.
        is_full: whether as many clients have identified themselves as there is room for.
        tells_lag: whether the feed will be told how far the run is behind.
    """

    auth: Authenticator
    channels: Channels
    limits: Limits
    clock: Callable[[], float]
    ingest: IngestTarget | None
    is_full: Callable[[], bool]
    tells_lag: bool = False

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Optional parts of the protocol that are on offer."""
        ingest = ("ingest",) if self.ingest is not None else ()
        return (*CAPABILITIES, *ingest, *(("lag",) if self.tells_lag else ()))


class ClientSession:
    """Handles the messages of one client: identifies it, answers it, and lets it follow a session.

    Args:
        line: the open connection.
        house: what it is about.
        ingest_path: whether it came to send audio and video.
    """

    __slots__ = (
        "_connection", "_context", "_frames_unidentified", "_ingest_path", "_opened_s", "_ping_sent_s",
        "_rate",
        "channel", "finished", "ingest", "rights", "token", "viewer",
    )  # fmt: skip

    def __init__(self, connection: Connection, context: FeedContext, *, ingest_path: bool) -> None:
        limits, now_s = context.limits, context.clock()
        self._connection = connection
        self._context = context
        self._ingest_path = ingest_path
        self._opened_s = now_s
        self._ping_sent_s: float | None = None
        self._frames_unidentified = 0
        rate = limits.ingest_messages_per_s if ingest_path else limits.messages_per_s
        burst = limits.ingest_message_burst if ingest_path else limits.message_burst
        self._rate = RateLimiter(rate, burst, now_s)
        self.viewer = Viewer(connection, limits, context.clock)
        self.channel: Channel | None = None
        self.rights: tuple[Right, ...] = ()
        self.token = ""
        self.ingest: IngestSession | None = None
        self.finished = False

    # -- from the line --------------------------------------------------------------------------------

    def send_welcome(self) -> None:
        """Say what the feed is; nothing about the run."""
        identify_s, most = self._context.limits.identify_s, self._max_message_bytes
        offered = self._context.capabilities
        self._send(Welcome((PROTOCOL_VERSION,), f"emotrack {VERSION}", offered, identify_s, most))

    def on_frame(self) -> None:
        """Count what the client sends, whatever it is.

        Raises:
            Refusal: it is too much.
        """
        self._ping_sent_s = None
        if self.channel is None:
            self._frames_unidentified += 1
            if self._frames_unidentified > self._context.limits.max_identify_frames:
                raise Refusal(CloseCode.TOO_FAST, "too many messages before identify.")
        if not self._rate.take(self._context.clock()):
            raise Refusal(CloseCode.TOO_FAST, "too many messages.")

    def on_text(self, text: str) -> None:
        """Understand a message, or say what is wrong with it and end."""
        try:
            if len(text) > self._context.limits.max_message_bytes:
                raise Refusal(CloseCode.BAD_MESSAGE, "the text is too long.")
            self._handle(read_client(text))
        except Refusal as refusal:
            self._send(Error(refusal.code, refusal.field, refusal.what))
            raise

    def on_binary(self, data: bytes) -> None:
        """Hand over a frame of audio or video.

        Raises:
            Refusal: this client has no such right, or the frame is no good.
        """
        if not self._ingest_path:
            raise Refusal(CloseCode.UNSUPPORTED_DATA, "binary messages belong on the ingest path.")
        if self.ingest is None or self.finished:
            raise Refusal(CloseCode.OUT_OF_TURN, "there is no session to take this in.")
        self.ingest.frame(data)

    def on_writable(self) -> None:
        """There is room again for frames."""
        self.viewer.writable()

    @property
    def _max_message_bytes(self) -> int:
        limits = self._context.limits
        return limits.max_ingest_bytes if self._ingest_path else limits.max_message_bytes

    # -- from the feed --------------------------------------------------------------------------------

    def tick(self, now_s: float) -> None:
        """Notice what did not happen: no identification, nothing taken, nothing heard."""
        limits, connection = self._context.limits, self._connection
        if self.channel is None and now_s - self._opened_s > limits.identify_s:
            connection.request_close(
                (CloseCode.IDENTIFY_TIMEOUT, f"no identify within {limits.identify_s:g} s.")
            )
        elif connection.paused_s is not None and now_s - connection.paused_s > limits.stall_s:
            connection.request_close((CloseCode.TOO_SLOW, "this client takes nothing any more."))
        elif self._ping_sent_s is not None and now_s - self._ping_sent_s > limits.pong_s:
            connection.request_close((CloseCode.SILENT, "nothing was heard from this client."))
        elif self._ping_sent_s is None and now_s - connection.received_s > limits.ping_s:
            self._ping_sent_s = now_s
            connection.write(PING)

    def on_disconnect(self) -> None:
        """The connection is over, or about to be."""
        if self.channel is not None:
            self.channel.leave(self.viewer)
        if self.ingest is not None and not self.finished:
            self.finished = True
            self.ingest.lost()

    # -- messages -------------------------------------------------------------------------------------

    def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Identify):
            self._identify(message)
            return
        if self.channel is None:
            raise Refusal(CloseCode.OUT_OF_TURN, "the first message has to be identify.")
        match message:
            case Ping():
                self._send_pong(message, self.channel)
            case Subscribe():
                chosen = Subscription(message.kinds, message.persons, message.rolling, message.rate_hz)
                self.channel.change(self.viewer, chosen)
            case Finish():
                self._finish()
            case _:
                self._send(self._respond(message, self.channel))

    def _identify(self, message: Identify) -> None:
        if self.channel is not None:
            raise Refusal(CloseCode.OUT_OF_TURN, "this client has identified itself already.")
        protocol = negotiate_version(message.protocol)
        rights = self._context.auth.rights(message.token)
        check_permission(rights, message, ingest_path=self._ingest_path)
        if self._context.is_full():
            raise Refusal(CloseCode.TRY_AGAIN_LATER, "there are too many clients.")
        channel = (
            self._open_ingest_session(message) if self._ingest_path else self._context.channels.find(message)
        )
        resumed = message.resume is not None and channel.may_resume(message.resume)
        names = self._context.channels.names if "view" in rights else (channel.name,)
        self.rights, self.channel, self.token = rights, channel, message.token
        self._connection.identified(self._max_message_bytes)
        enabled = tuple(name for name in self._context.capabilities if name in message.capabilities)
        self.viewer.wants_lag = "lag" in enabled
        self._send(Identified(protocol, enabled, rights, channel.name, names, channel.run, resumed, PING_S))
        if message.resume is not None:
            channel.resume(self.viewer, message.resume, message.subscribe)
        else:
            channel.join(self.viewer, message.subscribe)

    def _open_ingest_session(self, message: Identify) -> Channel:
        if self._context.ingest is None or message.ingest is None:
            raise Refusal(CloseCode.OUT_OF_TURN, "this feed takes nothing in.", field="identify.ingest")
        self.ingest = self._context.ingest.open(message.ingest, self._send_ack, self._end_session)
        channel = self._context.channels.get(self.ingest.name)
        if channel is None:
            raise Refusal(CloseCode.INTERNAL_ERROR, "the session has no channel.")
        return channel

    def _send_pong(self, message: Ping, channel: Channel) -> None:
        viewer = self.viewer
        counts = viewer.sent, viewer.conflated, viewer.filtered, viewer.waiting
        self._send(Pong(message.id, channel.run, channel.newest, *counts))

    def _finish(self) -> None:
        if self.ingest is None or self.finished:
            raise Refusal(CloseCode.OUT_OF_TURN, "there is no session to finish.")
        self.finished = True
        self.ingest.finish()

    def _respond(self, request: Request, channel: Channel) -> Result:
        own = isinstance(request, Withdraw) and self.ingest is not None
        if "control" not in self.rights and not own:
            return Result(request.id, False, "forbidden", 'The token does not give the right "control".')
        if channel.control is None:
            return Result(request.id, False, "unsupported", "This session takes no requests.")
        try:
            dispatch(request, channel.control)
        except NotAvailable as error:
            return Result(request.id, False, "unsupported", error.what)
        except FeedError as error:
            return Result(request.id, False, "refused", error.what)
        return Result(request.id, True, "done", "")

    # -- from other threads ---------------------------------------------------------------------------

    def _send_ack(self, ack: Ack) -> None:
        self._on_loop(lambda: self._send(ack))

    def _end_session(self) -> None:
        self._on_loop(
            lambda: self._connection.request_close((CloseCode.SESSION_OVER, "the session is over."))
        )

    def _on_loop(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._connection.loop.call_soon_threadsafe(call)

    def _send(self, message: ServerMessage) -> None:
        self.viewer.reply(framed(write(message)))


def dispatch(request: Request, target: ControlTarget) -> None:
    """Hand a request to whoever can do it. Raises what `ControlTarget` may raise."""
    match request:
        case Start():
            target.start()
        case Stop():
            target.stop()
        case Withdraw():
            target.withdraw()
        case Mute():
            target.mute(request.modality, muted=request.muted)
        case Mark():
            target.mark(request.label, request.t_s)
        case Correct():
            target.correct(request.estimate, request.person, request.labels)
