"""The sessions of a server: who may begin one, how many there can be, and how long they can be read."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from core.errors import ConsentError, SinkError
from core.events import Hello
from realtime.config import ServeConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.session_files import SessionFiles
from realtime.feed.client_messages import Ingest
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.server import Feed
from realtime.feed.server_messages import Ack
from realtime.runs.serve_networks import SessionNetworks
from realtime.runs.serve_session import ChannelSink, ServedSession
from realtime.runs.sinks import run_folder_sinks
from realtime.sinks.base import Sink
from realtime.sinks.run_folder import RunFolder, launch_stamp, unused

END_S = 20.0
"""How long sessions may take to end when the program does."""


class Sessions:
    """Begins sessions for ingest clients. It is an `IngestTarget`; use it on the feed's event loop.

    Args:
        config: of the server.
        networks: shared by all sessions.
        greeting: a session's first message, but for its source and streams.
        permission: somebody's word that those who are captured have agreed; each session has its own gate
            under it.

    Attributes:
        feed: what the sessions are told on; set it before the feed starts.
        capacity: how many sessions there can be at a time.
    """

    def __init__(
        self, config: ServeConfig, networks: SessionNetworks, greeting: Hello, permission: ConsentGate
    ) -> None:
        self._permission = permission
        self.feed: Feed | None = None
        self.capacity = config.sessions.places
        self._config = config
        self._networks = networks
        self._greeting = greeting
        self._running: dict[str, ServedSession] = {}
        self._names = itertools.count(1)
        self._launch = launch_stamp()

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the sessions that are not over."""
        return tuple(self._running)

    @property
    def notice(self) -> dict[str, object]:
        """What everybody who sends is told first: the text that the ledger names, and what is withheld."""
        notice, policy = self._permission.notice, self._permission.policy
        return {**asdict(notice), "version": notice.version, "withheld": policy.explained}

    def open(self, request: Ingest, tell: Callable[[Ack], None], over: Callable[[], None]) -> ServedSession:
        """Begin a session; see `IngestTarget.open`.

        Raises:
            Refusal: there is no room, or the streams make no sense.
        """
        assert self.feed is not None, "the sessions have no feed"
        _check(request)
        if len(self._running) >= self.capacity:
            sentence = (
                f"all {self.capacity} places are taken." if self.capacity > 1 else "the place is taken."
            )
            raise Refusal(CloseCode.TRY_AGAIN_LATER, sentence)
        name = f"s{next(self._names)}"
        gate = self._gate(name)
        session = ServedSession(name, request, tell, self._config, gate)
        try:
            sinks = self._sinks(session, self.feed, gate.traces)
        except Refusal:
            session.forget()
            raise
        self.feed.open_session(session.name, session.control)
        self._running[session.name] = session
        loop = asyncio.get_running_loop()

        def ended() -> None:
            with suppress(RuntimeError):  # the loop is closed: there is nobody left to be told
                loop.call_soon_threadsafe(self._ended, session)
            over()  # last: whoever is told so finds the place free

        session.start(self._networks, self._greeting, sinks, ended)
        return session

    async def close(self) -> None:
        """End all sessions in order, within a bounded time."""
        sessions = list(self._running.values())
        for session in sessions:
            session.interrupt()
        for session in sessions:
            await asyncio.to_thread(session.join, END_S)

    def _gate(self, name: str) -> ConsentGate:
        try:
            return self._permission.another(name)
        except ConsentError as error:
            raise Refusal(CloseCode.TRY_AGAIN_LATER, "nobody has agreed to be captured.") from error

    def _sinks(self, session: ServedSession, feed: Feed, traces: SessionFiles) -> dict[str, Sink]:
        traces.memory(lambda: feed.forget(session.name))
        sinks: dict[str, Sink] = {"feed": ChannelSink(feed, session.name)}
        out = self._config.run.out
        if out is not None:
            try:
                # A session's name is unique within one launch alone.
                folder = unused(out, f"{self._launch}-{session.name}")
                sinks["folder"] = RunFolder(folder)
                sinks.update(run_folder_sinks(folder, self._config, traces))
            except SinkError as error:
                for sink in sinks.values():
                    sink.close()
                raise Refusal(CloseCode.INTERNAL_ERROR, "the session's files cannot be written.") from error
        return sinks

    def _ended(self, session: ServedSession) -> None:
        """The place is free; the session can still be read for a while."""
        self._running.pop(session.name, None)
        asyncio.get_running_loop().call_later(self._config.sessions.linger_s, self._forget, session)

    def _forget(self, session: ServedSession) -> None:
        assert self.feed is not None
        self.feed.close_session(session.name)
        session.forget()


def _check(request: Ingest) -> None:
    names = [stream.name for stream in request.streams]
    if len(set(names)) < len(names):
        raise Refusal(
            CloseCode.BAD_MESSAGE, "the streams need names of their own.", field="identify.ingest.streams"
        )
    for index, stream in enumerate(request.streams):
        if (stream.kind == "audio") != (stream.rate_hz is not None):
            what = "sound needs a rate." if stream.kind == "audio" else "pictures have no rate."
            raise Refusal(CloseCode.BAD_MESSAGE, what, field=f"identify.ingest.streams.{index}.rate_hz")
