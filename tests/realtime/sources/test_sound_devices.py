"""Microphone and loopback on a real sound server: pulled out, muted, frozen, killed, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, AudioChunk, SourceInput
from realtime.sources.config import SourcesConfig
from realtime.sources.live import LiveSource
from realtime.sources.open import open_sources
from tests.realtime.pulse import MICROPHONE, PulseDaemon
from tests.realtime.sources.listener import Listener, check_contract

RATE_HZ = 48_000
LOST_WITHIN_S = 1.0
BACK_WITHIN_S = 3.0
SLOW_MACHINE_S = 6.0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulseDaemon]:
    daemon = PulseDaemon(tmp_path_factory.mktemp("pulse")).start()
    yield daemon
    daemon.kill()


@pytest.fixture
def pulse(daemon: PulseDaemon, monkeypatch: pytest.MonkeyPatch) -> PulseDaemon:
    for name in ("PULSE_SERVER", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, daemon.environment[name])
    return daemon


def sources(**devices: object) -> LiveSource:
    return open_sources(SourcesConfig.from_mapping({"camera": None, **devices}, where="test"))


def chirp(seconds: float) -> NDArray[np.float64]:
    """A sound that is like itself at one shift only."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return 0.3 * np.sin(2 * np.pi * (200 * t + 400 * t**2)) * np.hanning(len(t))


def speech(clip: Path) -> NDArray[np.float64]:
    """A clip's sound at the server's rate, loud."""
    resampler = av.AudioResampler("flt", "mono", RATE_HZ)
    with av.open(str(clip)) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64)
    return samples * (0.5 / np.abs(samples).max())


def is_loud(stream: str) -> Callable[[SourceInput], bool]:
    return lambda i: isinstance(i, AudioChunk) and i.stream == stream and np.abs(i.samples).max() > 0.1


def match(heard: NDArray[np.float32], said: NDArray[np.float64]) -> float:
    """Highest normalised correlation of what was said, at 16 kHz, with what was heard."""
    said = said[::3]
    heard = np.pad(heard.astype(np.float64), (0, len(said)))
    size = len(heard) + len(said)
    dots = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)[: len(heard)]
    sums = np.concatenate([[0.0], np.cumsum(heard**2), np.full(len(said), np.sum(heard**2))])
    energy = sums[len(said) :][: len(heard)] - sums[: len(heard)]
    loud = energy > 0.25 * energy.max()
    return float((dots[loud] / np.sqrt(energy[loud] * (said**2).sum())).max())


