"""A live run that another program has started: it says where its feed is, and ends with that program.

The two ends of a pipe tell of each other without asking the system for anything: when the program is gone,
however it went, the run's standard input ends. A run that nobody can see any more must not go on capturing.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Final, Literal, TextIO

from core.errors import FeedError
from realtime.config import FeedConfig
from realtime.consent.gate import ConsentGate

if TYPE_CHECKING:
    from realtime.feed.sink import FeedSink

log = logging.getLogger(__name__)

LEAVE_S: Final = 1.5
"""So long after the program is gone the process is gone, too, whatever it is doing."""
ABANDONED_EXIT_CODE: Final = 1
MAX_LINE: Final = 1024

Order = Literal["stop", "withdraw"]
ORDERS: Final[tuple[Order, ...]] = ("stop", "withdraw")
"""Lines on standard input: end in order; take consent back. For when the feed cannot be reached."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """The one line on standard output: where the feed is. It holds a secret, so it is not for logs.

    Attributes:
        stream: address of the feed's stream.
        token: gives the right `control`.
        page: address of the dashboard, with the token that the configuration grants it.
        certificate: PEM file by which the feed is known, where it speaks TLS.
    """

    stream: str
    token: str
    page: str
    certificate: str | None = None
    type: Literal["feed"] = "feed"

    @classmethod
    def of(cls, feed: FeedSink, config: FeedConfig) -> Announcement:
        """What to say of a feed."""
        certificate = None if config.certificate is None else str(config.certificate.resolve())
        return cls(feed.url, feed.tokens.control, feed.page(config.page), certificate)

    @classmethod
    def read(cls, line: str) -> Announcement:
        """The other way round. Raises FeedError when the line is none."""
        try:
            values = json.loads(line)
            if values.get("type") != "feed":
                raise ValueError
            return cls(**values)
        except (AttributeError, TypeError, ValueError) as error:
            raise FeedError("the engine says something else than where its feed is.") from error


class Supervision:
    """The run's side of the two pipes.

    Args:
        interrupted: is set when the run is to end in order.
        gate: the run's consent; None while nobody is captured.
        orders: standard input, by default.
        answers: standard output, by default.
        leave: ends the process at once.
        leave_s: how long after the end of `orders`.
    """

    def __init__(
        self,
        interrupted: threading.Event,
        gate: ConsentGate | None,
        *,
        orders: IO[bytes] | None = None,
        answers: TextIO | None = None,
        leave: Callable[[int], object] = os._exit,
        leave_s: float = LEAVE_S,
    ) -> None:
        self._interrupted = interrupted
        self._gate = gate
        # Without a buffer: Python cannot end in order while a thread waits within a buffered reader.
        self._orders = orders if orders is not None else io.FileIO(sys.stdin.fileno(), closefd=False)
        self._answers = answers if answers is not None else sys.stdout
        self._leave = leave
        self._leave_s = leave_s

    def announce(self, feed: FeedSink, config: FeedConfig) -> None:
        """Say where the feed is."""
        self._answers.write(json.dumps(asdict(Announcement.of(feed, config))) + "\n")
        self._answers.flush()

    def watch(self) -> threading.Thread:
        """Take orders from now on, on a thread of its own, until there can be no more."""
        thread = threading.Thread(target=self._take_orders, name="supervision", daemon=True)
        thread.start()
        return thread

    def _take_orders(self) -> None:
        while line := self._orders.readline(MAX_LINE):
            order = line.decode("ascii", "replace").strip()
            if order == "withdraw" and self._gate is not None:
                self._gate.withdraw_soon("window")
            elif order in ORDERS:
                self._interrupted.set()
            else:
                log.warning("an order that is none was passed over")
        self._interrupted.set()
        timer = threading.Timer(self._leave_s, self._leave, (ABANDONED_EXIT_CODE,))
        timer.daemon = True  # a run that ends in order before that is not held up
        timer.start()
