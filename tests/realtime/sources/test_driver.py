"""Keeping devices open: rings, hung threads, back-off, the end; and the live source over scripted devices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from core.errors import ConfigError, SourceError
from core.events import StreamInfo
from core.inputs import AudioChunk, EndOfStream, Gap, SourceInput
from core.media.source import Source
from core.testing import FakeClock
from realtime.sources.audio_track import AudioTrack
from realtime.sources.capture import Capture, DeviceReader
from realtime.sources.clock_jumps import ClockJumpDetector
from realtime.sources.config import SourcesConfig
from realtime.sources.device_items import REASONS, AudioBlock, DeviceItem, DeviceLost, Lost, Opened
from realtime.sources.driver import HUNG_AFTER_S, DeviceSupervisor, DriverHandle
from realtime.sources.live import LiveSource
from realtime.sources.open import open_sources
from realtime.sources.ring import RingBuffer
from tests.realtime.sources.listener import Listener, check_contract

PATIENCE_S = 5.0


class Script:
    """A driver that does what the test says, attempt by attempt."""

    label = "scripted"

    def __init__(self, *attempts: Callable[[DriverHandle], None]) -> None:
        self._attempts = list(attempts)
        self.ran = 0

    def run(self, handle: DriverHandle) -> None:
        attempt = self._attempts[min(self.ran, len(self._attempts) - 1)]
        self.ran += 1
        attempt(handle)


def refuse(handle: DriverHandle) -> None:
    raise DeviceLost("busy", "by another")


def deliver(handle: DriverHandle) -> None:
    """A quarter of a second of sound, then nothing until the end."""
    handle.put(Opened(handle.clock(), "Scripted", 16_000))
    handle.wait(0.1)  # what is older than the stream is left out
    for n in range(25):
        handle.put(AudioBlock(handle.clock(), n * 160, np.full((160, 1), 0.1, np.float32)))
        handle.wait(0.01)
    handle.closing.wait()


def kept(
    driver: Script, clock: Callable[[], float] = time.perf_counter
) -> tuple[DeviceSupervisor, list[DeviceItem]]:
    items: list[DeviceItem] = []
    return DeviceSupervisor(driver, clock, items.append), items


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s, "it did not happen"
        threading.Event().wait(0.005)


# --- ring --------------------------------------------------------------------------------------------


def test_a_full_ring_drops_the_oldest_and_counts() -> None:
    told = []
    ring = RingBuffer(3, lambda: told.append(1))
    for n in range(5):
        ring.put(Lost(float(n), "busy"))
    assert [item.at_s for item in ring.drain()] == [2.0, 3.0, 4.0]
    assert (ring.dropped, len(told)) == (2, 5)
    assert ring.drain() == []


def test_nothing_is_lost_or_doubled_between_a_fast_writer_and_a_reader() -> None:
    ring = RingBuffer(100_000, lambda: None)
    writer = threading.Thread(target=lambda: [ring.put(Lost(float(n), "busy")) for n in range(20_000)])
    writer.start()
    taken: list[DeviceItem] = []
    while writer.is_alive() or len(taken) < 20_000:
        taken += ring.drain()
    assert [item.at_s for item in taken] == list(range(20_000))


# --- keeper ------------------------------------------------------------------------------------------


def test_a_device_that_refuses_is_told_and_tried_again_until_it_delivers() -> None:
    driver = Script(refuse, refuse, deliver)
    supervisor, items = kept(driver)
    supervisor.start()
    until(lambda: any(isinstance(item, AudioBlock) for item in items))
    supervisor.stop()
    assert [type(item) for item in items[:3]] == [Lost, Lost, Opened]
    assert supervisor.reopened == 2


def test_a_hung_thread_is_left_behind_and_who_delivers_first_is_heard() -> None:
    clock, release = FakeClock(), threading.Event()

    def hang(handle: DriverHandle) -> None:
        handle.put(Opened(handle.clock(), "first"))
        release.wait(PATIENCE_S)
        handle.put(Lost(handle.clock(), "failed", "from the grave"))

    driver = Script(hang, deliver)
    supervisor, items = kept(driver, clock)
    supervisor.start()
    until(lambda: len(items) == 1)
    supervisor.check(clock())
    assert driver.ran == 1
    clock.advance(HUNG_AFTER_S + 0.1)
    supervisor.check(clock())
    until(lambda: any(isinstance(item, AudioBlock) for item in items))
    release.set()
    supervisor.stop()
    assert not any(isinstance(item, Lost) for item in items)


def test_a_thread_that_was_hung_and_delivers_again_wins_over_the_attempt_that_does_not() -> None:
    clock, release, give_up = FakeClock(), threading.Event(), threading.Event()

    def pause(handle: DriverHandle) -> None:
        handle.put(Opened(handle.clock(), "first"))
        release.wait(PATIENCE_S)
        handle.put(AudioBlock(handle.clock(), 0, np.zeros((1, 1), np.float32)))
        handle.closing.wait()

    def hang(handle: DriverHandle) -> None:
        give_up.wait(PATIENCE_S)
        handle.put(Opened(handle.clock(), "second"))

    driver = Script(pause, hang)
    supervisor, items = kept(driver, clock)
    supervisor.start()
    until(lambda: len(items) == 1)
    clock.advance(HUNG_AFTER_S + 0.1)
    supervisor.check(clock())
    until(lambda: driver.ran == 2)
    release.set()
    until(lambda: len(items) == 2)
    give_up.set()
    supervisor.stop()
    assert [getattr(item, "device", "block") for item in items] == ["first", "block"]


def test_a_thread_that_was_hung_is_heard_again_after_another_attempt_has_told_a_loss() -> None:
    clock, release = FakeClock(), threading.Event()

    def pause(handle: DriverHandle) -> None:
        handle.put(Opened(handle.clock(), "first", 16_000))
        release.wait(PATIENCE_S)
        for n in (800, 801):
            handle.put(AudioBlock(handle.clock(), n, np.zeros((1, 1), np.float32)))
        handle.closing.wait()

    driver = Script(pause, refuse)
    supervisor, items = kept(driver, clock)
    supervisor.start()
    until(lambda: len(items) == 1)
    clock.advance(HUNG_AFTER_S + 0.1)
    supervisor.check(clock())
    until(lambda: any(isinstance(item, Lost) for item in items))
    clock.advance(1.0)
    release.set()
    until(lambda: isinstance(items[-1], AudioBlock) and items[-1].first_frame == 801)
    supervisor.stop()
    told = [item for item in items if not isinstance(item, Lost)]
    assert [type(item) for item in told] == [Opened, Opened, AudioBlock, AudioBlock]
    assert told[1] == Opened(clock(), "first", 16_000)
    assert isinstance(items[-3], Opened)  # after the loss


def test_a_stop_while_it_tries_again_is_not_undone_by_the_attempt() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(handle: DriverHandle) -> None:
        entered.set()
        go_on.wait(PATIENCE_S)
        handle.put(Opened(handle.clock(), "too late"))

    driver = Script(slow)
    supervisor, items = kept(driver)
    supervisor.start()
    assert entered.wait(PATIENCE_S)
    supervisor.stop(join_s=0.0)
    go_on.set()
    supervisor.start()
    supervisor.stop()
    assert items == []
    assert driver.ran == 1


def test_a_librarys_surprise_is_a_loss_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    def surprise(handle: DriverHandle) -> None:
        raise ZeroDivisionError("oops")

    supervisor, items = kept(Script(surprise, surprise, deliver))
    supervisor.start()
    until(lambda: any(isinstance(item, AudioBlock) for item in items))
    supervisor.stop()
    assert isinstance(items[0], Lost)
    assert (items[0].reason, items[0].detail) == ("failed", "ZeroDivisionError")
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


# --- jumps -------------------------------------------------------------------------------------------


def test_sleep_and_a_set_clock_are_told_apart() -> None:
    watch = ClockJumpDetector()
    assert watch.look(100.0, 1e9) is None
    assert watch.look(100.05, 1e9 + 0.05) is None
    set_back = watch.look(100.1, 1e9 - 3600)
    assert set_back is not None
    assert (set_back.silent_s, round(set_back.set_s)) == (0.0, -3600)
    slept = watch.look(400.1, 1e9 - 3300)
    assert slept is not None
    assert (round(slept.silent_s), slept.set_s) == (300, 0.0)
    stood_still = watch.look(400.2, 1e9 - 3300 + 7200)  # a steady clock that does not count sleep
    assert stood_still is not None
    assert round(stood_still.set_s) == 7200


# --- live source -------------------------------------------------------------------------------------


def scripted(*attempts: Callable[[DriverHandle], None], capacity: int = 1500) -> LiveSource:
    capture = Capture(StreamInfo("me", "audio"), Script(*attempts), AudioTrack("me", "scripted"), capacity)
    return LiveSource([capture])


def test_stop_gives_what_was_captured_and_then_the_end() -> None:
    source = scripted(deliver)
    assert isinstance(source, Source)
    with Listener(source) as listener:
        listener.state("me", "", PATIENCE_S)
    items = [item for _, item in listener.heard]
    check_contract(items)
    assert isinstance(items[-1], EndOfStream)
    assert source.now_s() > 0


def test_close_ends_an_iteration_at_once_and_it_does_not_begin_again() -> None:
    source = scripted(refuse)
    with Listener(source) as listener:
        listener.state("me", "busy", PATIENCE_S)
        source.close()
    assert not any(isinstance(item, EndOfStream) for _, item in listener.heard)
    assert list(source.inputs()) == []


def test_a_reader_that_is_held_up_loses_nothing_that_fits_in_the_ring() -> None:
    source = scripted(deliver)
    items: list[SourceInput] = []
    iterator = source.inputs()
    items.append(next(iterator))
    until(lambda: any(t.name.startswith("device") for t in threading.enumerate()))
    threading.Event().wait(0.5)  # all of it is captured meanwhile
    for item in iterator:
        items.append(item)
        if isinstance(item, Gap) and item.reason == REASONS["no_data"]:
            source.stop()
    source.close()
    check_contract(items)
    heard = sum(len(item.samples) for item in items if isinstance(item, AudioChunk))
    assert heard == pytest.approx(4000, abs=2)


def test_nothing_configured_and_keys_that_do_not_exist_are_errors() -> None:
    with pytest.raises(SourceError, match="no device is configured"):
        open_sources(SourcesConfig(microphone=None, camera=None))
    with pytest.raises(ConfigError, match="mikrophone"):
        SourcesConfig.from_mapping({"mikrophone": "x"}, where="test")


# --- sleep -------------------------------------------------------------------------------------------


def steered(clock: FakeClock, capacity: int = 1500) -> tuple[DeviceReader, Callable[[float], None]]:
    """A capture whose device delivers what the test asks for, at the fake clock's time."""
    given: list[DriverHandle] = []

    def hold(handle: DriverHandle) -> None:
        handle.put(Opened(handle.clock(), "Scripted", 16_000))
        given.append(handle)
        handle.closing.wait()

    capture = Capture(StreamInfo("me", "audio"), Script(hold), AudioTrack("me", "scripted"), capacity)
    reader = DeviceReader(capture, clock, lambda: None)
    reader.start()
    until(lambda: bool(given))
    frames = 0

    def say(seconds: float) -> None:
        nonlocal frames
        for _ in range(round(seconds / 0.05)):
            clock.advance(0.05)
            given[0].put(AudioBlock(clock(), frames, np.full((800, 1), 0.1, np.float32)))
            frames += 800

    return reader, say


