"""What is refused before it reaches a stage: times that are no times, streams that nobody announced."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import numpy as np

from core.engine.load_shedding import QueueAges
from core.errors import SourceError
from core.inputs import (
    SAMPLE_RATE,
    AudioChunk,
    ClockState,
    DeviceState,
    EndOfStream,
    Gap,
    Tick,
    VideoFrame,
)
from core.work import (
    AudioTokens,
    Faces,
    Failed,
    Fused,
    Hypothesis,
    Outcome,
    SpeakerFeatures,
    TextTokens,
    VisualTokens,
    WorkKind,
    WorkResult,
)

LATEST_S: Final = 1e6
"""Stream time counts from the start of the run: what lies eleven days after it is a time of another clock.
Times of tokens are float32, too, and are told apart to a sixteenth of a second there."""

_BACKWARDS_S: Final = 1e-3
"""Ends of gaps are rounded: by so much one may lie before its beginning."""

_RESULTS: Final[dict[WorkKind, type]] = {
    "transcribe": Hypothesis,
    "faces": Faces,
    "encode_visual": VisualTokens,
    "encode_audio": AudioTokens,
    "encode_text": TextTokens,
    "encode_speaker": SpeakerFeatures,
    "fuse": Fused,
}

Input = AudioChunk | VideoFrame | Gap | DeviceState | ClockState | Tick | EndOfStream | WorkResult | QueueAges


def check_input(item: Input, audio: Collection[str], video: Collection[str]) -> None:
    """Make sure that an input makes sense at all.

    Args:
        item: what is to be pushed.
        audio, video: names of the streams that were announced.

    Raises:
        SourceError: a time is not finite or lies beyond `LATEST_S`; a gap
            ends before it begins; samples are not finite; or the stream was not announced.
    """
    match item:
        case AudioChunk():
            _check_stream(item.stream, audio, "audio")
            _check_time(item.stream, item.start_sample / SAMPLE_RATE, item.end_sample / SAMPLE_RATE)
            if not np.isfinite(item.samples).all():
                raise SourceError("holds samples that are no numbers.", where=f"stream {item.stream}")
        case VideoFrame():
            _check_stream(item.stream, video, "video")
            _check_time(item.stream, item.t_s)
        case Gap():
            _check_stream(item.stream, [*audio, *video], "known")
            _check_time(item.stream, item.t0_s, item.t1_s)
            if item.t1_s < item.t0_s - _BACKWARDS_S:
                raise SourceError(
                    f"has a gap from {item.t0_s:.3f} s back to {item.t1_s:.3f} s.",
                    where=f"stream {item.stream}",
                )
        case EndOfStream():
            _check_stream(item.stream, [*audio, *video], "known")
            _check_time(item.stream, item.t_s)
        case Tick():
            _check_time("", item.t_s)
        case DeviceState():
            _check_time(item.stream, item.t_s)
        case ClockState():
            _check_time(item.stream, item.t_s, item.drift_ppm, item.offset_s, item.uncertainty_s)
        case QueueAges():
            _check_time("", item.t_s, *item.ages_s.values())
        case WorkResult():
            _check_time("", *([] if item.done_s is None else [item.done_s]))


def fitting(kind: WorkKind, outcome: Outcome, count: int | None = None) -> Outcome:
    """The result of a job, or a failure where it is no result of such a job.

    Args:
        kind: of the job.
        outcome: what came.
        count: windows that a job of the fusion network had.
    """
    if isinstance(outcome, Failed):
        return outcome
    if not isinstance(outcome, _RESULTS[kind]):
        return Failed(f"{kind}: the result is of another kind of work")
    if isinstance(outcome, Fused) and len(outcome.outputs) != count:
        return Failed(f"{kind}: {len(outcome.outputs)} outputs came for {count} windows")
    return outcome


def _check_stream(stream: str, known: Collection[str], kind: str) -> None:
    if stream not in known:
        names = ", ".join(known) or "none"
        raise SourceError(f"there is no {kind} stream {stream!r}; announced were: {names}.")


def _check_time(stream: str, *values: float) -> None:
    for value in values:
        if not math.isfinite(value) or abs(value) > LATEST_S:
            where = f"stream {stream}" if stream else "the run"
            raise SourceError(
                f"has a time of {value:g}: stream time counts seconds from the start of the run.",
                where=where,
            )
