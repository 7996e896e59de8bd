"""What a sink is, and how several are fed at once."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Protocol

from core.errors import EmotrackError, SinkError
from core.events import Event, Hello

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes the events of one run, in order."""

    def write(self, event: Event, seq: int) -> None:
        """Take one event with its number in the run.

        Raises:
            EmotrackError: it cannot be written. The sink is of no use any more; close it.
        """
        ...

    def close(self) -> None:
        """Finish, with or without an `End` before. Closing again does nothing.

        Raises:
            EmotrackError: what was left cannot be written.
        """
        ...


def purpose_text(hello: Hello) -> str:
    """What a run is for, and what is withheld for that, as every export says it."""
    withheld = f"; withheld: {', '.join(hello.withheld)}" if hello.withheld else ""
    return f"purpose: {hello.purpose}{withheld}"


class FanOut:
    """A sink that feeds several. One that fails, however, is closed and left out, and the others go on.

    Args:
        sinks: name -> sink; closed from the last to the first.
        on_fault: told the name and the error of each sink that fails, once.

    Attributes:
        failures: name -> error of the sinks that failed so far.
    """

    def __init__(self, sinks: Mapping[str, Sink], on_fault: Callable[[str, EmotrackError], None]) -> None:
        self._sinks = dict(sinks)
        self._on_fault = on_fault
        self.failures: dict[str, EmotrackError] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The sinks that still work."""
        return tuple(self._sinks)

    def add_all(self, sinks: Iterable[tuple[str, Sink]]) -> None:
        """Feed more sinks, as they are opened. Raises what opening them raises; earlier ones stay."""
        for name, sink in sinks:
            self._sinks[name] = sink

    def write(self, event: Event, seq: int) -> None:
        """Hand the event to every sink that still works."""
        for name, sink in list(self._sinks.items()):
            try:
                sink.write(event, seq)
            except Exception as error:  # noqa: BLE001  (whatever it is: one output must not end the run)
                del self._sinks[name]
                self._failed(name, error)
                self._close(name, sink)

    def discard_all_but(self, names: Container[str]) -> None:
        """Give up all others without finishing what they write: it is about to be deleted."""
        for name in [name for name in self._sinks if name not in names]:
            sink = self._sinks.pop(name)
            discard = getattr(sink, "discard", sink.close)
            try:
                discard()
            except Exception as error:  # noqa: BLE001  (as above)
                self._failed(name, error)

    def close(self) -> None:
        """Close every sink that still works."""
        while self._sinks:
            self._close(*self._sinks.popitem())

    def _close(self, name: str, sink: Sink) -> None:
        try:
            sink.close()
        except Exception as error:  # noqa: BLE001  (as above)
            self._failed(name, error)

    def _failed(self, name: str, error: Exception) -> None:
        if name in self.failures:  # a sink that failed before says nothing new
            return
        self.failures[name] = told = as_sink_error(name, error)
        self._on_fault(name, told)


def as_sink_error(name: str, error: Exception) -> EmotrackError:
    """The failure of an output as an error for people: what was to be written is never in it.

    Args:
        name: of the output.
        error: what was raised. Of a foreign one only the type is told, since its text may hold words.
    """
    if isinstance(error, EmotrackError):
        return error
    if isinstance(error, OSError):
        return SinkError(f"cannot be written ({error.strerror or type(error).__name__}).")
    log.debug("%s: %s\n%s", name, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return SinkError(f"failed ({type(error).__name__}).")
