"""`timeline.png`: the whole run as one picture, drawn when the run is over."""

from __future__ import annotations

from pathlib import Path

from core.errors import SinkError
from core.events import Event, Hello
from realtime.sinks.files import make_folder, replace_file, unwritable
from realtime.sinks.timeline_data import TimelineData


class TimelineSink:
    """Keeps of the run what a picture can show and draws `timeline.png` when it is closed.

    Args:
        folder: the run folder.

    Raises:
        SinkError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "timeline.png"
        self._data: TimelineData | None = None
        self._closed = False
        try:
            make_folder(folder)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def write(self, event: Event, seq: int) -> None:
        """Take one event into the data."""
        if isinstance(event, Hello):
            self._data = TimelineData(event)
        elif self._data is not None:
            self._data.add(event)

    def close(self) -> None:
        """Draw. Closing again does nothing.

        Raises:
            SinkError: the picture cannot be written.
        """
        if self._closed:
            return
        self._closed = True
        if self._data is None:  # the run never began
            return
        try:
            from realtime.sinks.timeline_figure import png

            replace_file(self._path, png(self._data))
        except ImportError as error:
            raise SinkError(
                "cannot be drawn: matplotlib is not installed.",
                where=str(self._path),
                fix="Install it, or leave the timeline out.",
            ) from error

    def discard(self) -> None:
        """Draw nothing."""
        self._closed = True
