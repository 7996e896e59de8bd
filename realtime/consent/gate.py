"""The gate before a session's devices: closed until somebody agrees, and for good when they take it back."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Literal

from core.errors import ConsentError
from core.labels import Purpose
from core.policy import policy_of
from core.terminal_text import clean
from realtime.consent.ledger import Decision, Entry, Ledger, Means
from realtime.consent.notice import CapturedBy, notice_for
from realtime.consent.session_files import SessionFiles

log = logging.getLogger(__name__)

State = Literal["open", "given", "declined", "withdrawn"]


class ConsentGate:
    """One session's consent. It may be used from any thread.

    Args:
        purpose: what the session is for; consent counts for this purpose and this session only.
        ledger: where decisions are written down.
        session: a name for the session in the ledger; by default a random one.
        captured_by: whose devices are captured.
        wall: present wall-clock time.

    Attributes:
        notice: what has to be told before anybody can agree.
        policy: what is withheld, whatever anybody agrees to.
        traces: what is deleted when consent is withdrawn.
    """

    def __init__(
        self,
        purpose: Purpose,
        ledger: Ledger | None = None,
        *,
        session: str | None = None,
        captured_by: CapturedBy = "devices",
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.notice = notice_for(purpose, captured_by)
        self.policy = policy_of(purpose)
        self.ledger = ledger if ledger is not None else Ledger()
        self.session = session if session is not None else secrets.token_hex(4)
        self.traces = SessionFiles()
        self._wall = wall
        self._lock = threading.Lock()
        self._state: State = "open"
        self._who = ""
        self._means: Means = "terminal"
        self._stops: list[Callable[[], None]] = []
        self._leave: Callable[[], None] = _nothing

    @property
    def state(self) -> State:
        """What was decided; "open" while nothing was."""
        return self._state

    def give(self, who: str, means: Means) -> None:
        """Somebody has read the notice and agrees.

        Raises:
            ConsentError: no name was given, it was decided otherwise before, or the ledger cannot be written.
        """
        self._decide(who, "given", means)

    def decline(self, who: str, means: Means) -> None:
        """Somebody says no. Raises ConsentError as `give` does."""
        self._decide(who or "-", "declined", means)

    def require(self) -> None:
        """Go on only with consent.

        Raises:
            ConsentError: it was not given, or is given no longer.
        """
        if self._state != "given":
            raise refused(self._state)

    def another(self, name: str) -> ConsentGate:
        """A gate for one more session under the same consent, which can be withdrawn for itself.

        When this one's is withdrawn, so is that one's, until it is closed.

        Raises:
            ConsentError: there is no consent (any more), or the ledger cannot be written.
        """
        self.require()
        gate = ConsentGate(
            self.notice.purpose, self.ledger, session=f"{self.session}.{name}", wall=self._wall
        )
        gate.notice = self.notice
        gate.give(self._who, self._means)
        gate._leave = self.on_withdrawal(lambda: gate.withdraw(self._means))
        return gate

    def close(self) -> None:
        """Nothing of the session is left to be stopped or forgotten: `another`'s gate lets go of it."""
        self._leave()

    def on_withdrawal(self, stop: Callable[[], None]) -> Callable[[], None]:
        """Have something stopped when consent is withdrawn; at once if it was.

        Returns:
            To be called when it has ended by itself: the gate lets go of it. Calling again does nothing.
        """
        with self._lock:
            withdrawn = self._state == "withdrawn"
            if not withdrawn:
                self._stops.append(stop)
        if withdrawn:
            stop()

        def ended() -> None:
            with self._lock:
                if stop in self._stops:
                    self._stops.remove(stop)

        return ended

    def withdraw(self, means: Means) -> None:
        """Take consent back: stop everything, forget what is in memory, and write it down.

        Files are deleted by whoever has them open, see `SessionFiles.purge`. Without consent: does nothing.

        Raises:
            ConsentError: the ledger cannot be written; everything has been stopped.
        """
        with self._lock:
            if self._state != "given":
                return
            self._state = "withdrawn"
            stops, self._stops = self._stops, []
        with ExitStack() as steps:  # from the last to the first, each even if another one fails
            steps.callback(self.ledger.append, self._entry("withdrawn", means))
            steps.callback(self.traces.forget)
            for stop in stops:
                steps.callback(stop)

    def withdraw_soon(self, means: Means) -> None:
        """As `withdraw`, on a thread of its own: for signal handlers and event loops, which must not wait."""
        threading.Thread(target=self._withdraw, args=(means,), name="withdrawal").start()

    def _withdraw(self, means: Means) -> None:
        try:
            self.withdraw(means)
        except ConsentError as error:
            log.error("%s", error)

    def _decide(self, who: str, decision: Literal["given", "declined"], means: Means) -> None:
        name = " ".join(who.split())
        if not name or clean(name) != name:
            what = "consent needs a name" if not name else "this name holds what is no text"
            raise ConsentError(f"{what}.", fix="Say who agrees: --consent NAME.")
        with self._lock:
            if self._state != "open":
                raise refused(self._state)
            self._who, self._means = name, means
            self.ledger.append(self._entry(decision, means))  # first: what is not on record does not count
            self._state = decision

    def _entry(self, decision: Decision, means: Means) -> Entry:
        at = self._wall().isoformat(timespec="seconds").replace("+00:00", "Z")
        notice = self.notice
        return Entry(at, self._who, decision, notice.purpose, notice.version, self.session, means)


def _nothing() -> None:
    """Of a gate that is under no other one."""


def refused(state: State) -> ConsentError:
    """The error for a gate that is not open to devices."""
    if state == "given":
        return ConsentError("consent was given already.")
    what = {"open": "nobody has agreed to be captured", "declined": "consent was declined"}
    return ConsentError(
        f"{what.get(state, 'consent was withdrawn')}: nothing is captured.",
        fix="Answer at the prompt, or say who agrees with --consent NAME.",
    )
