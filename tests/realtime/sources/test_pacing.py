import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from core.inputs import AudioChunk, EndOfStream, Gap, SourceInput, VideoFrame
from core.testing import FakeClock
from realtime.sources.memory import MemorySource
from realtime.sources.pacing import Pace, PacedSource, Pacer, paced


def pacer_at(factor: float | None, clock: FakeClock, interrupted: threading.Event | None = None) -> Pacer:
    return Pacer(Pace(factor), clock, clock.sleep, interrupted)


def five_inputs() -> list[SourceInput]:
    return [
        VideoFrame("video", 0.0, np.zeros((2, 2, 3), np.uint8)),
        AudioChunk("audio", 0, np.zeros(1_600, np.float32)),
        Gap("audio", 0.1, 0.5, "lost"),
        VideoFrame("video", 0.6, np.zeros((2, 2, 3), np.uint8)),
        EndOfStream("audio", 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "factor", "shown"),
    [("max", None, "max"), (" Realtime ", 1.0, "realtime"), ("2", 2.0, "2"), ("0.5", 0.5, "0.5")],
)
def test_a_pace_is_read_from_text(text: str, factor: float | None, shown: str) -> None:
    assert Pace.parse(text) == Pace(factor)
    assert str(Pace.parse(text)) == shown


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf", "2x", "1e999"])
def test_what_is_not_a_pace_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(ConfigError, match=r'not a pace\. Use "max", "realtime", or a number above 0'):
        Pace.parse(text)


@pytest.mark.parametrize(
    ("factor", "due_s"), [(1.0, [0, 0.1, 0.5, 0.6, 1.0]), (4.0, [0, 0.025, 0.125, 0.15, 0.25])]
)
def test_inputs_come_when_they_would_have_come_live(factor: float, due_s: list[float]) -> None:
    clock = FakeClock(now_s=100.0)
    came_s = [clock() - 100.0 for _ in paced(five_inputs(), pacer_at(factor, clock))]
    assert came_s == pytest.approx(due_s)


def test_the_fastest_pace_never_waits() -> None:
    clock = FakeClock()
    assert len(list(paced(five_inputs(), pacer_at(None, clock)))) == 5
    assert clock.sleeps == []


@given(st.lists(st.floats(0, 3), min_size=5, max_size=5))
def test_a_slow_consumer_gets_everything_in_order_and_catches_up_without_waiting(work_s: list[float]) -> None:
    clock = FakeClock()
    pacer = pacer_at(1.0, clock)
    given_inputs = five_inputs()
    got = []
    for item, busy_s in zip(paced(given_inputs, pacer), work_s, strict=True):
        got.append(item)
        clock.advance(busy_s)
    assert got == given_inputs
    assert sum(clock.sleeps) <= 1.0 + 1e-9


def test_lateness_is_negative_before_and_positive_after_the_time_is_due() -> None:
    clock = FakeClock()
    pacer = pacer_at(2.0, clock)
    pacer.start()
    assert pacer.lateness_s(4.0) == pytest.approx(-2.0)
    clock.advance(5.0)
    pacer.start()
    assert pacer.lateness_s(4.0) == pytest.approx(3.0)


def test_a_sleep_that_returns_too_early_is_continued() -> None:
    clock = FakeClock()
    pacer = Pacer(Pace(1.0), clock, lambda duration_s: clock.advance(min(duration_s, 0.3)))
    assert pacer.wait_until(1.0)
    assert clock() == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [None, 1.0])
def test_an_interruption_ends_the_stream_before_the_next_input(factor: float | None) -> None:
    interrupted = threading.Event()
    got = []
    for item in paced(five_inputs(), pacer_at(factor, FakeClock(), interrupted)):
        got.append(item)
        if len(got) == 2:
            interrupted.set()
    assert len(got) == 2


def test_an_interruption_cuts_a_long_wait_short() -> None:
    interrupted = threading.Event()
    reached: list[bool] = []
    pacer = Pacer(Pace(1.0), interrupted=interrupted)
    waiting = threading.Thread(target=lambda: reached.append(pacer.wait_until(3_600.0)))
    waiting.start()
    interrupted.set()
    waiting.join(timeout=10.0)
    assert reached == [False]


def test_nothing_is_read_ahead_of_its_time() -> None:
    clock = FakeClock()
    read = 0

    def counted() -> Iterator[SourceInput]:
        nonlocal read
        for item in five_inputs():
            read += 1
            yield item

    running = paced(counted(), pacer_at(1.0, clock))
    next(running)
    assert read == 1


def test_a_paced_source_gives_a_recording_as_devices_would_and_knows_its_time() -> None:
    clock = FakeClock()
    source = PacedSource(MemorySource(five_inputs()), clock)
    source._pacer._sleep = clock.sleep
    assert source.now_s() == 0.0
    seen = [(type(item).__name__, round(source.now_s(), 3)) for item in source.inputs()]
    assert [t for _, t in seen] == [0.0, 0.1, 0.5, 0.6, 1.0, 1.0][: len(seen)]
    source.close()


def test_a_paced_source_that_is_stopped_gives_nothing_more() -> None:
    clock = FakeClock()
    with PacedSource(MemorySource(five_inputs()), clock) as source:
        source._pacer._sleep = clock.sleep
        running = source.inputs()
        next(running)
        source.stop()
        assert list(running) == []
