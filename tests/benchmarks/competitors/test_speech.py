"""Where speech ends, and what is played."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.competitors.recorder import RATE_HZ, began_s
from benchmarks.competitors.speech import LEAD_S, script, speech_span

RATE = 16_000


def clip(begin_s, end_s, length_s, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    sound = noise * rng.standard_normal(int(length_s * RATE))
    first, last = int(begin_s * RATE), int(end_s * RATE)
    sound[first:last] += 0.3 * np.sin(np.arange(last - first) / 8)
    return sound.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.03])
def test_speech_begins_and_ends_where_it_is_loud_whatever_the_noise(noise):
    start_s, end_s = speech_span(clip(0.6, 1.7, 2.4, noise), RATE)
    assert start_s == pytest.approx(0.6, abs=0.04)
    assert end_s == pytest.approx(1.7, abs=0.04)


def test_a_click_after_the_last_word_is_no_speech():
    sound = clip(0.5, 1.2, 2.5, 0.003)
    sound[int(2.1 * RATE) : int(2.1 * RATE) + 40] = 0.2
    assert speech_span(sound, RATE)[1] == pytest.approx(1.2, abs=0.04)


@pytest.mark.parametrize("sound", [np.zeros(RATE, np.float32), np.zeros(3, np.float32)])
def test_silence_has_no_speech(sound):
    assert speech_span(sound, RATE) is None


def test_utterances_stand_in_the_script_where_it_says_with_the_pause_between_them():
    played = script([clip(0.5, 1.2, 2.0), np.zeros(RATE, np.float32), clip(0.1, 2.0, 2.1)], RATE, 2.5)
    (first_start, first_end), (second_start, second_end) = played.spans
    assert first_start == pytest.approx(LEAD_S + 0.2, abs=0.02)
    assert second_start - first_end == pytest.approx(2.5 + 0.1, abs=0.05)
    assert played.length_s == pytest.approx(second_end + 2.5, abs=0.01)
    for start_s, end_s in played.spans:
        loud = np.abs(played.sound[int((start_s - 0.5) * RATE) : int((end_s + 0.5) * RATE)]) > 0.1
        assert np.flatnonzero(loud)[0] / RATE == pytest.approx(0.5, abs=0.04)
        assert np.flatnonzero(loud)[-1] / RATE == pytest.approx(0.5 + end_s - start_s, abs=0.04)


def test_between_utterances_there_is_no_sound_at_all():
    played = script([clip(0.5, 1.2, 2.0, 0.01), clip(0.5, 1.2, 2.0, 0.01)], RATE, 2.0)
    end_s, start_s = played.spans[0][1], played.spans[1][0]
    assert not played.sound[int((end_s + 0.25) * RATE) : int((start_s - 0.25) * RATE)].any()
    assert len(played.utterance(0)) / RATE == pytest.approx(0.7 + 0.4, abs=0.06)


def test_the_beginning_is_found_by_the_first_loud_sample_and_the_least_late_arrival():
    sound = script([clip(0.5, 1.2, 2.0)], RATE, 1.0).sound
    heard = np.concatenate([np.zeros(int(0.7 * RATE_HZ), np.float32), sound])
    arrivals = [(100.0 + k * 0.02 + late, k * 320) for k, late in enumerate([0.3, 0.01, 0.2, 0.05])]
    assert began_s(heard, arrivals, sound, RATE) == pytest.approx(100.01 + 0.7, abs=1e-3)


def test_a_silent_microphone_has_no_beginning():
    sound = script([clip(0.5, 1.2, 2.0)], RATE, 1.0).sound
    assert began_s(np.zeros(RATE, np.float32), [(0.0, RATE)], sound, RATE) is None
    assert began_s(np.zeros(0, np.float32), [], sound, RATE) is None
