import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.inputs import AudioChunk, EndOfStream, Gap, SourceInput, Tick, VideoFrame
from core.testing import FakeClock, rechunk


def recording() -> list[SourceInput]:
    noise = np.random.default_rng(0).standard_normal(6_000).astype(np.float32)
    picture = np.zeros((2, 2, 3), np.uint8)
    return [
        AudioChunk("audio", 0, noise[:1_000]),
        VideoFrame("video", 0.0, picture),
        AudioChunk("audio", 1_000, noise[1_000:3_000]),
        Gap("audio", 3_000 / 16_000, 0.25, "lost"),
        VideoFrame("video", 0.2, picture + 1),
        AudioChunk("audio", 4_000, noise[3_000:]),
        EndOfStream("audio", 7_000 / 16_000),
        EndOfStream("video", 0.24),
    ]


def story(inputs: list[SourceInput | Tick], stream: str) -> list[object]:
    """A stream's inputs with contiguous audio joined, so that two tellings can be compared."""
    told: list[object] = []
    runs: list[tuple[int, bytes]] = []
    for item in inputs:
        if isinstance(item, Tick) or item.stream != stream:
            continue
        if isinstance(item, AudioChunk):
            start, heard = runs.pop() if runs else (item.start_sample, b"")
            runs.append((start, heard + item.samples.tobytes()))
            continue
        told += [*runs, (item.t_s, item.image.tobytes()) if isinstance(item, VideoFrame) else item]
        runs.clear()
    return told + runs


@given(st.integers(0, 2**32), st.sampled_from([1, 7, 500, 8_000]))
def test_rechunking_changes_the_pieces_but_not_what_each_stream_says(seed: int, max_samples: int) -> None:
    again = list(rechunk(recording(), np.random.default_rng(seed), max_samples=max_samples))
    assert all(1 <= len(item.samples) <= max_samples for item in again if isinstance(item, AudioChunk))
    for stream in ("audio", "video"):
        assert story(again, stream) == story(recording(), stream)


def test_rechunking_interleaves_the_streams_anew() -> None:
    orders = {
        tuple(item.stream for item in rechunk(recording(), np.random.default_rng(seed), max_samples=4_000))
        for seed in range(20)
    }
    assert len(orders) > 5


def test_rechunking_is_the_same_for_the_same_seed() -> None:
    one, two = (list(rechunk(recording(), np.random.default_rng(3))) for _ in range(2))
    assert [(i.stream, getattr(i, "start_sample", None)) for i in one] == [
        (i.stream, getattr(i, "start_sample", None)) for i in two
    ]


def test_nothing_moves_across_a_tick() -> None:
    inputs = [*recording()[:3], Tick(0.2), *recording()[3:]]
    for seed in range(20):
        again = list(rechunk(inputs, np.random.default_rng(seed)))
        at = next(n for n, item in enumerate(again) if isinstance(item, Tick))
        before = [item for item in again[:at] if isinstance(item, AudioChunk)]
        assert sum(len(item.samples) for item in before) == 3_000
        assert sum(isinstance(item, VideoFrame) for item in again[:at]) == 1


def test_a_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    assert clock() == clock() == 0.0
    clock.sleep(1.5)
    clock.advance(0.5)
    assert clock() == 2.0
    assert clock.sleeps == [1.5]
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1.0)
