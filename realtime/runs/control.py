"""What clients of the feed may do to a live run: all that they may do to a replay, mute and withdraw."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from core.errors import FeedError, NotAvailable
from realtime.feed.client_messages import Modality
from realtime.feed.control import RunControl

if TYPE_CHECKING:
    from realtime.consent.gate import ConsentGate
    from realtime.session.live import LiveSession


class LiveControl(RunControl):
    """A `ControlTarget` for a live run.

    Args:
        interrupted: is set to end the run.
        gate: its consent; None when nobody is captured.

    Attributes:
        session: the run, from its beginning on; clients that ask before are told that there is none.
    """

    def __init__(self, interrupted: threading.Event, gate: ConsentGate | None = None) -> None:
        super().__init__(interrupted)
        self._gate = gate
        self.session: LiveSession | None = None

    def start(self) -> None:
        """Not needed: it runs."""
        raise NotAvailable("A live run begins when its command does.")

    def withdraw(self) -> None:
        """Take consent back."""
        if self._gate is None:
            raise NotAvailable("Nobody is captured in this run.")
        self._gate.withdraw_soon("client")

    def mute(self, modality: Modality, *, muted: bool) -> None:
        """Leave out what is heard, or what is seen."""
        if self.session is None:
            raise FeedError("There is no run at the moment.")
        if modality == "text":
            raise NotAvailable("Words come from what is heard: mute audio.")
        self.session.mute("audio" if modality == "audio" else "video", muted=muted)
