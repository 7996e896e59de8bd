"""One live run from the command line: devices in; terminal, page, websocket, run folder and recording out."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import ConfigError, EmotrackError
from core.events import End, Status, StreamInfo
from core.policy import policy_of
from core.work import WorkKind, WorkResult
from realtime.config import WhisperConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.keys import WITHDRAW_KEYS, withdrawable
from realtime.consent.session_files import SessionFiles
from realtime.consent.terminal import ask
from realtime.live_config import LiveConfig
from realtime.recording.header import header_of
from realtime.recording.recorder import FILE_NAME, Recorder
from realtime.runs.build import (
    LoadedWorkers,
    build_engine,
    hello,
    load_transcriber,
    load_workers,
    needed_weights,
)
from realtime.runs.control import LiveControl
from realtime.runs.export import checkpoint_folder, prepare
from realtime.runs.malloc import limit_malloc_arenas
from realtime.runs.sinks import delete_session_files, interruptible, open_sinks, tell
from realtime.runs.supervision import Supervision
from realtime.runs.whisper_fallback import WhisperFallback, fallback_config
from realtime.session.live import LiveSession, TimedSource
from realtime.session.worker_threads import Worker, WorkerThreads
from realtime.sinks.base import FanOut
from realtime.sources.pacing import PacedSource

if TYPE_CHECKING:
    from realtime.feed.sink import FeedSink

log = logging.getLogger(__name__)

FAILED_EXIT_CODE = 4
CLOSE_S = 2.0
"""How long a computation that hangs is waited for at the end."""


Muted = Literal["audio", "visual"]


def run_live(
    config: LiveConfig,
    *,
    play: Path | None,
    console: bool,
    consent: str | None = None,
    muted: tuple[Muted, ...] = (),
    supervised: bool = False,
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
            see `realtime.runs.supervision`.

    Returns:
        The process's exit code: 0 when it was ended by the user, after the configured time or at the
        recording's end; 4 when no device could be used.

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
        source = stack.enter_context(_open(config, play, gate))
        fallback = fallback_config(config)
        spec, export = prepare(checkpoint_folder(config.checkpoint), tell, needed_weights(config))
        spec = spec.at(config.operating_point)
        loaded = load_workers(spec, export, config)
        control = LiveControl(interrupted)
        control.gate = gate
        traces = None if gate is None else gate.traces
        sinks = open_sinks(config, control, console=console, pace=1.0, traces=traces, announce=announce)
        stack.callback(sinks.close)
        stack.enter_context(interruptible(interrupted))
        streams = with_person(source.streams)
        greeting = replace(hello(spec, config, source), streams=streams, capturing=gate is not None)
        header = header_of(config.engine, spec, greeting, smaller_whisper=fallback is not None)
        recorder = _open_recorder(config, header, control, traces)
        if recorder is not None:
            stack.callback(recorder.close)
        session = LiveSession(
            build_engine(config.engine, spec, source, streams, smaller_whisper=fallback is not None),
            _thread_starter(_workers(loaded, fallback)),
            control.before(sinks),
            interrupted,
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
        end = session.run(source, greeting)
        if recorder is not None:
            recorder.finish(end)
        if gate is None or gate.state == "given":
            interrupted.wait(config.feed.linger_s if config.feed.enabled else 0.0)
    return _exit_code(end)


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
    """What stands in the terminal while people are captured."""
    names = ", ".join(stream.name for stream in streams)
    only = f"; withheld: {' and '.join(gate.policy.withheld)}" if gate.policy.withheld else ""
    return (
        f"● Capturing {names}. Purpose: {gate.notice.purpose}{only}. Ctrl-C ends, {WITHDRAW_KEYS} withdraws "
        "consent and deletes."
    )


def _delete_files(sinks: FanOut, recorder: Recorder | None, traces: SessionFiles | None) -> str:
    """Deletes what the run has written while the feed is still there to say so."""
    assert traces is not None, "only a run with consent can be withdrawn"
    if recorder is not None:
        recorder.close()
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
    small = load_transcriber(fallback)
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
        if control.session is not None:
            t_s = control.session.now_s()
            control.session.say(Status(t_s, "record_failed", "error", "the recording cannot be written"))

    return Recorder(config.record, header, report)


def _exit_code(end: End) -> int:
    if end.reason != "failed":
        return 0
    for fault in end.faults:
        tell(f"emotrack: {fault}")
    return FAILED_EXIT_CODE
