"""`summary.md` and `summary.json`: what the run has shown, written at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from core.events import End, Event
from realtime.sinks.files import make_folder, printable, replace_file, unwritable
from realtime.summary.gathering import Gathering
from realtime.summary.summary import summarise

MARKDOWN: Final = "summary.md"
VALUES: Final = "summary.json"


class SummarySink:
    """Writes the summary into a run folder when the run ends.

    Args:
        folder: the run folder.

    Raises:
        SinkError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gathering = Gathering()
        self._written = False
        try:
            make_folder(folder)
        except OSError as error:
            raise unwritable(folder / MARKDOWN, error) from error

    def write(self, event: Event, seq: int) -> None:
        """Take in one event; with the last one the files are written. Raises SinkError."""
        self._gathering.add(event)
        if isinstance(event, End):
            self._save()

    def close(self) -> None:
        """Write what is known of a run that was not ended in order. Closing again does nothing."""
        if not self._written:
            self._save()

    def discard(self) -> None:
        """Write nothing: the run's files are about to be deleted."""
        self._written = True

    def _save(self) -> None:
        self._written = True
        found = summarise(self._gathering, folder=printable(str(self._folder)))
        if found is None:
            return
        replace_file(self._folder / MARKDOWN, found.as_markdown().encode())
        values = json.dumps(found.as_json(), ensure_ascii=False, indent=2)
        replace_file(self._folder / VALUES, f"{values}\n".encode())
