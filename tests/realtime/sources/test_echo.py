"""The echo guard: the loudspeaker in the microphone is not me, and I stay me while it plays."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.encoders.silero import SileroVoice
from core.inputs import SAMPLE_RATE, AudioChunk, ClockState, EndOfStream, Gap, SourceInput
from core.media.source import available_s
from realtime.sources.echo_stage import EchoStage

Sound = NDArray[np.float64]


@pytest.fixture(scope="module")
def voices(demo_clips: Path) -> tuple[Sound, Sound]:
    """What they say and what I say, about 6 s each, in other words at other times."""
    theirs = [clip(demo_clips, emotion) for emotion in ("NEU", "HAP", "SAD")]
    mine = [clip(demo_clips, emotion) for emotion in ("ANG", "FEA")]
    them = np.concatenate(theirs)
    me = np.concatenate([np.zeros(2 * SAMPLE_RATE), mine[0], np.zeros(6000), mine[1]])
    size = min(len(them), len(me))
    return them[:size], me[:size]


def clip(folder: Path, emotion: str) -> Sound:
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
    with av.open(str(folder / f"1001_DFA_{emotion}_XX.flv")) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float64)
    return sound * (0.4 / np.abs(sound).max())


def heard_in_a_room(sound: Sound, delay_s: float, gain: float, *, t60_s: float = 0.3) -> Sound:
    """Through a loudspeaker that distorts a little and a room that reverberates, with noise."""
    rng = np.random.default_rng(4)
    taps = np.arange(int(0.3 * SAMPLE_RATE))
    room = rng.normal(size=len(taps)) * np.exp(-6.9 * taps / (t60_s * SAMPLE_RATE))
    room[0] = 3.0
    room *= gain / np.sqrt((room**2).sum())
    loudspeaker = np.tanh(1.5 * sound) / 1.5
    echo = np.convolve(np.concatenate([np.zeros(round(delay_s * SAMPLE_RATE)), loudspeaker]), room)
    return echo[: len(sound)] + 5e-4 * rng.normal(size=len(sound))


def guarded(them: Sound, mic: Sound, *, chunk: int = 320, seed: int | None = None) -> tuple[Sound, EchoStage]:
    """Both through the lane as a live source would carry them."""
    lane = EchoStage("me", "them")
    rng = np.random.default_rng(seed)
    out: list[SourceInput] = []
    at = 0
    while at < len(mic):
        size = chunk if seed is None else int(rng.integers(1, 1500))
        pair = [
            [AudioChunk(name, at, sound[at : at + size].astype(np.float32))]
            for name, sound in (("them", them), ("me", mic))
        ]
        at += size
        out += lane.carry(pair, min(at, len(mic)) / SAMPLE_RATE)
    out += lane.carry([[EndOfStream("them", at / SAMPLE_RATE)], [EndOfStream("me", at / SAMPLE_RATE)]], None)
    mine = [item for item in out if isinstance(item, AudioChunk) and item.stream == "me"]
    assert [c.start_sample for c in mine] == [0, *np.cumsum([len(c.samples) for c in mine])[:-1]]
    return np.concatenate([c.samples for c in mine]).astype(np.float64), lane


def decibels(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-15))


def speech_share(sound: Sound, weights: Path) -> float:
    """Share of the time in which the voice network hears speech."""
    voice = SileroVoice(weights / "silero_vad_16k_op15.onnx")
    state, likely, frames = voice.initial_state(), 0, len(sound) // 512
    for n in range(frames):
        probability, state = voice.probability(sound[512 * n : 512 * (n + 1)].astype(np.float32), state)
        likely += probability > 0.5
    return likely / frames


@pytest.mark.parametrize(("delay_s", "gain"), [(0.04, 0.5), (0.12, 0.3), (0.35, 0.3)])
def test_an_echo_is_silenced_from_its_first_word(
    voices: tuple[Sound, Sound], weights: object, delay_s: float, gain: float
) -> None:
    them, _ = voices
    mic = heard_in_a_room(them, delay_s, gain)
    out, lane = guarded(them, mic)
    assert decibels(out) < decibels(mic) - 12
    folder = weights("silero-vad")  # type: ignore[operator]
    assert speech_share(mic, folder) > 0.4
    assert speech_share(out, folder) < 0.06
    assert lane.counters()["silenced_samples"] > SAMPLE_RATE


@pytest.mark.parametrize(("delay_s", "gain"), [(0.04, 0.5), (0.12, 0.3)])
def test_what_i_say_while_they_speak_stays(voices: tuple[Sound, Sound], delay_s: float, gain: float) -> None:
    them, me = voices
    mic = heard_in_a_room(them, delay_s, gain) + me
    out, _ = guarded(them, mic)
    speaking = np.abs(me) > 0.01
    assert np.corrcoef(out[speaking], me[speaking])[0, 1] > 0.97
    assert np.corrcoef(out, me)[0, 1] > np.corrcoef(mic, me)[0, 1]


def test_with_headphones_not_a_sample_is_changed(voices: tuple[Sound, Sound]) -> None:
    them, me = voices
    mic = me + 5e-4 * np.random.default_rng(1).normal(size=len(me))
    out, lane = guarded(them, mic)
    np.testing.assert_array_equal(out.astype(np.float32), mic.astype(np.float32))
    assert lane.counters() == {"silenced_samples": 0, "unguarded_samples": 0}


def test_without_sound_from_the_loudspeaker_the_microphone_waits_for_nothing() -> None:
    lane = EchoStage("me", "them")
    silence, noise = np.zeros(1600, np.float32), np.full(1600, 0.1, np.float32)
    out = lane.carry([[AudioChunk("them", 0, silence)], [AudioChunk("me", 0, noise)]], 0.1)
    assert sum(len(i.samples) for i in out if isinstance(i, AudioChunk) and i.stream == "me") >= 1600 - 256


def test_a_loopback_that_is_gone_does_not_hold_the_microphone() -> None:
    lane = EchoStage("me", "them")
    chunk = AudioChunk("me", 0, np.full(16_000, 0.1, np.float32))
    out = lane.carry([[chunk]], 1.0)
    out += lane.carry([[]], 1.4)
    assert sum(len(i.samples) for i in out if isinstance(i, AudioChunk)) == 16_000 // 256 * 256
    assert lane.counters()["unguarded_samples"] > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_holes_and_states_keep_their_place_whatever_the_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lane = EchoStage("me", "them")
    out: list[SourceInput] = []
    given_items: list[SourceInput] = []
    at = {"me": 0, "them": 0}
    for _ in range(40):
        lanes = []
        for name in ("them", "me"):
            items: list[SourceInput] = []
            for _ in range(int(rng.integers(0, 3))):
                size = int(rng.integers(1, 2000))
                t_s = at[name] / SAMPLE_RATE
                kind = rng.random()
                if kind < 0.1:
                    items.append(Gap(name, t_s, (at[name] + size) / SAMPLE_RATE, "lost"))
                    at[name] += size
                elif kind < 0.3:
                    items.append(ClockState(name, t_s, 0.0, 0.0, 0.0))
                else:
                    items.append(AudioChunk(name, at[name], rng.normal(size=size).astype(np.float32) * 0.1))
                    at[name] += size
            lanes.append(items)
            given_items += items
        out += lane.carry(lanes, max(at.values()) / SAMPLE_RATE)
    out += lane.carry([[]], None)
    assert sum(isinstance(i, ClockState) for i in out) == sum(isinstance(i, ClockState) for i in given_items)
    mine = [item for item in out if item.stream == "me"]
    assert [available_s(item) for item in mine] == sorted(available_s(item) for item in mine)
    position = 0
    for item in mine:
        if isinstance(item, AudioChunk):
            assert item.start_sample == position
            position = item.end_sample
        elif isinstance(item, Gap):
            position = round(item.t1_s * SAMPLE_RATE)
    assert position == at["me"]
