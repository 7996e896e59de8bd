"""One session that a client began: its frames through an engine of its own to its own channel of the feed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from core.engine.engine import Engine
from core.errors import EmotrackError, FeedError
from core.events import Event, Hello, StreamInfo
from core.work import WorkResult
from realtime.config import ServeConfig
from realtime.consent.gate import ConsentGate
from realtime.feed.client_messages import Ingest
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.ingest_source import IngestSource
from realtime.feed.server import Feed
from realtime.feed.server_messages import Ack
from realtime.runs.control import LiveControl
from realtime.runs.live import with_person
from realtime.runs.serve_networks import SessionNetworks
from realtime.runs.sinks import delete_session_files
from realtime.session.live import LiveSession
from realtime.session.worker_threads import WorkerThreads
from realtime.sinks.base import FanOut, Sink
from realtime.sinks.files import printable

log = logging.getLogger(__name__)

CLOSE_S = 2.0
"""How long a computation that hangs is waited for at the end."""


class ChannelSink:
    """One channel of a feed as a sink; the feed stays open.

    Args:
        feed: has a session of that name.
        name: of the session.
    """

    def __init__(self, feed: Feed, name: str) -> None:
        self._feed = feed
        self._name = name

    def write(self, event: Event, seq: int) -> None:
        """Tell all who follow the session. Raises FeedError when the feed is over."""
        self._feed.publish(event, seq, self._name)

    def close(self) -> None:
        """Nothing: whoever opened the session closes it."""


class ServedSession:
    """A session from its first frame to its end, on a thread of its own. It is an `IngestSession`.

    Args:
        name: of the session.
        request: what the client is going to send.
        tell: sends an `Ack` to the client.
        config: of the server.
        gate: the consent of those who are captured.
    """

    def __init__(
        self,
        name: str,
        request: Ingest,
        tell: Callable[[Ack], None],
        config: ServeConfig,
        gate: ConsentGate,
    ) -> None:
        self._gate = gate
        self._name = name
        self._config = config
        self._source = IngestSource(request, tell, idle_s=config.sessions.idle_s)
        self._interrupted = threading.Event()
        self._thread: threading.Thread | None = None
        self.control = LiveControl(self._interrupted, gate)
        self._source_ended = gate.on_withdrawal(self._source.close)

    @property
    def name(self) -> str:
        """The session's name."""
        return self._name

    @property
    def streams(self) -> tuple[StreamInfo, ...]:
        """What the client sends."""
        return with_person(self._source.streams)

    @property
    def source(self) -> str:
        """What it is, for people."""
        return self._source.name

    def frame(self, data: bytes) -> None:
        """Take in one binary message. Raises Refusal when it is no good, or consent was withdrawn."""
        if self._gate.state != "given":
            raise Refusal(CloseCode.OUT_OF_TURN, "consent was withdrawn.")
        self._source.take(data)

    def finish(self) -> None:
        """No more frames will come."""
        self._source.finish()

    def lost(self) -> None:
        """The connection has broken: what came is worked off."""
        self._source.finish()

    def interrupt(self) -> None:
        """End in order and soon: the program is about to end."""
        self._interrupted.set()

    def forget(self) -> None:
        """The session can be read no longer: the server's consent lets go of it."""
        self._gate.close()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def start(
        self, networks: SessionNetworks, greeting: Hello, sinks: dict[str, Sink], over: Callable[[], None]
    ) -> None:
        """Begin.

        Args:
            networks: compute.
            greeting: the session's first message.
            sinks: name -> sink for its events.
            over: called once at the end, whatever happened, on the session's thread.
        """
        greeting = replace(greeting, source=printable(self.source), streams=self.streams)
        arguments = (networks, greeting, FanOut(sinks, self._report), over)
        self._thread = threading.Thread(
            target=self._run, args=arguments, name=f"session-{self._name}", daemon=True
        )
        self._thread.start()

    def _run(
        self, networks: SessionNetworks, greeting: Hello, sinks: FanOut, over: Callable[[], None]
    ) -> None:
        try:
            self._play(networks, greeting, sinks)
        except EmotrackError as error:
            log.error("session %s: %s", self._name, error)
        except Exception:  # one session must not take the others with it; no content in the traceback
            log.exception("session %s failed", self._name)
        finally:
            self.control.session = None
            self._source.close()
            self._source_ended()
            sinks.close()
            if self._gate.state == "withdrawn":
                for path in self._gate.traces.purge():
                    log.error("%s could not be deleted: delete it by hand", path)
            over()

    def _play(self, networks: SessionNetworks, greeting: Hello, sinks: FanOut) -> None:
        workers = networks.workers()

        def start_threads(deliver: Callable[[WorkResult], None], stamp: Callable[[], float]) -> WorkerThreads:
            return WorkerThreads(workers, deliver=deliver, stamp=stamp, finals_first=True)

        engine = Engine(
            self._config.engine,
            networks.spec,
            networks.voice,
            greeting.streams,
            smaller_whisper=networks.falls_back,
            speakers=networks.speakers,
        )
        sink = self.control.before(sinks)
        session = LiveSession(
            self._source,
            engine,
            start_threads,
            sink,
            self._interrupted,
            tape=self._source,
            purge=lambda: delete_session_files(self._gate.traces, sinks),
        )
        self.control.session = session
        ended = self._gate.on_withdrawal(session.withdraw)
        try:
            session.run(greeting)
        finally:
            ended()
            session.threads.close(CLOSE_S)

    def _report(self, name: str, error: EmotrackError) -> None:
        level = logging.DEBUG if isinstance(error, FeedError) else logging.ERROR
        log.log(level, "session %s, %s: %s", self._name, name, error)
