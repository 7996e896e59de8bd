"""What every source promises, over the whole table."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, SourceInput, Tick, VideoFrame
from core.media.recording import RecordingSource
from core.media.source import Source, available_s
from realtime.recording.recorded_inputs import RecordedSource
from realtime.recording.recorder import Recorder
from realtime.sources.memory import MemorySource
from realtime.sources.registry import SOURCES, source_class
from tests.core.media.files import damage, make


def memory(folder: Path) -> Source:
    picture = np.zeros((4, 6, 3), np.uint8)
    return MemorySource(
        [
            VideoFrame("video", 0.0, picture),
            AudioChunk("me", 0, np.zeros(1_600, np.float32)),
            VideoFrame("video", 0.2, picture),
            Gap("me", 0.1, 0.5, "unplugged"),
            AudioChunk("me", 8_000, np.ones(800, np.float32)),
            EndOfStream("me", 0.55),
            EndOfStream("video", 0.6),
        ],
        name=folder.name,
    )


def recording(folder: Path) -> Source:
    return RecordingSource(make(folder / "talk.mkv", audio_hole_s=(0.8, 1.3)))


def damaged_recording(folder: Path) -> Source:
    return RecordingSource(damage(make(folder / "talk.mp4", seconds=4.0), folder / "damaged.mp4", 0.4, 0.5))


def recorded(folder: Path) -> Source:
    """A live run that was recorded: streams a little behind each other, a hole, and no end of one stream."""
    streams = '[{"name":"me","kind":"audio","person":"me"},{"name":"video","kind":"video","person":null}]'
    recorder = Recorder(folder, {"streams": streams}, lambda error: None)
    picture = np.zeros((48, 64, 3), np.uint8)
    for k in range(12):
        recorder.write(k / 10 + 0.1, AudioChunk("me", 1_600 * k, np.full(1_600, k / 32, np.float32)))
        recorder.write(k / 10 + 0.1, VideoFrame("video", k / 10 + 0.05, picture))
        recorder.write(k / 10 + 0.1, Tick(k / 10))
    recorder.write(1.4, Gap("me", 1.2, 1.4, "unplugged"))
    recorder.write(1.5, AudioChunk("me", 22_400, np.ones(1_600, np.float32)))
    recorder.write(1.5, EndOfStream("me", 1.5))
    recorder.close()
    return RecordedSource(folder)


EXAMPLES: dict[str, list[Callable[[Path], Source]]] = {
    "memory": [memory],
    "recorded": [recorded],
    "recording": [recording, damaged_recording],
}
ALL = [pytest.param(example, id=example.__name__) for examples in EXAMPLES.values() for example in examples]


def fingerprint(item: SourceInput) -> object:
    if isinstance(item, AudioChunk):
        return item.stream, item.start_sample, item.samples.tobytes()
    if isinstance(item, VideoFrame):
        return item.stream, item.t_s, item.image.shape, item.image.tobytes()
    return item


def test_every_source_of_the_table_has_an_example_here_and_can_be_imported() -> None:
    assert set(EXAMPLES) == set(SOURCES)
    for name in SOURCES:
        assert source_class(name).__name__.endswith("Source")


def test_an_unknown_source_is_refused_with_the_choices() -> None:
    with pytest.raises(
        ConfigError, match=r"no source called 'tape'\. Available sources: memory, recorded, recording"
    ):
        source_class("tape")


@pytest.mark.parametrize("example", ALL)
def test_it_says_what_it_is_without_naming_a_folder(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    with example(tmp_path) as source:
        assert isinstance(source, Source)
        assert "/" not in source.name
        assert len({stream.name for stream in source.streams}) == len(source.streams) > 0
        inputs = list(source.inputs())
        assert {item.stream for item in inputs} == {stream.name for stream in source.streams}
        assert source.duration_s == pytest.approx(max(map(available_s, inputs)), abs=0.1)
        assert not any(str(tmp_path) in fault for fault in source.faults)
        assert all(fault.endswith(".") for fault in source.faults)


@pytest.mark.parametrize("example", ALL)
def test_inputs_come_in_the_order_of_time(example: Callable[[Path], Source], tmp_path: Path) -> None:
    with example(tmp_path) as source:
        times_s = [available_s(item) for item in source.inputs()]
    assert times_s == sorted(times_s)


@pytest.mark.parametrize("example", ALL)
def test_samples_are_contiguous_but_for_announced_gaps(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    with example(tmp_path) as source:
        reached: dict[str, int] = {}
        holes = 0
        for item in source.inputs():
            at = reached.get(item.stream, 0)
            if isinstance(item, AudioChunk):
                assert item.start_sample == at
                assert item.samples.dtype == np.float32
                assert item.samples.ndim == 1
                assert len(item.samples) > 0
                assert np.abs(item.samples).max() <= 1.0
                reached[item.stream] = item.end_sample
            elif isinstance(item, Gap) and item.stream != "video":
                holes += 1
                assert round(item.t0_s * SAMPLE_RATE) == at
                assert item.t1_s > item.t0_s
                assert item.reason
                reached[item.stream] = round(item.t1_s * SAMPLE_RATE)
        assert holes > 0


@pytest.mark.parametrize("example", ALL)
def test_pictures_are_upright_arrays_whose_time_never_decreases(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    with example(tmp_path) as source:
        frames = [item for item in source.inputs() if isinstance(item, VideoFrame)]
    assert all(early.t_s <= late.t_s for early, late in pairwise(frames))
    assert all(frame.image.dtype == np.uint8 and frame.image.shape[2] == 3 for frame in frames)
    assert all(frame.image.flags.c_contiguous for frame in frames)


@pytest.mark.parametrize("example", ALL)
def test_every_stream_ends_exactly_once_and_nothing_follows(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    with example(tmp_path) as source:
        last: dict[str, list[SourceInput]] = {stream.name: [] for stream in source.streams}
        for item in source.inputs():
            last[item.stream].append(item)
    for items in last.values():
        assert [isinstance(item, EndOfStream) for item in items] == [False] * (len(items) - 1) + [True]


@pytest.mark.parametrize("example", ALL)
def test_iterating_twice_gives_identical_inputs_and_faults(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    with example(tmp_path) as source:
        once = ([fingerprint(item) for item in source.inputs()], list(source.faults))
        twice = ([fingerprint(item) for item in source.inputs()], list(source.faults))
    assert once == twice


@pytest.mark.parametrize("example", ALL)
def test_closing_ends_an_iteration_and_may_be_repeated(
    example: Callable[[Path], Source], tmp_path: Path
) -> None:
    source = example(tmp_path)
    running = source.inputs()
    next(running)
    source.close()
    source.close()
    assert list(running) == []
