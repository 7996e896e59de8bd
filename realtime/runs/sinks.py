"""What surrounds every run of the command: feed, terminal, run folder, and an end in order."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import EmotrackError
from core.terminal_text import clean_lines
from realtime.config import TrackingConfig
from realtime.consent.session_files import SessionFiles
from realtime.feed.targets import ControlTarget
from realtime.sinks.base import FanOut, Sink, unwritable
from realtime.sinks.registry import RUN_FILES, RUN_FOLDER, open_sink

if TYPE_CHECKING:
    from realtime.feed.sink import FeedSink

log = logging.getLogger(__name__)

DISPLAY_SINKS: Final = ("feed", "console")
"""Sinks that keep nothing on the disk."""


def open_sinks(
    config: TrackingConfig,
    control: ControlTarget,
    *,
    console: bool,
    pace: float | None,
    traces: SessionFiles | None = None,
    announce: Callable[[FeedSink], None] | None = None,
) -> FanOut:
    """Every sink that the configuration asks for.

    The feed first: a port that is taken must not cost an older run its files.

    Args:
        config: of the run.
        control: carries out what clients of the feed ask for.
        console: whether to show the run in the terminal.
        pace: stream seconds per second that are aimed at, for terminal and page; None = as fast as possible.
        traces: is told of everything that would have to be deleted.
        announce: says where the feed is; None = the page's address stands in the terminal.

    Raises:
        FeedError, SinkError: one of them cannot be opened.
    """
    sinks: dict[str, Sink] = {}
    if config.feed.enabled:
        from realtime.feed.sink import FeedSink

        sinks["feed"] = feed = FeedSink.configured(config.feed, control, pace)
        if announce is not None:
            announce(feed)
        else:
            tell(f"Page: {feed.page(config.feed.page)}")
        if traces is not None:
            traces.memory(feed.forget)
    if console:
        from realtime.sinks.console import ConsoleSink

        sinks["console"] = ConsoleSink(pace=pace)
    if config.run.out is not None:
        sinks.update(open_run_folder(config.run.out, config, traces))
    return FanOut(sinks, _report)


def open_run_folder(out: Path, config: TrackingConfig, traces: SessionFiles | None = None) -> dict[str, Sink]:
    """Every sink that writes into a run's folder, and the configuration beside. Raises SinkError."""
    if traces is not None:
        for name in (*RUN_FILES, "config.yaml"):
            traces.file(out / name)
    sinks = {name: open_sink(name, out) for name in RUN_FOLDER}
    try:
        (out / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    except OSError as error:
        raise unwritable(out / "config.yaml", error) from error
    return sinks


def delete_session_files(traces: SessionFiles, sinks: FanOut) -> str:
    """Close the files of a session, delete them, and say so in one clause; feed and terminal stay open."""
    sinks.keep_only(DISPLAY_SINKS)
    left = traces.purge()
    many = traces.deleted != 1
    files = f"{traces.deleted} files of this session were" if many else "1 file of this session was"
    said = f"{files} deleted" if traces.deleted else "this session has written no file"
    return f"{said}; {len(left)} could not be deleted, see the terminal" if left else said


@contextmanager
def interruptible(interrupted: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run in order; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end_in_order(number: int, frame: object) -> None:
        interrupted.set()
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, end_in_order) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(sentence: str) -> None:
    """Say something to the person at the terminal, beside the run's own output."""
    sys.stderr.write(clean_lines(sentence) + "\n")


def _report(name: str, error: EmotrackError) -> None:
    log.error("%s: %s", name, error)
