"""Voices on a grid of features: found, told apart, cut where they change, and the same however they come."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import SpeakersConfig
from core.stages.diarization import FEATURE_SAMPLES, STEP_SAMPLES, Diarizer

FRAME = 512


class Mean:
    """Stands in for the network's head: a window's embedding is the direction of its mean."""

    def embed(self, features):
        mean = features.mean(axis=0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def features(voices, seed=0):
    """One feature of 80 ms for each voice named; 0 = nobody speaks."""
    rng = np.random.default_rng(seed)
    return (np.eye(6, dtype=np.float32)[voices] + 0.3 * rng.standard_normal((len(voices), 6))).astype(
        np.float32
    )


def turns(*spans):
    """(voice, seconds), ... as voices of 80 ms each."""
    return [voice for voice, seconds in spans for _ in range(round(seconds / 0.08))]


def feed(diarizer, voices, values, start=0, stop=None, block=12):
    for index in range(start, len(voices) if stop is None else stop):
        for frame in range(index * FEATURE_SAMPLES // FRAME, (index + 1) * FEATURE_SAMPLES // FRAME):
            diarizer.hear(frame * FRAME + FRAME // 2, 1.0 if voices[index] else 0.0)
        if (index + 1) % block == 0:
            diarizer.push(index + 1 - block, values[index + 1 - block : index + 1])
            diarizer.advance(index + 1)
    return diarizer


def run(voices, config=None, **options):
    voices = [*voices, *[0] * (-len(voices) % 12 + 12)]
    diarizer = feed(Diarizer(Mean(), config or SpeakersConfig()), voices, features(voices), **options)
    diarizer.close()
    return diarizer


def decided(diarizer):
    return [diarizer.state.decided[step] for step in sorted(diarizer.state.decided)]


def test_two_people_who_talk_in_turns_are_two_voices():
    diarizer = run(turns((1, 4), (0, 0.5), (2, 4), (0, 0.5), (1, 4), (2, 4)))
    found = decided(diarizer)
    assert len(set(found)) == 2
    assert found[5] == found[60] != found[32]


def test_the_change_is_found_where_it_is_without_a_pause():
    diarizer = run(turns((1, 6), (2, 6)))
    at = diarizer.change_after(0, 12 * 16_000)
    assert at == pytest.approx(6 * 16_000, abs=STEP_SAMPLES)
    assert diarizer.change_after(at, 12 * 16_000) is None
    assert diarizer.voice_of(0, at) != diarizer.voice_of(at, 12 * 16_000)


def test_a_single_window_that_sounds_otherwise_cuts_nothing():
    diarizer = run(turns((1, 5), (2, 0.16), (1, 5), (2, 5)))
    assert diarizer.change_after(0, 9 * 16_000) is None


def test_a_short_first_word_in_another_voice_belongs_to_what_follows():
    diarizer = run(turns((1, 4), (0, 1.0), (1, 0.16), (2, 4)))
    start = round(5.0 * 16_000)
    assert diarizer.change_after(start, round(9.2 * 16_000)) is None


def test_one_person_stays_one_voice_over_minutes():
    diarizer = run(turns(*[(1, 5), (0, 1.0)] * 20))
    assert set(decided(diarizer)) == {1}
    assert len(diarizer.state.atoms) <= 160


@pytest.mark.parametrize("people", [2, 3])
def test_no_more_voices_than_there_are_people(people):
    voices = turns((1, 4), (2, 4), (3, 4), (4, 4), (1, 4), (2, 4))
    assert len(set(decided(run(voices, SpeakersConfig(at_most=people))))) <= people


def test_nothing_is_said_of_what_was_not_heard_or_not_computed():
    silent = run(turns((0, 5)))
    assert decided(silent) == []
    assert silent.voice_of(0, 5 * 16_000) is None
    deaf = Diarizer(Mean(), SpeakersConfig())
    for frame in range(100):
        deaf.hear(frame * FRAME + 256, 1.0)
    deaf.advance(35)
    deaf.close()
    assert deaf.voice_of(0, 3 * 16_000) is None


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([1, 2, 3, 4, 6, 12]), st.sampled_from([12, 24]))
def test_blocks_of_any_length_give_the_same(block, other):
    voices = [*turns((1, 3), (2, 3), (0, 0.48), (1, 2), (3, 3)), *[0] * 24]
    voices = voices[: len(voices) // 24 * 24]
    whole = feed(Diarizer(Mean(), SpeakersConfig()), voices, features(voices), block=block)
    parts = feed(Diarizer(Mean(), SpeakersConfig()), voices, features(voices), block=other)
    whole.close()
    parts.close()
    assert whole.state.decided == parts.state.decided


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 11))
def test_a_snapshot_goes_on_as_if_nothing_had_been(at):
    voices = turns((1, 3), (2, 3), (1, 3), (3, 3))
    voices = voices[: len(voices) // 12 * 12]
    values = features(voices)
    diarizer = feed(Diarizer(Mean(), SpeakersConfig()), voices, values, stop=at * 12)
    kept = copy.deepcopy(diarizer)
    feed(diarizer, voices, values, start=at * 12)
    feed(kept, voices, values, start=at * 12)
    assert kept.state.decided == diarizer.state.decided
    assert kept.state.voices == diarizer.state.voices


def test_a_pause_of_a_week_is_not_walked_through():
    diarizer = run(turns((1, 4), (2, 4)))
    looked = []
    diarizer._look = looked.append
    week = 7 * 24 * 3600 * 16_000 // FEATURE_SAMPLES
    diarizer.advance(week)
    assert len(looked) < 20
    assert diarizer.state.next_step == (week - 5) // 2 + 1


def test_what_was_taken_for_two_voices_is_told_when_it_is_one():
    diarizer = Diarizer(Mean(), SpeakersConfig())
    mixed = np.array([1, 0, 0, 0, 0, 0], np.float32), np.array([0, 1, 0, 0, 0, 0], np.float32)
    bridge = (mixed[0] + mixed[1]) / np.sqrt(2)
    values = np.stack([mixed[0]] * 48 + [mixed[1]] * 48 + [bridge] * 360).astype(np.float32)
    feed(diarizer, [1] * len(values), values)
    diarizer.close()
    merges = diarizer.take_merges()
    assert merges
    assert diarizer.take_merges() == []
    assert all(voice not in diarizer.state.centres for voice, _ in merges)
    assert not {voice for voice, _ in merges} & set(diarizer.state.decided.values())
