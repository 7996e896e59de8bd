"""The terminal view of a run: live where the output is a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from core.errors import SinkError
from core.events import EmotionEstimate, End, Event, Hello, Status, Transcript
from core.terminal_text import clean
from realtime.sinks.base import purpose_text
from realtime.sinks.console_view import (
    View,
    clock,
    draw,
    name_of,
    status_line,
    summary,
    transcript_line,
    words_not_used,
)
from realtime.sinks.files import printable
from realtime.sinks.pace_lag import PaceLag
from realtime.summary.gathering import Gathering
from realtime.summary.summary import summarise
from realtime.summary.wording import MODALITY_NAMES, length

REFRESH_S = 0.1


class Terminal(Console):
    """Standard output. When nobody reads it any more, this one sink ends and not the run."""

    def on_broken_pipe(self) -> None:
        """Raise SinkError, where rich would end the program."""
        try:
            super().on_broken_pipe()
        except SystemExit as end:
            raise SinkError("Nobody reads the terminal's lines any more.") from end


class ConsoleSink:
    """Shows people with seven bars each, what they say, and how the run goes.

    The view is drawn when an event comes, at most every `REFRESH_S`; no thread is involved. Where the output
    is no terminal, each final transcript, final estimate, warning and the end is one line.

    Args:
        console: where to draw; by default standard output.
        pace: stream seconds per wall-clock second that are aimed at; None = as fast as possible.
        page: address of the web page to show in the header.
        folder: the run folder, for the summary; None where nothing is kept.
        duration_s: of the recording, for what is left of it; None where that is not known.
        ending: whether the run was asked to end.
        monotonic: clock in seconds.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        pace: float | None = None,
        page: str | None = None,
        folder: Path | None = None,
        duration_s: float | None = None,
        ending: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console if console is not None else Terminal()
        self._page = page
        self._folder = folder
        self._duration_s = duration_s
        self._ending = ending
        self._gathering = Gathering()
        self._monotonic = monotonic
        self._view = View()
        self._lag = PaceLag(pace, monotonic)
        self._started = False
        self._drawn_s = -REFRESH_S
        self._closed = False
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def write(self, event: Event, seq: int) -> None:
        """Show one event.

        Raises:
            SinkError: the output is gone.
        """
        now_s = self._monotonic()
        self._lag.observe(event)
        if not self._started:
            self._started = True
            if self._live is not None:
                self._live.start()
        self._view.take(event)
        self._gathering.add(event)
        if self._live is None:
            self._say(event)
        elif now_s - self._drawn_s >= REFRESH_S:
            self._drawn_s = now_s
            self._draw(self._live)

    def close(self) -> None:
        """Leave the last state in the terminal and say how the run ended. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        if self._live is not None and self._started:
            self._draw(self._live)
            self._live.stop()
            if self._view.end is not None:
                self._end(self._view.end)

    def _draw(self, live: Live) -> None:
        live.update(draw(self._view, self._speed(), self._page, self._console), refresh=True)

    def _speed(self) -> str:
        elapsed_s, behind_s = self._lag.elapsed_s, self._lag.behind_s
        if self._ending():
            return "ending ..."
        if elapsed_s <= 0:
            return ""
        if behind_s is None:
            return self._progress(self._lag.stream_s, elapsed_s)
        return f"{behind_s:.1f} s behind" if behind_s >= 0.05 else "on time"

    def _progress(self, stream_s: float, elapsed_s: float) -> str:
        """How fast a run as fast as possible goes, how far it is, and how long the rest will take."""
        fast = f"{stream_s / elapsed_s:.1f}x real time"
        if not self._duration_s or stream_s <= 0:
            return fast
        done = min(1.0, stream_s / self._duration_s)
        left_s = (self._duration_s - stream_s) * elapsed_s / stream_s
        return f"{round(100 * done)}%, {length(left_s)} left, {fast}"

    def _say(self, event: Event) -> None:
        match event:
            case Hello():
                about = [event.source, purpose_text(event), f"whisper {event.whisper}", event.model.name]
                self._print("  ".join([*about, *([self._page] if self._page else [])]))
            case Transcript(final=True) if event.text or event.rejected:
                self._print(transcript_line(self._view, event.utterance))
            case EmotionEstimate(final=True):
                used = "+".join(MODALITY_NAMES[modality] for modality in event.modalities)
                reason = words_not_used(self._view, event)
                unused = f"  ({reason})" if reason else ""
                self._print(
                    f"{clock(event.t0_s)} {name_of(event.person)}  → {summary(event)}  ({used}){unused}"
                )
            case Status(level="warning" | "error"):
                self._print(status_line(event))
            case End():
                self._end(event)

    def _end(self, end: End) -> None:
        counts = f"{end.utterances} utterances, {end.estimates} estimates, {end.finals} of them final"
        self._print(f"{end.reason} at {clock(end.t_s)}: {counts}")
        for fault in end.faults:
            self._print(fault)
        found = summarise(
            self._gathering, folder=None if self._folder is None else printable(str(self._folder))
        )
        for line in ["", *found.as_lines()] if found is not None else []:
            self._print(line)

    def _print(self, line: Text | str) -> None:
        text = Text(clean(line)) if isinstance(line, str) else line
        text.overflow = "ignore"
        self._console.print(text, soft_wrap=True)
