"""Sound on stream time: drift, jitter, stalls, losses, sleep, silence. No device, no clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.inputs import SAMPLE_RATE, AudioChunk, ClockState, DeviceState, Gap, SourceInput
from core.media.source import available_s
from realtime.sources.audio_track import AudioTrack
from realtime.sources.clock_model import ClockModel
from realtime.sources.device_items import AudioBlock, Lost, Opened
from realtime.sources.drift_resampler import DriftResampler
from tests.realtime.sources.listener import check_contract

RATE_HZ = 8_000


class Device:
    """A sound card whose clock runs wrong and whose blocks come late."""

    def __init__(self, track: AudioTrack, *, ppm: float = 0.0, jitter_s: float = 0.0, seed: int = 0) -> None:
        self.track = track
        self.frames = 0
        self.out: list[SourceInput] = []
        self._true_s = 1 / (RATE_HZ * (1 + ppm * 1e-6))
        self._rng = np.random.default_rng(seed)
        self._jitter_s = jitter_s
        self._zero_s = 0.0
        self._skipped = 0
        self.now_s = 0.0

    def open(self, at_s: float = 0.0, rate_hz: float = RATE_HZ) -> None:
        self._zero_s, self.frames, self._skipped = at_s, 0, 0
        self.now_s = max(self.now_s, at_s)
        self.out += self.track.take(Opened(at_s, "fake", rate_hz))

    def deliver(self, count: int, value: float = 0.1, *, late_s: float = 0.0, waited_s: float = 0.0) -> None:
        samples = np.full((count, 1), value, np.float32)
        due_s = self._zero_s + (self.frames + self._skipped + count) * self._true_s
        at_s = due_s + late_s + self._jitter_s * float(self._rng.exponential())
        self.now_s = max(self.now_s, at_s)
        self.out += self.track.take(AudioBlock(self.now_s, self.frames, samples, waited_s))
        self.frames += count

    def run(self, seconds: float, block_s: float = 0.05) -> None:
        for _ in range(round(seconds / block_s)):
            self.deliver(round(block_s * RATE_HZ))

    def lose(self, seconds: float) -> None:
        """Samples that the device never delivers, nor counts."""
        self._skipped += round(seconds * RATE_HZ)

    def wait(self, seconds: float, step_s: float = 0.05) -> None:
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.out += self.track.poll(self.now_s)

    def end(self) -> list[SourceInput]:
        self.out += self.track.finish(self.now_s)
        check_contract(self.out)
        return self.out


def gaps(out: list[SourceInput]) -> list[Gap]:
    return [item for item in out if isinstance(item, Gap)]


def states(out: list[SourceInput]) -> list[str]:
    return [item.reason for item in out if isinstance(item, DeviceState)]


def sound_s(out: list[SourceInput]) -> float:
    return sum(len(item.samples) for item in out if isinstance(item, AudioChunk)) / SAMPLE_RATE


# --- drift -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ppm", "hours"), [(200.0, 2.0), (-200.0, 0.3)])
def test_after_two_hours_a_drifting_card_is_where_it_belongs(ppm: float, hours: float) -> None:
    device = Device(AudioTrack("me", "fake"), ppm=ppm, jitter_s=0.01)
    device.open()
    device.run(hours * 3600, block_s=1.0)
    out = device.end()
    assert not gaps(out)[1:]
    clocks = [item for item in out if isinstance(item, ClockState)]
    assert clocks[-1].drift_ppm == pytest.approx(ppm, abs=5)
    late = [clock for clock in clocks if clock.t_s > 60]
    assert max(abs(clock.offset_s) for clock in late) < 0.02
    assert max(clock.uncertainty_s for clock in late) < 0.04
    true_end_s = device.frames / (RATE_HZ * (1 + ppm * 1e-6))
    assert out[-1].t_s == pytest.approx(true_end_s, abs=0.03)  # uncompensated it would be 1.4 s away


@settings(max_examples=25, deadline=None)
@given(st.floats(-250, 250), st.floats(0, 0.03), st.integers(0, 100))
def test_the_clock_line_finds_any_drift_under_jitter_and_stalls(
    ppm: float, jitter_s: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    line = ClockModel()
    late_until_s = 0.0
    for n in range(1, 3001):
        device_s = n * 0.1
        if rng.random() < 0.001:
            late_until_s = device_s + 3.0
        late_s = float(rng.exponential(jitter_s)) + max(0.0, late_until_s - device_s)
        line.add(device_s, 5.0 + device_s * (1 - ppm * 1e-6) + late_s)
    assert -line.fit.slope * 1e6 == pytest.approx(ppm, abs=10 + 1000 * jitter_s)
    assert line.fit.arrival_s(300.0) == pytest.approx(305.0 - 300 * ppm * 1e-6, abs=0.003 + 0.6 * jitter_s)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30), st.sampled_from([16_000, 44_100, 48_000]))
def test_resampling_does_not_depend_on_how_the_sound_is_cut(sizes: list[int], rate_hz: int) -> None:
    sound = np.random.default_rng(0).normal(size=(sum(sizes), 2)).astype(np.float32) * 0.1
    whole, cut = DriftResampler(rate_hz), DriftResampler(rate_hz)
    expected = np.concatenate([whole.push(sound, 1e-4), whole.flush()])
    ends = np.cumsum(sizes)
    pieces = [cut.push(part, 1e-4) for part in np.split(sound, ends[:-1])]
    np.testing.assert_array_equal(np.concatenate([*pieces, cut.flush()]), expected)
    assert len(expected) == pytest.approx(len(sound) / rate_hz * SAMPLE_RATE, abs=2)


def test_a_tone_keeps_its_pitch_and_level_from_any_rate_and_any_channels() -> None:
    for rate_hz, channels in ((44_100, 1), (48_000, 2), (96_000, 4)):
        t = np.arange(rate_hz) / rate_hz
        tone = np.repeat(0.5 * np.sin(2 * np.pi * 1000 * t)[:, None], channels, axis=1).astype(np.float32)
        heard = DriftResampler(rate_hz).push(tone, 0.0)[2000:14_000]
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        assert np.argmax(spectrum) * SAMPLE_RATE / len(heard) == pytest.approx(1000, abs=2)
        assert np.abs(heard).max() == pytest.approx(0.5, abs=0.01)


def test_what_is_no_number_or_too_loud_becomes_sound() -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 5.0] * 1000, np.float32)[:, None]
    heard = DriftResampler(16_000).push(samples, 0.0)
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1


# --- stalls and losses -------------------------------------------------------------------------------


def test_blocks_that_come_late_together_leave_no_hole() -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(20)
    for n in range(12):  # 0.6 s of blocks come at once
        device.deliver(400, late_s=0.6 - 0.05 * n)
    device.run(5)
    out = device.end()
    assert len(gaps(out)) <= 1  # the start
    assert sound_s(out) == pytest.approx(25.6, abs=0.02)


def overloaded(device: Device, *, told: bool) -> float:
    """For 6 s blocks are taken more and more slowly, then quickly again; the latest delay that was known."""
    delays_s = [*np.linspace(0, 2, 120), *np.linspace(2, 0, 120)]
    known_s = []
    for late_s in delays_s:
        device.deliver(400, late_s=late_s, waited_s=late_s if told else 0.0)
        known_s.append(device.track.behind_s)
    return max(known_s)


def test_sound_that_a_busy_program_takes_slowly_is_all_kept_where_the_device_says_so() -> None:
    device = Device(AudioTrack("me", "fake"), jitter_s=0.005)
    device.open()
    device.run(20)
    assert overloaded(device, told=True) == pytest.approx(2.0, abs=0.05)
    device.run(5)
    assert device.track.behind_s == 0.0
    out = device.end()
    assert len(gaps(out)) <= 1  # the start
    assert sound_s(out) == pytest.approx(37.0, abs=0.03)
    assert not device.track.counters["late_samples"]


def test_a_device_that_does_not_say_it_seems_to_have_lost_what_is_taken_slowly() -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(20)
    assert overloaded(device, told=False) == 0.0
    device.run(5)
    assert len(gaps(device.end())) > 1


def test_a_device_that_says_nonsense_is_believed_only_as_far_as_blocks_come_late() -> None:
    device = Device(AudioTrack("me", "fake"), ppm=100.0)
    device.open()
    device.run(5)
    for _ in range(1200):
        device.deliver(400, waited_s=30.0)
        assert device.track.behind_s < 0.02
    clocks = [item for item in device.end() if isinstance(item, ClockState)]
    assert clocks[-1].drift_ppm == pytest.approx(100, abs=10)


@pytest.mark.parametrize("lost_s", [0.2, 1.0, 18.0])
def test_samples_that_a_stall_swallowed_become_a_gap_of_that_length(lost_s: float) -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(20)
    device.lose(lost_s)
    device.run(5)
    out = device.end()
    hole_s = sum(gap.t1_s - gap.t0_s for gap in gaps(out) if gap.t0_s > 1)
    assert hole_s == pytest.approx(lost_s, abs=0.02)
    assert out[-1].t_s == pytest.approx(25 + lost_s, abs=0.03)


def test_an_overflow_of_the_ring_becomes_a_gap_and_is_counted() -> None:
    track = AudioTrack("me", "fake")
    device = Device(track)
    device.open()
    device.run(5)
    device.frames += RATE_HZ // 2  # dropped between callback and reader: the device has counted them
    device.run(5)
    out = device.end()
    [gap] = [gap for gap in gaps(out) if gap.t0_s > 1]
    assert gap.t1_s - gap.t0_s == pytest.approx(0.5, abs=0.02)
    assert "too busy" in gap.reason
    assert track.counters["overflow_samples"] == SAMPLE_RATE // 2


def test_what_was_captured_before_a_loss_is_given_before_it_is_told() -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(3.02, block_s=0.02)
    device.out += device.track.take(Lost(device.now_s, "unplugged"))
    out = device.end()
    assert isinstance(out[-2], DeviceState)
    assert sound_s(out) == pytest.approx(3.02, abs=0.002)


def test_a_silent_device_is_missing_within_a_second_its_stream_follows_the_time_and_it_comes_back() -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(10)
    device.wait(0.7)
    assert states(device.out) == [""]
    device.wait(0.25)
    assert states(device.out) == ["", "no_data"]
    device.wait(5)
    assert gaps(device.out)[-1].t1_s == pytest.approx(device.now_s - 0.25, abs=0.25)
    device.open(device.now_s, RATE_HZ)
    device.run(0.3)
    assert states(device.out) == ["", "no_data", ""]
    device.end()


def test_another_sample_rate_after_opening_again_keeps_the_time() -> None:
    track = AudioTrack("me", "fake")
    device = Device(track)
    device.open()
    device.run(5)
    device.out += track.take(Opened(device.now_s, "fake", 2 * RATE_HZ))
    start_s = device.now_s
    for n in range(100):
        samples = np.full((800, 2), 0.1, np.float32)
        device.now_s = start_s + (n + 1) * 0.05
        device.out += track.take(AudioBlock(device.now_s, n * 800, samples))
    assert device.end()[-1].t_s == pytest.approx(10.0, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 15.0), st.floats(0.02, 2.0), st.sampled_from([1, 30, 100]))
def test_a_pile_of_old_sound_after_a_sleep_does_not_run_ahead_of_the_time(
    pile_s: float, takes_s: float, at_once: int
) -> None:
    track, block_s = AudioTrack("me", "fake"), 0.02
    out = track.take(Opened(0.0, "fake", RATE_HZ))
    frames, block = 0, round(block_s * RATE_HZ)

    def give(at_s: float, blocks: int = 1) -> None:
        nonlocal frames
        out.extend(track.take(AudioBlock(at_s, frames, np.full((blocks * block, 1), 0.1, np.float32))))
        frames += blocks * block

    for n in range(1, 1001):
        give(n * block_s)
    woken_s = 50.0  # after 30 s
    out += track.poll(woken_s, slept=True)
    piled = round(pile_s / block_s)
    # What was not read meanwhile comes at once, as fast as the machine can.
    for n in range(0, piled, at_once):
        give(woken_s + takes_s * n / piled, at_once)
        assert max(available_s(item) for item in out) < woken_s + takes_s * n / piled + 0.3
    at_s = woken_s + takes_s
    for _ in range(300):
        at_s += block_s
        give(at_s)
        out += track.poll(at_s)
    reached_s = max(available_s(item) for item in out)
    assert reached_s == pytest.approx(at_s, abs=0.3)
    # Only the old sound was left out: it came too late for its place.
    assert track.counters["late_samples"] / SAMPLE_RATE <= pile_s + at_once * block_s + 0.3
    check_contract([*out, *track.finish(at_s)])


def test_the_machine_slept_and_the_stream_says_so() -> None:
    device = Device(AudioTrack("me", "fake"))
    device.open()
    device.run(10)
    device.now_s += 3600
    device.out += device.track.poll(device.now_s, slept=True)
    device.open(device.now_s)
    device.run(2)
    out = device.end()
    assert states(out) == ["", "suspended", ""]
    assert sum(gap.t1_s - gap.t0_s for gap in gaps(out)) == pytest.approx(3600, abs=0.1)
    assert {gap.reason for gap in gaps(out)} == {"the machine slept"}


# --- silence -----------------------------------------------------------------------------------------


def test_a_loopback_that_says_nothing_while_nothing_plays_is_silent_and_not_missing() -> None:
    device = Device(AudioTrack("them", "fake", fills_silence=True))
    device.open()
    device.run(2)
    device.wait(60)
    device.open(device.now_s)
    device.run(2)
    out = device.end()
    assert states(out) == [""]
    assert not gaps(out)
    assert out[-1].t_s == pytest.approx(64, abs=0.1)


def test_digital_silence_of_a_microphone_is_a_fault_and_of_a_loopback_is_not() -> None:
    for zero_is_missing, told in ((True, ["", "all_zero", ""]), (False, [""])):
        device = Device(AudioTrack("s", "fake", zero_is_missing=zero_is_missing))
        device.open()
        device.run(2)
        for _ in range(40):
            device.deliver(400, 0.0)
        device.run(1)
        out = device.end()
        assert states(out) == told
        assert not gaps(out)  # its time goes on, so nothing is lost when it comes back


# --- anything may happen -----------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["run", "wait", "lose", "lost", "open", "overflow", "late", "zeros"]),
        st.floats(0.02, 3),
    ),
    max_size=25,
)


def _play(device: Device, events: list[tuple[str, float]]) -> Iterator[None]:
    for what, size in events:
        if what == "run":
            device.run(size)
        elif what == "wait":
            device.wait(size)
        elif what == "lose":
            device.lose(size)
        elif what == "lost":
            device.out += device.track.take(Lost(device.now_s, "unplugged"))
        elif what == "open":
            device.open(device.now_s)
        elif what == "overflow":
            device.frames += round(size * RATE_HZ)
        elif what == "late":
            device.deliver(800, late_s=size)
        else:
            device.deliver(round(size * RATE_HZ), 0.0)
        yield


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.booleans(), st.booleans(), st.integers(0, 99))
def test_whatever_a_device_does_the_stream_is_contiguous_and_keeps_to_the_time(
    events: list[tuple[str, float]], zero_is_missing: bool, fills_silence: bool, seed: int
) -> None:
    track = AudioTrack("s", "fake", zero_is_missing=zero_is_missing, fills_silence=fills_silence)
    device = Device(track, ppm=150, jitter_s=0.01, seed=seed)
    device.open()
    for _ in _play(device, events):
        device.out += track.poll(device.now_s)
    device.wait(2)
    out = device.end()
    assert out[-1].t_s <= device.now_s + 3.5  # a burst that was dropped in the ring is counted ahead
    assert out[-1].t_s >= device.now_s - 1.5
