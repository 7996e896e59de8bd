"""One replay from the command line: a recording in; terminal, page, websocket and run folder out."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from core.backends.preparation import checkpoint_folder, prepare
from core.engine.engine import Engine
from core.media.container import RecordingInfo
from core.media.recording import RecordingSource
from core.media.source import Source
from core.policy import Policy, policy_of, settled
from core.workers.loading import load_voice
from realtime.config import ReplayConfig
from realtime.feed.control import RunControl
from realtime.feed.resources import RunMedia
from realtime.recording.header import purpose_from
from realtime.recording.recorded_inputs import RecordedRun, RecordedSource, is_recorded_run
from realtime.recording.recorder import FILE_NAME
from realtime.runs.build import build_engine, hello, load_worker_threads, needed_weights, speaker_head
from realtime.runs.face_pictures import FacePictures
from realtime.runs.sinks import check_feed, claimed, ending_said, exit_code, interruptible, open_sinks, tell
from realtime.session.replay import ReplaySession
from realtime.sources.pacing import Pace

EXIT_CODES: Final = {"finished": 0, "failed": 4, "interrupted": 130}


def run_replay(path: Path, config: ReplayConfig, *, console: bool, force: bool = False) -> int:
    """Replay a recording.

    Args:
        path: a recording, or a folder that `emotrack live --record` wrote: that run is had again as it was,
            from the results that were recorded. The folder's `inputs.mcap` by itself is a recording like any
            other, and is tracked anew; so is the folder for a purpose that withholds something.
        config: everything else.
        console: whether to show the run in the terminal.
        force: whether an older run in the run folder may be replaced.

    Returns:
        The process's exit code: 0 when the recording was played to its end, 4 when it could not be read
        any further (what was read is kept and said), 9 when something could not be written, 130 when
        interrupted.

    Raises:
        EmotrackError: the run cannot begin.
    """
    recorded = _recorded_policy(path)
    config = _with_purpose(config, recorded)
    policy = policy_of(config.engine.purpose)
    if is_recorded_run(path) and recorded is not None and recorded.withheld == policy.withheld:
        return _rerun(RecordedRun(path), config, console=console, force=force)
    with ExitStack() as stack:
        source = stack.enter_context(_open(path, policy))
        folders = claimed(stack, config, force=force)
        check_feed(config.feed)
        spec, export = prepare(checkpoint_folder(config.checkpoint), tell, needed_weights(config))
        spec = spec.at(config.operating_point)  # after the export, which is the same for every point
        pictures = FacePictures()
        threads = load_worker_threads(spec, export, config, pictures)
        stack.callback(threads.close)
        interrupted = threading.Event()
        control = RunControl(interrupted)
        pace = Pace.parse(config.source.pace)
        sinks = open_sinks(
            config,
            control,
            console=console,
            pace=pace.factor,
            folders=folders,
            media=_media(path, source, policy, pictures),
            ending=interrupted.is_set,
            duration_s=_duration_s(source),
        )
        stack.callback(sinks.close)
        with interruptible(interrupted, ending_said(console=console)):
            engine = build_engine(config.engine, spec, source)
            session = ReplaySession(engine, threads, control.before(sinks), pace, interrupted)
            end = session.run(source, hello(spec, config, source))
            interrupted.wait(config.feed.linger_s if config.feed.enabled else 0.0)
    return exit_code(end, EXIT_CODES, tuple(sinks.failures.values()))


def _open(path: Path, policy: Policy) -> Source:
    if is_recorded_run(path):
        return RecordedSource(path)
    if path.name == FILE_NAME:
        return RecordedSource(path.parent)
    return RecordingSource(path, want_video=policy.allows("visual"))


def _duration_s(source: Source) -> float | None:
    """The length that a file announces; None for other sources."""
    info: RecordingInfo | None = getattr(source, "info", None)
    return None if info is None else info.duration_s


def _media(path: Path, source: Source, policy: Policy, pictures: FacePictures) -> RunMedia:
    """What pages may show of a recording: the file itself where a player knows such files, and its faces."""
    from realtime.feed.media_file import MEDIA_TYPES

    plays = path.suffix.lower() in MEDIA_TYPES and path.is_file()
    has_video = policy.allows("visual") and any(stream.kind == "video" for stream in source.streams)
    return RunMedia(path if plays else None, has_video, pictures.pictures if has_video else None)


def _recorded_policy(path: Path) -> Policy | None:
    """The policy under which a run was recorded; None for other recordings."""
    folder = path.parent if path.name == FILE_NAME else path
    return policy_of(purpose_from(RecordedRun(folder).header)) if is_recorded_run(folder) else None


def _with_purpose(config: ReplayConfig, recorded: Policy | None) -> ReplayConfig:
    """The configuration for a recording: what was recorded at work, say, is never for anything else.

    Raises:
        PolicyError: another purpose was asked for.
    """
    if recorded is None:
        return config
    if "purpose" in config.engine.model_fields_set:
        settled((recorded.purpose,), config.engine.purpose)
        return config
    engine = config.engine.model_copy(update={"purpose": recorded.purpose})
    return config.model_copy(update={"engine": engine})


def _rerun(recorded: RecordedRun, config: ReplayConfig, *, console: bool, force: bool) -> int:
    """A live run once more; no network is needed but the one for voice activity."""
    from realtime.recording.header import engine_from, hello_from, smaller_whisper_from
    from realtime.session.rerun import Rerun

    engine_config, spec = engine_from(recorded.header)
    greeting = hello_from(recorded.header)
    interrupted = threading.Event()
    control = RunControl(interrupted)
    pace = Pace.parse(config.source.pace)
    with ExitStack() as stack:
        folders = claimed(stack, config, force=force)
        sinks = open_sinks(config, control, console=console, pace=pace.factor, folders=folders)
        stack.callback(sinks.close)
        with interruptible(interrupted, ending_said(console=console)):
            engine = Engine(
                engine_config,
                spec,
                load_voice(),
                greeting.streams,
                smaller_whisper=smaller_whisper_from(recorded.header),
                speakers=speaker_head(engine_config),
            )
            end = Rerun(engine, control.before(sinks), pace, interrupted).run(recorded, greeting)
            interrupted.wait(config.feed.linger_s if config.feed.enabled else 0.0)
    return exit_code(end, EXIT_CODES, tuple(sinks.failures.values()))
