"""What a sink is, and how several are fed at once."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Protocol

from core.errors import EmotrackError, SinkError
from core.events import Event, Hello


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
    """A sink that feeds several. One that fails is closed and left out, and the others go on.

    Args:
        sinks: name -> sink.
        on_fault: told the name and the error of each sink that fails, once.
    """

    def __init__(self, sinks: Mapping[str, Sink], on_fault: Callable[[str, EmotrackError], None]) -> None:
        self._sinks = dict(sinks)
        self._on_fault = on_fault

    @property
    def names(self) -> tuple[str, ...]:
        """The sinks that still work."""
        return tuple(self._sinks)

    def write(self, event: Event, seq: int) -> None:
        """Hand the event to every sink that still works."""
        for name, sink in list(self._sinks.items()):
            try:
                sink.write(event, seq)
            except EmotrackError as error:
                del self._sinks[name]
                self._on_fault(name, error)
                self._close(name, sink, known=True)

    def keep_only(self, names: Container[str]) -> None:
        """Close all others: nothing more is written there."""
        for name in [name for name in self._sinks if name not in names]:
            self._close(name, self._sinks.pop(name), known=False)

    def close(self) -> None:
        """Close every sink that still works."""
        while self._sinks:
            name, sink = self._sinks.popitem()
            self._close(name, sink, known=False)

    def _close(self, name: str, sink: Sink, *, known: bool) -> None:
        try:
            sink.close()
        except EmotrackError as error:
            if not known:  # a sink that failed before says nothing new
                self._on_fault(name, error)


class TextFile:
    """A text file that grows by whole pieces, each handed to the operating system at once.

    What was written stays when the program is killed, and a piece that does not fit on the disk is an error
    where it happens, not when the file is closed.

    Args:
        path: where; an existing file is replaced.

    Raises:
        SinkError: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, text: str) -> None:
        """Write `text` at the end.

        Raises:
            SinkError: not all of it could be written.
        """
        data = text.encode("utf-8")
        try:
            written = self._file.write(data)
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise unwritable(self._path, error) from error

    def clear(self) -> None:
        """Empty the file.

        Raises:
            SinkError: the file cannot be changed.
        """
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Close the file. Closing again does nothing."""
        self._file.close()


def unwritable(path: Path, error: OSError) -> SinkError:
    """The error for a file of the run folder that the operating system refuses to write."""
    return SinkError(
        f"cannot be written ({error.strerror}).",
        where=str(path),
        fix="Name a folder with --out that can be written and has room.",
    )
