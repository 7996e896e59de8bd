"""One session after the other: consent, the engine, its feed, and what is shown of them."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from core.events import Event, Hello
from core.labels import Modality
from realtime.desktop.engine_process import EngineProcess
from realtime.desktop.feed_link import FeedLink
from realtime.desktop.launch_options import Agreed, Wishes
from realtime.desktop.phase import Phase
from realtime.desktop.status import Situation
from realtime.desktop.view_model import Shown
from realtime.feed.client_messages import Mark, Mute, Request
from realtime.runs.supervision import Announcement

REFRESH_MS: Final = 200
"""Eyes need no more than five pictures a second, and the engine needs the processor."""
CLOSED_MS: Final = 4000
"""An engine that has not closed its devices by then is ended at once."""


class Session(QObject):
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
    idle = Signal()
    """The engine's process has ended."""

    def __init__(
        self,
        wishes: Wishes,
        *,
        engine: EngineProcess | None = None,
        link: FeedLink | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.wishes = wishes
        self.shown = Shown()
        self.consent: Agreed | None = None
        self._muted: set[Modality] = set()
        self._page = ""
        self._engine = engine if engine is not None else EngineProcess(parent=self)
        self._link = link if link is not None else FeedLink(self)
        self._engine.changed.connect(self._engine_changed)
        self._engine.announced.connect(self._announced)
        self._engine.gone.connect(self._gone)
        self._link.told.connect(self._take)
        self._link.changed.connect(self.changed)
        self._link.answered.connect(self._answered)
        self._refresh = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._refresh.timeout.connect(self.changed)
        self._closed = QTimer(self, singleShot=True, interval=CLOSED_MS)
        self._closed.timeout.connect(self._insist)

    # -- what is so -----------------------------------------------------------------------------------

    @property
    def situation(self) -> Situation:
        """Everything that the sign depends on."""
        engine, shown, play = self._engine, self.shown, self.wishes.play
        begun = shown.hello is not None
        phase = engine.phase
        if phase is Phase.RUNNING and (not begun or shown.end is not None):
            phase = Phase.STOPPING if begun else Phase.STARTING
        muted = shown.muted if begun and phase is Phase.RUNNING else self._muted
        return Situation(
            phase,
            engine.sentence,
            engine.pause_s,
            self._link.linked,
            capturing=play is None and self.runs and (shown.capturing or not begun),
            playing=play.name if play is not None else "",
            heard=shown.devices("audio"),
            seen=shown.devices("visual"),
            deaf="audio" in muted,
            blind="visual" in muted,
        )

    @property
    def runs(self) -> bool:
        """Whether there is an engine."""
        return self._engine.pid != 0

    @property
    def page(self) -> str:
        """Address of the dashboard, with its token; "" while there is none."""
        return self._page

    @property
    def pid(self) -> int:
        """Of the engine; 0 while there is none."""
        return self._engine.pid

    # -- what can be done -----------------------------------------------------------------------------

    def start(self, consent: Agreed | None) -> None:
        """Begin a session. A restart after a failure goes on under the same consent, and stays muted."""
        assert consent is not None or self.wishes.play is not None, "nobody has agreed"
        self.consent = consent
        self.shown.labels = self.wishes.config().desktop.labels
        self._engine.start(lambda: self.wishes.command(self.consent, self._muted))

    def stop(self) -> None:
        """End in order: devices are closed at once, the last words still get their estimate."""
        if not self.runs or self._engine.phase is not Phase.STOPPING:
            self._engine.stop()
            self._closed.start()

    def withdraw(self) -> None:
        """Take consent back: devices are closed at once, and what the session has written is deleted."""
        self.consent = None
        self._engine.stop("withdraw")
        self._closed.start()

    def kill(self) -> None:
        """End without order."""
        self._engine.kill()

    def mute(self, modality: Modality, *, muted: bool) -> None:
        """Leave out what is heard or seen, or take it in again."""
        self._ask(Mute(0, modality, muted))

    def mark(self) -> None:
        """Mark this moment."""
        self._ask(Mark(0))

    def close(self) -> None:
        """Leave the feed."""
        self._link.close()

    def _ask(self, request: Request) -> None:
        if not self._link.ask(request):
            self._answered(request, "there is no connection to the engine at the moment.")

    # -- what comes -----------------------------------------------------------------------------------

    def _announced(self, where: Announcement) -> None:
        self._page = where.page
        self._link.open(where)

    def _take(self, event: Event) -> None:
        self.shown.take(event)
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

    def _engine_changed(self) -> None:
        if self._engine.phase is Phase.STARTING and self.shown.hello is not None:
            self.shown.forget()
        self.changed.emit()

    def _gone(self) -> None:
        self._closed.stop()
        self._page = ""
        self._link.close()
        self.shown.forget()
        self.changed.emit()
        self.idle.emit()

    def _insist(self) -> None:
        if self.situation.capturing:
            self._engine.kill()
