"""One live run from the command line: devices in; terminal, page, websocket, run folder and recording out."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from core.backends.preparation import checkpoint_folder, prepare
from core.errors import ConfigError, EmotrackError
from core.events import End, Status, StreamInfo
from core.policy import policy_of
from core.spec import ModelSpec
from core.work import WorkKind, WorkResult
from realtime.config import LiveConfig, WhisperConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.keys import WITHDRAW_KEYS, withdrawable
from realtime.consent.session_files import SessionFiles
from realtime.consent.terminal import ask
from realtime.feed.resources import RunMedia
from realtime.recording.header import header_of
from realtime.recording.recorder import FILE_NAME, Recorder
from realtime.runs.build import (
    LoadedWorkers,
    build_engine,
    hello,
    load_smaller_transcriber,
    load_workers,
    needed_weights,
)
from realtime.runs.control import LiveControl
from realtime.runs.face_pictures import FacePictures
from realtime.runs.malloc import limit_malloc_arenas
from realtime.runs.sinks import (
    check_feed,
    claimed,
    delete_session_files,
    ending_said,
    exit_code,
    interruptible,
    open_sinks,
    tell,
)
from realtime.runs.supervision import Supervision
from realtime.runs.whisper_fallback import WhisperFallback, fallback_config
from realtime.session.live import LiveSession, TimedSource
from realtime.session.worker_threads import Worker, WorkerThreads
from realtime.sinks.base import FanOut
from realtime.sinks.run_folder import launch_stamp, unused
from realtime.sources.pacing import PacedSource

if TYPE_CHECKING:
    from realtime.feed.sink import FeedSink

log = logging.getLogger(__name__)

EXIT_CODES: Final = {"finished": 0, "failed": 4, "interrupted": 0}
CLOSE_S = 2.0
"""How long computations that hang are waited for at the end, all together."""

Muted = Literal["audio", "visual"]


def run_live(
    config: LiveConfig,
    *,
    play: Path | None,
    console: bool,
    consent: str | None = None,
    muted: tuple[Muted, ...] = (),
    supervised: bool = False,
    force: bool = False,
) -> int:
    """Track devices until Ctrl-C.

    Nothing is captured before somebody has agreed. When that is withdrawn, capturing stops at once, and what
    the session has written is deleted.

    Args:
        config: everything that can be configured.
        play: a recording to be played as if it came from devices, in their place.
        console: whether to show the run in the terminal.
        consent: who agrees to be captured; None = ask in the terminal. A recording captures nobody.
        muted: what is left out until somebody with the right to it takes it in.
        supervised: another program has started this one, has asked for consent in a window, and ends it;
            see `realtime.runs.supervision`. Such a program names the same folders every time: each run gets
            one of its own in them.
        force: whether an older run in the folders that are named may be replaced.

    Returns:
        The process's exit code: 0 when it was ended by the user, after the configured time or at the
        recording's end; 4 when no device could be used; 9 when something could not be written.

    Raises:
        EmotrackError: the run cannot begin.
    """
    if config.engine.deterministic:
        raise ConfigError("a live run cannot be deterministic.", where="engine.deterministic")
    limit_malloc_arenas()
    gate = None if play is not None else ConsentGate(config.engine.purpose)
    with ExitStack() as stack:
        if gate is not None:
            ask(gate, consent, sys.stdin, sys.stderr, "window" if supervised else "option")
            stack.callback(_delete_if_withdrawn, gate)  # last of all: files are closed by then
        interrupted = threading.Event()
        announce = _supervision(interrupted, gate, config) if supervised else None
        config = _with_folders_of_its_own(config) if supervised else config
        control = LiveControl(interrupted, gate)
        folders = claimed(stack, config, config.record, force=force, warn=partial(_warn_of_room, control))
        check_feed(config.feed)
        source = stack.enter_context(_open(config, play, gate))
        fallback = fallback_config(config)
        spec, export = prepare(checkpoint_folder(config.checkpoint), tell, needed_weights(config))
        spec = spec.at(config.operating_point)
        pictures = FacePictures()
        workers = pictures.watched(_workers(load_workers(spec, export, config), fallback))
        setup = _Setup(config, source, spec, workers, fallback is not None, control, interrupted, gate)
        traces = None if gate is None else gate.traces
        if traces is not None:
            traces.memory(pictures.forget)
        sees = any(stream.kind == "video" for stream in source.streams) and "faces" in workers
        sinks = open_sinks(
            config,
            control,
            console=console,
            pace=1.0,
            folders=folders,
            traces=traces,
            media=RunMedia(faces=pictures.pictures if sees else None),
            ending=interrupted.is_set,
            announce=announce,
            report=partial(_report_failure, control),
        )
        stack.callback(sinks.close)
        stack.enter_context(interruptible(interrupted, ending_said(console=console)))
        end, failures = _track(stack, setup, sinks, muted)
        if gate is None or gate.state == "given":
            interrupted.wait(config.feed.linger_s if config.feed.enabled else 0.0)
    if end.reason == "failed":
        for fault in end.faults:
            tell(f"emotrack: {fault}")
    return exit_code(end, EXIT_CODES, [*sinks.failures.values(), *failures])


@dataclass(frozen=True, slots=True)
class _Setup:
    """What a run is made of, once everything is loaded."""

    config: LiveConfig
    source: TimedSource
    spec: ModelSpec
    workers: dict[WorkKind, Worker]
    smaller_whisper: bool
    control: LiveControl
    interrupted: threading.Event
    gate: ConsentGate | None


def _track(
    stack: ExitStack, setup: _Setup, sinks: FanOut, muted: tuple[Muted, ...]
) -> tuple[End, list[EmotrackError]]:
    """Run the session to its end; returns the last message, and why the recording is not whole, if so."""
    config, source, control, gate = setup.config, setup.source, setup.control, setup.gate
    traces = None if gate is None else gate.traces
    streams = with_person(source.streams)
    greeting = replace(hello(setup.spec, config, source), streams=streams, capturing=gate is not None)
    header = header_of(config.engine, setup.spec, greeting, smaller_whisper=setup.smaller_whisper)
    recorder = _open_recorder(config, header, control, traces)
    if recorder is not None:
        stack.callback(recorder.close)
    session = LiveSession(
        source,
        build_engine(config.engine, setup.spec, source, streams, smaller_whisper=setup.smaller_whisper),
        _thread_starter(setup.workers),
        control.before(sinks),
        setup.interrupted,
        tape=recorder,
        seconds=config.seconds,
        muted=["audio" if modality == "audio" else "video" for modality in muted],
        purge=lambda: _delete_files(sinks, recorder, traces),
    )
    stack.callback(session.threads.close, CLOSE_S)
    control.session = session
    if gate is not None:
        gate.on_withdrawal(session.withdraw)
        stack.enter_context(withdrawable(gate))
        tell(capture_notice(source.streams, gate))
    end = session.run(greeting)
    if recorder is not None:
        recorder.finish(end)
    return end, [] if recorder is None or recorder.failure is None else [recorder.failure]


def _with_folders_of_its_own(config: LiveConfig) -> LiveConfig:
    """The configuration with a new folder for this run within each that it names."""
    stamp = launch_stamp()
    out = None if config.run.out is None else unused(config.run.out, stamp)
    record = None if config.record is None else unused(config.record, stamp)
    run = config.run.model_copy(update={"out": out})
    return config.model_copy(update={"run": run, "record": record})


def _warn_of_room(control: LiveControl, sentence: str) -> None:
    log.warning("%s", sentence)
    _say(control, "disk_low", "warning", sentence)


def _report_failure(control: LiveControl, name: str, error: EmotrackError) -> None:
    """Tell of an output that failed: in the log, and to everybody who follows the run."""
    log.error("%s: %s", name, error)
    _say(control, "output_failed", "error", f"{name}: {error.what}")


def _say(control: LiveControl, code: str, level: Literal["warning", "error"], message: str) -> None:
    session = control.session
    if session is not None:
        session.say(Status(session.now_s(), code, level, message))


def _supervision(
    interrupted: threading.Event, gate: ConsentGate | None, config: LiveConfig
) -> Callable[[FeedSink], None]:
    """Obey the program that started this one; returns what tells it where the feed is."""
    supervision = Supervision(interrupted, gate)
    supervision.watch()
    return partial(supervision.announce, config=config.feed)


def with_person(streams: tuple[StreamInfo, ...]) -> tuple[StreamInfo, ...]:
    """The streams; the other side's sound without the other side's faces belongs to "them" as a whole."""
    strangers = any(stream.kind == "video" and stream.person is None for stream in streams)
    return tuple(
        replace(stream, person=stream.name) if stream.name == "them" and not strangers else stream
        for stream in streams
    )


def capture_notice(streams: tuple[StreamInfo, ...], gate: ConsentGate) -> str:
    """What the terminal says before the devices open; the page and the window show which of them did."""
    names = ", ".join(stream.name for stream in streams)
    only = f"; withheld: {' and '.join(gate.policy.withheld)}" if gate.policy.withheld else ""
    return (
        f"● Capturing begins: {names}, as far as they open. Purpose: {gate.notice.purpose}{only}. "
        f"Ctrl-C ends, {WITHDRAW_KEYS} withdraws consent and deletes."
    )


def _delete_files(sinks: FanOut, recorder: Recorder | None, traces: SessionFiles | None) -> str:
    """Deletes what the run has written while the feed is still there to say so."""
    assert traces is not None, "only a run with consent can be withdrawn"
    if recorder is not None:
        recorder.discard()
    return delete_session_files(traces, sinks)


def _delete_if_withdrawn(gate: ConsentGate) -> None:
    """At the end: what a session without consent has written is deleted."""
    if gate.state == "withdrawn":
        left = gate.traces.purge()
        tell("Consent was withdrawn: what this session had written is deleted.")
        for path in left:
            tell(f"{path} could not be deleted: delete it by hand.")


def _open(config: LiveConfig, play: Path | None, gate: ConsentGate | None) -> TimedSource:
    if play is not None:
        from core.media.recording import RecordingSource

        heard_only = not policy_of(config.engine.purpose).allows("visual")
        return PacedSource(RecordingSource(play, want_video=not heard_only))
    from realtime.sources.open import open_sources

    return open_sources(config.sources, gate)


def _workers(loaded: LoadedWorkers, fallback: WhisperConfig | None) -> dict[WorkKind, Worker]:
    """All workers; the recogniser with a smaller one to fall back to, where there is one."""
    if fallback is None:
        return loaded.mapping
    small = load_smaller_transcriber(fallback)
    return {**loaded.mapping, "transcribe": WhisperFallback(loaded.transcriber, lambda: small).run}


def _thread_starter(
    workers: dict[WorkKind, Worker],
) -> Callable[[Callable[[WorkResult], None], Callable[[], float]], WorkerThreads]:
    def start_threads(deliver: Callable[[WorkResult], None], stamp: Callable[[], float]) -> WorkerThreads:
        return WorkerThreads(workers, deliver=deliver, stamp=stamp, finals_first=True)

    return start_threads


def _open_recorder(
    config: LiveConfig, header: dict[str, str], control: LiveControl, traces: SessionFiles | None
) -> Recorder | None:
    if config.record is None:
        return None
    if traces is not None:
        traces.file(config.record / FILE_NAME)

    def report(error: EmotrackError) -> None:
        log.error("recorder: %s", error)
        _say(control, "record_failed", "error", "the recording cannot be written")

    return Recorder(config.record, header, report)
