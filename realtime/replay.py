"""One replay from the command line: a recording in; terminal, page, websocket and run folder out."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import EmotrackError
from core.events import End
from realtime.build import build_engine, hello, load_lanes
from realtime.config import ReplayConfig
from realtime.feed.control import RunControl
from realtime.pacing import Pace
from realtime.preparation import checkpoint_folder, prepare
from realtime.session import Session
from realtime.sinks.base import FanOut, Sink, unwritable
from realtime.sinks.table import RUN_FOLDER, open_sink
from realtime.sources.recording import RecordingSource

log = logging.getLogger(__name__)

FAILED_EXIT_CODE = 4
INTERRUPTED_EXIT_CODE = 130


def run_replay(path: Path, config: ReplayConfig, *, console: bool) -> int:
    """Replay a recording.

    Args:
        path: the recording.
        config: everything else.
        console: whether to show the run in the terminal.

    Returns:
        The process's exit code: 0 when the recording was played to its end, 4 when it could not be read
        any further (what was read is kept and said), 130 when interrupted.

    Raises:
        EmotrackError: the run cannot begin.
    """
    with RecordingSource(path) as source:
        spec, export = prepare(checkpoint_folder(config.checkpoint), _tell)
        spec = spec.at(config.operating_point)  # after the export, which is the same for every point
        lanes = load_lanes(spec, export, config)
        interrupted = threading.Event()
        control = RunControl(interrupted)
        sinks = FanOut(_open_sinks(config, control, console=console), _report_sink)
        try:
            with _interruptible(interrupted):
                engine = build_engine(config.engine, spec, source)
                pace = Pace.parse(config.source.pace)
                session = Session(engine, lanes, control.before(sinks), pace, interrupted)
                end = session.run(source, hello(spec, config, source))
                interrupted.wait(config.feed.linger_s if config.feed.enabled else 0.0)
        finally:
            sinks.close()
            lanes.close()
    return _exit_code(end)


def _open_sinks(config: ReplayConfig, control: RunControl, *, console: bool) -> dict[str, Sink]:
    """The feed first: a port that is taken must not cost an older run its files."""
    sinks: dict[str, Sink] = {}
    if config.feed.enabled:
        from realtime.feed.sink import FeedSink

        sinks["feed"] = feed = FeedSink.configured(config.feed, control)
        _tell(f"Page: {feed.page(config.feed.page)}")
    if console:
        from realtime.sinks.console import ConsoleSink

        sinks["console"] = ConsoleSink(pace=Pace.parse(config.source.pace).factor)
    if config.run.out is not None:
        sinks.update(_open_run_folder(config.run.out, config))
    return sinks


def _open_run_folder(out: Path, config: ReplayConfig) -> dict[str, Sink]:
    sinks = {name: open_sink(name, out) for name in RUN_FOLDER}
    try:
        (out / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    except OSError as error:
        raise unwritable(out / "config.yaml", error) from error
    return sinks


@contextmanager
def _interruptible(interrupted: threading.Event) -> Iterator[None]:
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


def _report_sink(name: str, error: EmotrackError) -> None:
    log.error("%s: %s", name, error)


def _tell(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def _exit_code(end: End) -> int:
    return {"finished": 0, "failed": FAILED_EXIT_CODE, "interrupted": INTERRUPTED_EXIT_CODE}[end.reason]