def test_a_microphone_that_is_pulled_out_is_missing_within_a_second_and_back_within_three(
    pulse: PulseDaemon,
) -> None:
    with Listener(sources(microphone="default")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        pulse.say(chirp(0.8))
        listener.wait_for(is_loud("me"), 2.0)
        pulled_s = listener.source.now_s()
        pulse.unplug()
        lost_s, lost = listener.state("me", "unplugged", LOST_WITHIN_S)
        assert lost.message == "Microphone: the device is not there (no microphone)."
        assert lost_s - pulled_s <= LOST_WITHIN_S
        before = listener.mark()
        pulse.plug()
        listener.state("me", "", BACK_WITHIN_S, since=before)
        pulse.say(chirp(0.4))
        listener.wait_for(is_loud("me"), 2.0, since=before)
    check_contract([item for _, item in listener.heard])


def test_both_sides_are_recorded_apart_and_sound_as_they_were_played(
    pulse: PulseDaemon, demo_clips: Path
) -> None:
    mine, theirs = (speech(demo_clips / f"1001_DFA_{emotion}_XX.flv") for emotion in ("HAP", "SAD"))
    with Listener(sources(microphone=MICROPHONE, loopback="default", echo_guard=False)) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        listener.state("them", "", SLOW_MACHINE_S)
        for player in [pulse.say(mine), pulse.play(theirs)]:
            player.wait(6)
        listener.wait_for(is_loud("them"), 2.0)
    check_contract([item for _, item in listener.heard])
    me, them = listener.sound("me"), listener.sound("them")
    assert match(me, mine) > 0.95
    assert match(them, theirs) > 0.95
    assert match(me, theirs) < 0.5
    assert listener.source.counters()["me"]["overflow_samples"] == 0


def test_a_muted_microphone_is_told_from_a_quiet_room_and_keeps_its_time(pulse: PulseDaemon) -> None:
    with Listener(sources(microphone="default")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        pulse.control("set-source-mute", MICROPHONE, "1")
        _, lost = listener.state("me", "all_zero", 1.5)
        assert "digital silence" in lost.message
        before = listener.mark()
        pulse.control("set-source-mute", MICROPHONE, "0")
        listener.state("me", "", 1.0, since=before)
    assert [state.reason for state in listener.told()] == ["starting", "", "all_zero", ""]
    check_contract([item for _, item in listener.heard])


def test_a_sound_server_that_freezes_is_missing_within_a_second_and_the_time_goes_on(
    pulse: PulseDaemon,
) -> None:
    with Listener(sources(microphone="default")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        frozen_s = listener.source.now_s()
        pulse.freeze()
        try:
            lost_s, lost = listener.state("me", "no_data", 1.5)
        finally:
            pulse.thaw()
        assert lost.message == "Microphone: the device is open but delivers nothing."
        assert lost_s - frozen_s <= LOST_WITHIN_S
        before = listener.mark()
        listener.state("me", "", BACK_WITHIN_S, since=before)
    check_contract([item for _, item in listener.heard])
    end = listener.heard[-1][1]
    assert abs(listener.source.now_s() - getattr(end, "t_s", 0.0)) < 1.0


def test_a_sound_server_that_dies_and_is_started_again_is_found_again(pulse: PulseDaemon) -> None:
    with Listener(sources(microphone="default")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        pulse.kill()
        listener.state("me", "unplugged", LOST_WITHIN_S)
        pulse.start()
        before = listener.mark()
        listener.state("me", "", BACK_WITHIN_S, since=before)
    check_contract([item for _, item in listener.heard])


def test_a_change_of_the_default_microphone_is_followed(pulse: PulseDaemon) -> None:
    # The new microphone hears the loudspeaker, which plays.
    player = pulse.play(0.3 * np.random.default_rng(2).normal(size=20 * RATE_HZ))
    pulse.control("load-module", "module-remap-source", "master=speaker.monitor", "source_name=second")
    with Listener(sources(microphone="default")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        before = listener.mark()
        pulse.control("set-default-source", "second")
        listener.state("me", "changed", LOST_WITHIN_S, since=before)
        listener.state("me", "", BACK_WITHIN_S, since=before)
        listener.wait_for(is_loud("me"), 1.0, since=before)
    player.kill()
    player.wait()
    pulse.control("set-default-source", MICROPHONE)


def test_what_the_loudspeaker_plays_into_the_microphone_is_not_mine(
    pulse: PulseDaemon, demo_clips: Path
) -> None:
    theirs = np.concatenate([speech(demo_clips / f"1001_DFA_{emotion}_XX.flv") for emotion in ("HAP", "ANG")])
    # With less latency the loopback itself stutters on a busy machine, as no room does.
    wire = ["module-loopback", "source=speaker.monitor", "sink=virtmic", "latency_msec=200", "adjust_time=0"]
    module = pulse.control("load-module", *wire)
    try:
        with Listener(sources(microphone="default", loopback="default")) as listener:
            listener.state("me", "", SLOW_MACHINE_S)
            listener.state("them", "", SLOW_MACHINE_S)
            pulse.play(theirs).wait(8)
    finally:
        pulse.control("unload-module", module)
    them, me = listener.sound("them"), listener.sound("me")
    begin, end = np.flatnonzero(np.abs(them) > 0.05)[[0, -1]]
    assert end - begin > 2 * SAMPLE_RATE
    assert 10 * np.log10(np.mean(them[begin:end] ** 2) / np.mean(me[begin:end] ** 2)) > 25
    assert listener.source.counters()["echo"]["silenced_samples"] > SAMPLE_RATE


def test_a_loudspeaker_that_is_pulled_out_takes_only_the_other_side_away(pulse: PulseDaemon) -> None:
    headset = ["module-null-sink", "sink_name=headset", "rate=48000", "channels=2"]
    module = pulse.control("load-module", *headset)
    with Listener(sources(microphone="default", loopback="headset")) as listener:
        listener.state("me", "", SLOW_MACHINE_S)
        listener.state("them", "", SLOW_MACHINE_S)
        before = listener.mark()
        pulse.control("unload-module", module)
        _, lost = listener.state("them", "unplugged", LOST_WITHIN_S, since=before)
        assert "no loudspeaker 'headset'" in lost.message
        module = pulse.control("load-module", *headset)
        listener.state("them", "", BACK_WITHIN_S, since=before)
        pulse.play(chirp(0.5), "headset")
        listener.wait_for(is_loud("them"), 2.0, since=before)
    pulse.control("unload-module", module)
    assert [state.reason for state in listener.told() if state.stream == "me"] == ["starting", ""]
    check_contract([item for _, item in listener.heard])
