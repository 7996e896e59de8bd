"""One session after the other: consent, the engine, its feed, and what is shown of them."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from core.events import Event, Hello
from core.labels import Modality
from realtime.desktop.engine_process import EngineProcess
from realtime.desktop.feed_link import FeedLink
from realtime.desktop.launch_options import LaunchOptions, SessionConsent
from realtime.desktop.status import Phase, TrackerStatus
from realtime.desktop.view_model import ViewModel
from realtime.feed.client_messages import Mark, Mute, Request
from realtime.runs.supervision import Announcement

REFRESH_MS: Final = 200
"""Eyes need no more than five pictures a second, and the engine needs the processor."""
CLOSED_MS: Final = 4000
"""An engine that has not closed its devices by then is ended at once."""


class EngineSession(QObject):
    """What the window follows and what its actions do.

    Args:
        wishes: what was asked for.
        engine: the engine's process.
        link: the feed's client.

    Attributes:
        shown: what the run has said.
        consent: of the session that goes on, or went on last; None before, and with a recording.
    """

    changed = Signal()
    """Something is to be shown; at most five times a second."""
    refused = Signal(str)
    """Something that was asked for was not done, and why."""
    page_ready = Signal(str)
    """An address of the dashboard, with a one-time code; it can be opened once, within a minute."""
    idle = Signal()
    """The engine's process has ended."""

    def __init__(
        self,
        options: LaunchOptions,
        *,
        engine: EngineProcess | None = None,
        link: FeedLink | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.options = options
        self.view_model = ViewModel()
        self.consent: SessionConsent | None = None
        self._muted: set[Modality] = set()
        self._announcement: Announcement | None = None
        self._engine = engine if engine is not None else EngineProcess(parent=self)
        self._link = link if link is not None else FeedLink(self)
        self._engine.changed.connect(self._engine_changed)
        self._engine.announced.connect(self._announced)
        self._engine.ended.connect(self._ended)
        self._link.event_received.connect(self._apply_event)
        self._link.changed.connect(self.changed)
        self._link.request_done.connect(self._answered)
        self._link.page_ready.connect(self._page_answered)
        self._refresh = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._refresh.timeout.connect(self.changed)
        self._closed = QTimer(self, singleShot=True, interval=CLOSED_MS)
        self._closed.timeout.connect(self._insist)

    # -- the present state -----------------------------------------------------------------------------

    @property
    def status(self) -> TrackerStatus:
        """Everything that the sign depends on."""
        engine, view_model, play = self._engine, self.view_model, self.options.play
        begun = view_model.hello is not None
        phase = engine.phase
        if phase is Phase.RUNNING and (not begun or view_model.end is not None):
            phase = Phase.STOPPING if begun else Phase.STARTING
        muted = view_model.muted if begun and phase is Phase.RUNNING else self._muted
        return TrackerStatus(
            phase,
            engine.sentence,
            engine.pause_s,
            self._link.connected,
            capturing=play is None and self.is_running and (view_model.capturing or not begun),
            playing=play.name if play is not None else "",
            audio_devices=view_model.devices("audio"),
            video_devices=view_model.devices("visual"),
            closed_devices=() if play is not None else view_model.closed_devices,
            audio_muted="audio" in muted,
            video_muted="visual" in muted,
        )

    @property
    def is_running(self) -> bool:
        """Whether there is an engine."""
        return self._engine.pid != 0

    @property
    def pid(self) -> int:
        """Of the engine; 0 while there is none."""
        return self._engine.pid

    # -- what can be done -----------------------------------------------------------------------------

    def start(self, consent: SessionConsent | None) -> None:
        """Begin a session. A restart after a failure goes on under the same consent, and stays muted."""
        assert consent is not None or self.options.play is not None, "nobody has agreed"
        self.consent = consent
        self.view_model.labels = self.options.config().desktop.labels
        self._engine.start(lambda: self.options.command(self.consent, self._muted))

    def stop(self) -> None:
        """End in order: devices are closed at once, the last words still get their estimate."""
        if not self.is_running or self._engine.phase is not Phase.STOPPING:
            self._engine.stop()
            self._closed.start()

    def withdraw(self) -> None:
        """Take consent back: devices are closed at once, and what the session has written is deleted."""
        self.consent = None
        self._engine.stop("withdraw")
        self._closed.start()

    def kill(self) -> None:
        """End the engine at once; it loses its last words."""
        self._engine.kill()

    def mute(self, modality: Modality, *, muted: bool) -> None:
        """Leave out what is heard or seen, or take it in again."""
        self._send(Mute(0, modality, muted))

    def mark(self) -> None:
        """Mark this moment in the run; `refused` follows where that fails."""
        self._send(Mark(0))

    def open_page(self) -> None:
        """Ask for an address of the dashboard that can be opened; `page_ready` or `refused` follows."""
        if self._announcement is not None:
            self._link.request_page(self._announcement)

    def close(self) -> None:
        """Leave the feed; the engine is not touched."""
        self._link.close()

    def _send(self, request: Request) -> None:
        if not self._link.send(request):
            self._answered(request, "there is no connection to the engine at the moment.")

    # -- what comes -----------------------------------------------------------------------------------

    def _announced(self, where: Announcement) -> None:
        self._announcement = where
        self._link.open(where)

    def _apply_event(self, event: Event) -> None:
        self.view_model.apply(event)
        if isinstance(event, Hello):
            self.changed.emit()
        elif not self._refresh.isActive():
            self._refresh.start()

    def _answered(self, request: Request, fault: str) -> None:
        if fault:
            self.refused.emit(fault)
        elif isinstance(request, Mute):
            (self._muted.add if request.muted else self._muted.discard)(request.modality)
        self.changed.emit()

    def _page_answered(self, page: str, fault: str) -> None:
        if fault:
            self.refused.emit(fault)
        elif self._announcement is not None:  # the run may have ended meanwhile
            self.page_ready.emit(page)

    def _engine_changed(self) -> None:
        if self._engine.phase is Phase.STARTING and self.view_model.hello is not None:
            self.view_model.reset()
        self.changed.emit()

    def _ended(self) -> None:
        self._closed.stop()
        self._announcement = None
        self._link.close()
        self.view_model.reset()
        self.changed.emit()
        self.idle.emit()

    def _insist(self) -> None:
        if self.status.capturing:
            self._engine.kill()
