"""One session as its clients see it: the events so far, and the viewers that follow it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Literal

from core.events import Event
from realtime.feed.client_messages import Identify, Resume, Subscription
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.codec import Message, framed, write
from realtime.feed.curves import Curves
from realtime.feed.history import History
from realtime.feed.limits import Limits
from realtime.feed.server_messages import Gap, Lag, Replay, ServerMessage, Snapshot
from realtime.feed.targets import ControlTarget
from realtime.feed.viewer import Viewer
from realtime.summary.gathering import Gathering
from realtime.summary.summary import summarise


class Channel:
    """Sends the events of a session, run after run, to every viewer.

    Args:
        name: of the session.
        limits: of history and viewers.
        control: who carries out the requests of its clients, None when nobody does.
    """

    def __init__(self, name: str, limits: Limits, control: ControlTarget | None = None) -> None:
        self.name = name
        self.control = control
        self.run: str | None = None
        self.newest: int | None = None
        self.viewers: set[Viewer] = set()
        self.curves = Curves()
        self._gathering = Gathering()
        self._history = History(limits)
        self._lag: bytes | None = None
        # What clients that are gone, or accounts that are closed, have had.
        self.sent = self.conflated = self.filtered = 0

    def observe(self, event: Event) -> None:
        """Take an event into what pages can ask for: curves and the summary."""
        self.curves.add(event)
        self._gathering.add(event)

    def summary(self) -> dict[str, Any] | None:
        """The summary of the run so far, as JSON values; None before a run."""
        found = summarise(self._gathering)
        return found.as_json() if found is not None else None

    def publish(self, message: Message) -> None:
        """Send an event to all viewers and keep it for later ones. A hello begins a new run."""
        self._history.add(message)
        if message.kind == "hello":
            self._begin_run()
        self.newest = message.seq
        for viewer in self.viewers:
            viewer.offer(message)

    def tell_lag(self, behind_s: float) -> None:
        """Tell those who asked for it, now or when they join, how many seconds the run is behind."""
        self._lag = _frame(Lag(round(behind_s, 1)))
        for viewer in self.viewers:
            self._send_lag(viewer)

    def _send_lag(self, viewer: Viewer) -> None:
        if self._lag is not None and viewer.wants_lag:
            viewer.reply(self._lag)

    def forget(self) -> None:
        """Remove every event from memory: consent was withdrawn."""
        self._history.forget()
        self.curves.forget()
        self._gathering = Gathering()

    def join(self, viewer: Viewer, subscription: Subscription | None) -> None:
        """Let a viewer follow the session, beginning with a snapshot."""
        viewer.subscribe(subscription)
        self._send_snapshot(viewer, "joined")

    def change(self, viewer: Viewer, subscription: Subscription) -> None:
        """Give a viewer another subscription; a snapshot of what it now wants follows."""
        self._settle_counts(viewer)
        viewer.subscribe(subscription)
        self._send_snapshot(viewer, "subscribed")

    def may_resume(self, resume: Resume) -> bool:
        """Whether all that was missed is still known.

        Raises:
            Refusal: with `CloseCode.RESUME_REFUSED`: another run, or a number that has not been said yet.
        """
        if self.run is None or resume.run != self.run:
            raise Refusal(CloseCode.RESUME_REFUSED, "is not the present run.", field="identify.resume.run")
        if self.newest is None or resume.seq > self.newest:
            raise Refusal(
                CloseCode.RESUME_REFUSED, "this number has not been said yet.", field="identify.resume.seq"
            )
        return self._history.since(resume.seq) is not None

    def resume(self, viewer: Viewer, resume: Resume, subscription: Subscription | None) -> None:
        """Go on after a lost connection; `may_resume` has not raised."""
        viewer.subscribe(subscription)
        missed = self._history.since(resume.seq)
        if missed is None:
            gap = Gap(resume.run, after=resume.seq, known_from=self._history.known_from)
            viewer.reply(_frame(gap))
            self._send_snapshot(viewer, "gap")
            return
        past = viewer.select(missed)
        newest = self.newest if self.newest is not None else resume.seq
        viewer.begin(_frame(Replay(resume.run, resume.seq, newest, len(past))), past)
        self.viewers.add(viewer)
        self._send_lag(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer whose connection is over; its counts stay in the totals."""
        if viewer in self.viewers:
            self.viewers.discard(viewer)
            self._settle_counts(viewer)

    def totals(self) -> tuple[int, int, int]:
        """News sent, conflated and filtered, for all clients there ever were."""
        return (
            self.sent + sum(viewer.sent for viewer in self.viewers),
            self.conflated + sum(viewer.conflated for viewer in self.viewers),
            self.filtered + sum(viewer.filtered for viewer in self.viewers),
        )

    def _begin_run(self) -> None:
        self._lag = None
        self.run = f"r{secrets.token_hex(6)}"
        announcement = _frame(Snapshot("new_run", self.run, None, 0))
        for viewer in self.viewers:
            self._settle_counts(viewer)
            viewer.begin(announcement, [])

    def _send_snapshot(self, viewer: Viewer, reason: Literal["joined", "subscribed", "gap"]) -> None:
        past = viewer.select(self._history.snapshot())
        viewer.begin(_frame(Snapshot(reason, self.run, self.newest, len(past))), past)
        self.viewers.add(viewer)
        self._send_lag(viewer)

    def _settle_counts(self, viewer: Viewer) -> None:
        """Take over a viewer's accounts before they begin anew."""
        self.sent += viewer.sent
        self.conflated += viewer.conflated
        self.filtered += viewer.filtered


class Channels:
    """The sessions of one feed, newest last."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def __iter__(self) -> Iterator[Channel]:
        return iter(list(self._channels.values()))

    def __contains__(self, name: str) -> bool:
        return name in self._channels

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all sessions, newest last."""
        return tuple(self._channels)

    def add(self, channel: Channel) -> None:
        """Add a session as the newest. Its name must not be in use."""
        self._channels[channel.name] = channel

    def remove(self, name: str) -> Channel | None:
        """Take a session out. None: there was none of that name."""
        return self._channels.pop(name, None)

    def get(self, name: str) -> Channel | None:
        """The session of that name, None if there is none."""
        return self._channels.get(name)

    def find(self, message: Identify) -> Channel:
        """The session that a client wants: the named one, that of the run to resume, or the newest.

        Raises:
            Refusal: there is no such session.
        """
        if message.session is not None:
            found = self._channels.get(message.session)
        elif message.resume is not None:
            run = message.resume.run
            found = next((channel for channel in self if channel.run == run), self.newest())
        else:
            found = self.newest()
        if found is None:
            raise Refusal(CloseCode.UNKNOWN_SESSION, "there is no such session.", field="identify.session")
        return found

    def newest(self) -> Channel | None:
        """The newest session, None if there is none."""
        return next(reversed(self._channels.values()), None)


def _frame(message: ServerMessage) -> bytes:
    return framed(write(message))
