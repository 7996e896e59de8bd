import numpy as np
import pytest

from core.errors import SourceError, StreamGap
from core.inputs import AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from realtime.sources.memory import MemorySource

PICTURE = np.zeros((2, 2, 3), np.uint8)


def sound(start: int, count: int) -> AudioChunk:
    return AudioChunk("audio", start, np.zeros(count, np.float32))


def test_it_gives_the_inputs_as_they_are_and_ends_every_stream() -> None:
    given: list[SourceInput] = [sound(0, 1_600), VideoFrame("video", 0.04, PICTURE), sound(1_600, 1_600)]
    source = MemorySource(given)
    got = list(source.inputs())
    assert got[:3] == given
    assert got[3:] == [EndOfStream("video", 0.04), EndOfStream("audio", 0.2)]
    assert [(s.name, s.kind) for s in source.streams] == [("audio", "audio"), ("video", "video")]
    assert source.duration_s == pytest.approx(0.2)
    assert list(source.inputs()) == got


def test_an_end_that_was_given_is_not_given_again() -> None:
    source = MemorySource([sound(0, 160), EndOfStream("audio", 0.01)])
    assert sum(isinstance(item, EndOfStream) for item in source.inputs()) == 1


def test_audio_may_jump_only_over_an_announced_gap() -> None:
    with pytest.raises(StreamGap, match=r"sample 3200, not at 1600.*Gap"):
        MemorySource([sound(0, 1_600), sound(3_200, 1_600)])
    MemorySource([sound(0, 1_600), Gap("audio", 0.1, 0.2, "lost"), sound(3_200, 1_600)])


def test_time_going_back_and_inputs_after_the_end_are_refused() -> None:
    with pytest.raises(SourceError, match="goes back"):
        MemorySource([VideoFrame("video", 1.0, PICTURE), VideoFrame("video", 0.5, PICTURE)])
    with pytest.raises(SourceError, match="follows the end"):
        MemorySource([EndOfStream("audio", 0.0), sound(0, 160)])


def test_closing_ends_a_running_iteration() -> None:
    with MemorySource([sound(0, 160), sound(160, 160)]) as source:
        running = source.inputs()
        next(running)
    assert list(running) == []


def test_an_empty_list_is_an_empty_recording() -> None:
    source = MemorySource([], faults=["nothing was heard."])
    assert list(source.inputs()) == []
    assert source.duration_s == 0.0
    assert source.faults == ["nothing was heard."]
