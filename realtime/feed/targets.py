"""Interfaces of what stands behind the feed: who carries out requests, and who takes in audio and video.

Both are called on the feed's event loop and have to return at once: hand over to a queue, never compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from realtime.feed.client_messages import Ingest, Modality
from realtime.feed.server_messages import Ack


class ControlTarget(Protocol):
    """Carries out the requests of clients with the right `control`.

    Every method returns at once and raises `NotAvailable` when this program cannot do such a thing, and
    `FeedError` when it cannot be done now; the sentence of the error is what the client is told.
    """

    def start(self) -> None:
        """Begin a run; the program is idle."""
        ...

    def stop(self) -> None:
        """End the run in order; the events up to `end` still come."""
        ...

    def withdraw(self) -> None:
        """Consent is taken back: stop capturing at once, and delete what the run has written."""
        ...

    def mute(self, modality: Modality, *, muted: bool) -> None:
        """Leave a modality out from now on, or take it in again."""
        ...

    def mark(self, label: str, t_s: float | None) -> None:
        """Let a `Marker` appear among the events; without a time, now."""
        ...

    def correct(self, estimate: str, person: str, labels: tuple[str, ...] | None) -> None:
        """Let a `Correction` appear among the events."""
        ...


class IngestSession(Protocol):
    """Takes in the frames of one ingest client.

    Methods raise `Refusal` to end the connection with its code.
    """

    @property
    def name(self) -> str:
        """The session's name; the channel that its events appear on is called so, too."""
        ...

    def frame(self, data: bytes) -> None:
        """Take in one binary message: header and payload."""
        ...

    def finish(self) -> None:
        """No more frames will come; work off what is there, then call `over` (see `IngestTarget.open`)."""
        ...

    def lost(self) -> None:
        """The connection has broken: as `finish`, nobody is there to be told."""
        ...


class IngestTarget(Protocol):
    """Begins sessions for ingest clients."""

    @property
    def notice(self) -> Mapping[str, object]:
        """What people have to be told before anything of them is sent, as `/notice.json` gives it."""
        ...

    def open(self, request: Ingest, tell: Callable[[Ack], None], over: Callable[[], None]) -> IngestSession:
        """Begin a session. May be called from the event loop only; `tell` and `over` from any thread.

        Args:
            request: what the client is going to send.
            tell: sends an `Ack` to the client; never waits.
            over: closes the connection with 4011 after what waits has been sent.

        Raises:
            Refusal: with `CloseCode.TRY_AGAIN_LATER` when no further session can be carried, or with
                `CloseCode.BAD_MESSAGE` when the request makes no sense.
        """
        ...
