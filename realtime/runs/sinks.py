"""What surrounds every run of the command: feed, terminal, run folder, an end in order, an exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.errors import EmotrackError, SinkError
from core.events import End
from core.terminal_text import clean_lines
from realtime.config import FeedConfig, TrackingConfig
from realtime.consent.session_files import SessionFiles
from realtime.feed.targets import ControlTarget
from realtime.sinks.base import FanOut, Sink
from realtime.sinks.files import printable, replace_file
from realtime.sinks.registry import RUN_FOLDER, open_sink
from realtime.sinks.run_folder import RUN_FILES, RunFolder, claim

if TYPE_CHECKING:
    from realtime.feed.resources import RunMedia
    from realtime.feed.sink import FeedSink

log = logging.getLogger(__name__)

DISPLAY_SINKS: Final = ("feed", "console")
"""Sinks that keep nothing on the disk."""
ENDING: Final = "emotrack: ending: the last words are being finished; Ctrl-C again ends at once."
_PROBE_BYTES: Final = 65_536


def claimed(
    stack: ExitStack,
    config: TrackingConfig,
    record: Path | None = None,
    *,
    force: bool,
    warn: Callable[[str], None] = log.warning,
) -> list[RunFolder]:
    """The folders that a run writes into, its own until `stack` is closed. Raises SinkError; see `claim`."""
    folders = claim(config.run.out, record, force=force, warn=warn)
    for folder in folders:
        stack.callback(folder.close)
    return folders


def check_feed(config: FeedConfig) -> None:
    """Find out before networks are loaded whether the feed can be served.

    Raises:
        FeedError: the port is taken, or the certificate or an address is no good.
    """
    if config.enabled:
        from realtime.feed.endpoint import Endpoint
        from realtime.feed.sink import tls_of

        endpoint = Endpoint(config.host, config.port, tls_of(config), config.origins)
        endpoint.ssl_context()
        endpoint.listen(_PROBE_BYTES).close()


def open_sinks(
    config: TrackingConfig,
    control: ControlTarget,
    *,
    console: bool,
    pace: float | None,
    folders: Sequence[RunFolder] = (),
    traces: SessionFiles | None = None,
    media: RunMedia | None = None,
    ending: Callable[[], bool] = lambda: False,
    duration_s: float | None = None,
    announce: Callable[[FeedSink], None] | None = None,
    report: Callable[[str, EmotrackError], None] | None = None,
) -> FanOut:
    """Every sink that the configuration asks for.

    The feed first: a port that is taken must not cost an older run its files. When one cannot be opened,
    the others are closed again.

    Args:
        config: of the run.
        control: carries out what clients of the feed ask for.
        console: whether to show the run in the terminal.
        pace: stream seconds per second that are aimed at, for terminal and page; None = as fast as possible.
        folders: those that the run writes into, claimed before; an older run in them goes now.
        traces: is told of everything that would have to be deleted.
        media: pictures and sound of the run that its pages may show.
        ending: whether the run was asked to end; the terminal says so.
        duration_s: of the recording, where it is known; the terminal says what is left.
        announce: says where the feed is; None = the page's address stands in the terminal.
        report: told of each sink that fails; by default it stands in the log.

    Raises:
        FeedError, SinkError: one of them cannot be opened.
    """
    sinks: dict[str, Sink] = {f"folder {number}": folder for number, folder in enumerate(folders)}
    console_sink = partial(_console, pace, config.run.out, ending, duration_s) if console else None
    opened = FanOut(sinks, report if report is not None else _report)
    try:
        opened.add_all(_opened(config, control, pace, folders, traces, media, console_sink, announce))
    except BaseException:
        opened.close()
        raise
    return opened


def _opened(
    config: TrackingConfig,
    control: ControlTarget,
    pace: float | None,
    folders: Sequence[RunFolder],
    traces: SessionFiles | None,
    media: RunMedia | None,
    console: Callable[[], Sink] | None,
    announce: Callable[[FeedSink], None] | None,
) -> Iterator[tuple[str, Sink]]:
    if config.feed.enabled:
        from realtime.feed.sink import FeedSink

        feed = FeedSink.configured(config.feed, control, pace, media)
        yield "feed", feed
        if announce is not None:
            announce(feed)
        else:
            tell(f"Page: {feed.page(config.feed.page)}")
        if traces is not None:
            traces.memory(feed.forget)
    if console is not None:
        yield "console", console()
    for folder in folders:
        folder.clear()
    if config.run.out is not None:
        yield from run_folder_sinks(config.run.out, config, traces)


def _console(
    pace: float | None, folder: Path | None, ending: Callable[[], bool], duration_s: float | None
) -> Sink:
    from realtime.sinks.console import ConsoleSink

    return ConsoleSink(pace=pace, folder=folder, ending=ending, duration_s=duration_s)


def run_folder_sinks(
    out: Path, config: TrackingConfig, traces: SessionFiles | None = None
) -> Iterator[tuple[str, Sink]]:
    """Every sink that writes into a run's folder, by name, and the configuration beside. Raises SinkError."""
    if traces is not None:
        for name in RUN_FILES:
            traces.file(out / name)
    for name in RUN_FOLDER:
        yield name, open_sink(name, out)
    replace_file(out / "config.yaml", printable(config.to_yaml()).encode())


def delete_session_files(traces: SessionFiles, sinks: FanOut) -> str:
    """Give up the files of a session, delete them, and say so in one clause; feed and terminal stay open."""
    sinks.discard_all_but(DISPLAY_SINKS)
    left = traces.purge()
    many = traces.deleted != 1
    files = f"{traces.deleted} files of this session were" if many else "1 file of this session was"
    said = f"{files} deleted" if traces.deleted else "this session has written no file"
    return f"{said}; {len(left)} could not be deleted, see the terminal" if left else said


@contextmanager
def interruptible(interrupted: threading.Event, said: str = "") -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that is closed end the run in order; a second one ends the process.

    A run that was started to outlive its terminal (`nohup`) goes on when that is closed.

    Args:
        interrupted: is set by the first signal.
        said: a sentence for standard error at that moment, before anything is waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end_in_order(number: int, frame: object) -> None:
        interrupted.set()
        signal.signal(number, signal.default_int_handler)
        if said:
            with contextlib.suppress(OSError):  # `sys.stderr` may be in the middle of a write: not from here
                os.write(2, said.encode())

    before = {number: signal.signal(number, end_in_order) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ending_said(*, console: bool) -> str:
    """What the terminal says as soon as a run is asked to end.

    Over the terminal view it takes the last line's place and leaves the cursor there: the view goes on.
    """
    return f"\r\x1b[K{ENDING}" if console and sys.stderr.isatty() else f"{ENDING}\n"


def ending_signals() -> list[signal.Signals]:
    """Signals that end a run in order, of those that this platform has."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)  # the terminal was closed
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        numbers.append(hangup)
    return numbers


def tell(sentence: str) -> None:
    """Say something to the person at the terminal, beside the run's own output."""
    with contextlib.suppress(OSError):  # the terminal was closed, or its disk is full: nobody can be told
        sys.stderr.write(clean_lines(sentence) + "\n")
        sys.stderr.flush()


def exit_code(end: End, codes: dict[str, int], failures: Sequence[EmotrackError]) -> int:
    """The process's exit code.

    Args:
        end: the run's last message.
        codes: reason of the end -> exit code.
        failures: of outputs. What could not be kept counts for more than how the run ended.
    """
    if failures and end.reason != "failed":
        return SinkError.exit_code
    return codes[end.reason]


def _report(name: str, error: EmotrackError) -> None:
    log.error("%s: %s", name, error)