@pytest.mark.parametrize("asleep", [True, False])
def test_a_machine_that_slept_has_a_gap_and_a_reader_that_was_held_up_has_none(asleep: bool) -> None:
    clock = FakeClock()
    reader, say = steered(clock)
    say(1.0)
    out = reader.advance(clock())
    if asleep:
        clock.advance(600.0)
    else:
        say(600.0 / 40)  # the reader comes back after 15 s; the ring has kept them
    silent_s = 600.0 if asleep else 15.0
    out += reader.advance(clock(), silent_s=silent_s)
    say(2.0)
    out += reader.advance(clock())
    reader.stop()
    out += reader.finish(clock())
    check_contract(out)
    gaps = [item for item in out if isinstance(item, Gap)]
    reasons = {gap.reason for gap in gaps if gap.t1_s - gap.t0_s > 1}
    assert reasons == ({REASONS["suspended"]} if asleep else set())
    assert out[-1].t_s == pytest.approx(clock(), abs=0.3)


def test_a_ring_that_overflows_while_the_reader_is_held_up_is_no_sleep() -> None:
    clock = FakeClock()
    reader, say = steered(clock, capacity=8)
    say(1.0)
    out = reader.advance(clock())
    say(5.0)  # the ring keeps the last 0.4 s of it
    out += reader.advance(clock(), silent_s=5.0)
    say(1.0)
    out += reader.advance(clock())
    reader.stop()
    out += reader.finish(clock())
    assert REASONS["suspended"] not in {gap.reason for gap in out if isinstance(gap, Gap)}
    assert reader.counters()["dropped_items"] > 50
