"""Reading one stream of a recording: from its own opening of the file to inputs in stream time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from core.inputs import EndOfStream, SourceInput
from core.media.audio_timeline import AudioTimeline
from core.media.container import Kind, best_stream, count_links, duration_s, open_container
from core.media.decoder import MediaStream, StreamDecoder, read_packets
from core.media.faults import FaultLog
from core.media.frame_conversion import PictureMaker
from core.media.timestamp_plan import Stamp, TimestampPlan
from core.media.timestamps import StampRepair, stamp_of
from core.media.truncation import has_unknown_length
from core.media.video_timeline import VideoTimeline

NOUNS: Final[dict[Kind, str]] = {"audio": "sound", "video": "pictures"}
_LATE_START_S: Final = 0.5
"""A first frame that comes this much after its announced time means that the beginning is damaged."""


@dataclass(frozen=True, slots=True)
class SelectedStream:
    """One stream to read: its index in the file and its start in the file's time, as the plan moves it."""

    kind: Kind
    index: int
    start_s: float | None


def plan_times(path: Path, streams: Sequence[int], wanted: Iterable[int]) -> TimestampPlan:
    """A plan of the times of a file's `streams`, for one reading of those that are `wanted`."""
    with open_container(path) as container:
        announced_s = duration_s(container)
    return TimestampPlan(_stamps(path, streams), announced_s, wanted)


def _stamps(path: Path, streams: Sequence[int]) -> Generator[Stamp]:
    with open_container(path) as container:
        for packet in read_packets(container, [_stream(container, index) for index in streams]):
            stamp = stamp_of(packet, packet.stream_index)
            if stamp is not None:
                yield stamp


def first_time_s(path: Path, index: int, plan: TimestampPlan) -> float | None:
    """When a stream begins, in the file's time as the plan moves it; None when nothing can be decoded.

    The first frame tells it best: announced times may count what the decoder discards (priming).
    """
    with open_container(path) as container:
        stream = _stream(container, index)
        announced_s = _seconds(stream.start_time, stream.time_base)
        decoder = StreamDecoder(container, stream, StampRepair(plan, index))
        first = next(decoder.frames(), None)
        if first is None:
            return None
        first_s = decoder.presented_s(first)
    if first_s is None:
        return announced_s or 0.0
    late = announced_s is not None and not plan.disbelieved and first_s - announced_s > _LATE_START_S
    return announced_s if late else first_s


def read_audio(
    path: Path,
    selected: SelectedStream,
    plan: TimestampPlan,
    zero_s: float,
    chunk_samples: int,
    faults: list[str],
) -> Generator[SourceInput]:
    """Give a sound stream's chunks, gaps and end."""
    log = FaultLog(faults)
    timeline = AudioTimeline("audio", chunk_samples, log)
    with open_container(path) as container:
        stamps = StampRepair(plan, selected.index, zero_s, NOUNS["audio"], log)
        open_ended = has_unknown_length(path)
        decoder = StreamDecoder(container, _stream(container, selected.index), stamps, open_ended=open_ended)
        for frame in decoder.frames():
            assert isinstance(frame, av.AudioFrame)
            t_s = _stream_s(decoder.presented_s(frame), zero_s, timeline.expected_s)
            yield from timeline.push(frame, t_s, damaged=decoder.take_damage())
    for link in range(1, count_links(path)):
        with open_container(path, link) as container:
            index = best_stream(container, "audio")
            if index is not None:
                decoder = StreamDecoder(container, _stream(container, index))
                yield from _link(decoder, timeline)
    yield from _ended(timeline, decoder, log, NOUNS["audio"])


def _link(decoder: StreamDecoder, timeline: AudioTimeline) -> Iterator[SourceInput]:
    """The sound of a later link of a chained file, which goes on where the one before ended."""
    begin_s = timeline.expected_s
    first_s: float | None = None
    for frame in decoder.frames():
        assert isinstance(frame, av.AudioFrame)
        own_s = decoder.presented_s(frame)
        first_s = own_s if first_s is None else first_s
        t_s = timeline.expected_s if own_s is None or first_s is None else begin_s + own_s - first_s
        yield from timeline.push(frame, t_s, damaged=decoder.take_damage())


def read_video(
    path: Path,
    selected: SelectedStream,
    plan: TimestampPlan,
    zero_s: float,
    max_side: int | None,
    max_hz: float | None,
    faults: list[str],
) -> Generator[SourceInput]:
    """Give a picture stream's frames, gaps and end."""
    log = FaultLog(faults)
    with open_container(path) as container:
        stream = _stream(container, selected.index)
        assert isinstance(stream, av.VideoStream)
        pictures = PictureMaker(max_side, stream.sample_aspect_ratio)
        timeline = VideoTimeline("video", pictures, _interval_s(stream.guessed_rate), max_hz, log)
        stamps = StampRepair(plan, selected.index, zero_s, NOUNS["video"], log)
        decoder = StreamDecoder(container, stream, stamps)
        for frame in decoder.frames():
            assert isinstance(frame, av.VideoFrame)
            t_s = _stream_s(decoder.presented_s(frame), zero_s, timeline.expected_s)
            yield from timeline.push(frame, t_s, damaged=decoder.take_damage())
    yield from _ended(timeline, decoder, log, NOUNS["video"])


def _ended(
    timeline: AudioTimeline | VideoTimeline, decoder: StreamDecoder, log: FaultLog, noun: str
) -> Iterator[SourceInput]:
    lost_tail = decoder.take_damage()
    for item in timeline.finish():
        if isinstance(item, EndOfStream):
            if decoder.damaged_packets:
                end = f"; nothing could be read after {item.t_s:.2f} s" if lost_tail else ""
                log.note(f"Damaged packets in the {noun}: {decoder.damaged_packets}{end}.")
            log.finish()
        yield item


def _stream_s(presented_s: float | None, zero_s: float, expected_s: float) -> float:
    """Stream time of a frame; one that has no time continues what came before."""
    return expected_s if presented_s is None else presented_s - zero_s


def _stream(container: InputContainer, index: int) -> MediaStream:
    stream = container.streams[index]
    assert isinstance(stream, MediaStream)
    return stream


def _seconds(stamp: int | None, time_base: Fraction | None) -> float | None:
    return None if stamp is None or time_base is None else float(stamp * time_base)


def _interval_s(rate: Fraction | None) -> float:
    return 1.0 / float(rate) if rate is not None and Fraction(1, 20) <= rate <= 240 else 0.04
