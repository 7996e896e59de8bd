"""How somebody usually sounds is taken off what they sound like now: by how much, and until when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.labels import UNKNOWN_PERSON
from core.stages.baseline import LEAST_CHANGE, MOST_CHANGE, Baseline, BaselineConfig, Baselines
from core.window import Tokens, Window

CONFIG = BaselineConfig(shrinkage_s=10.0, horizon_s=1200.0)
LIVELY = BaselineConfig(shrinkage_s=10.0, horizon_s=1200.0, deviation=True)


def speech(value: float, seconds: float) -> np.ndarray:
    return np.full((round(seconds * 10), 2), value, np.float32)


def run(value: float, seconds: float) -> Tokens:
    values = speech(value, seconds)
    return Tokens(values, np.arange(len(values), dtype=np.float32) / 10)


def window(person: str, value: float) -> Window:
    return Window(person, 0.0, 1.0, {"audio": run(value, 1.0), "visual": run(7.0, 0.5)})


def test_without_history_nothing_is_taken_off():
    assert Baseline(CONFIG).taken_off(speech(3.0, 1.0)).tolist() == speech(3.0, 1.0).tolist()
    assert Baseline(CONFIG).weight == 0.0


def test_the_mean_counts_half_after_the_shrinkage():
    baseline = Baseline(CONFIG)
    baseline.push(speech(4.0, 10.0))
    assert baseline.weight == pytest.approx(0.5)
    assert baseline.taken_off(speech(5.0, 1.0)) == pytest.approx(speech(3.0, 1.0))


def test_much_history_takes_the_whole_voice_off():
    baseline = Baseline(CONFIG)
    for _ in range(60):
        baseline.push(speech(4.0, 10.0))
    assert baseline.taken_off(speech(4.0, 1.0)) == pytest.approx(speech(0.0, 1.0), abs=0.12)


def test_utterances_count_by_their_length():
    baseline = Baseline(CONFIG)
    baseline.push(speech(0.0, 9.0))
    baseline.push(speech(10.0, 1.0))
    assert baseline.weight * 1.0 == pytest.approx(0.5, abs=0.01)
    assert baseline.taken_off(speech(0.0, 0.1))[0, 0] == pytest.approx(-0.5, abs=0.02)


def test_five_angry_minutes_after_twenty_usual_ones_are_still_told_from_the_usual():
    baseline = Baseline(CONFIG)
    for _ in range(240):
        baseline.push(speech(0.0, 5.0))
    for _ in range(60):
        baseline.push(speech(1.0, 5.0))
    left = baseline.taken_off(speech(1.0, 1.0))[0, 0]
    assert left == pytest.approx(0.67, abs=0.05)  # more than half of the difference is still there


def test_a_voice_that_is_another_one_for_good_is_followed_within_the_horizon():
    baseline = Baseline(BaselineConfig(10.0, 60.0))
    for _ in range(60):
        baseline.push(speech(0.0, 5.0))
    for _ in range(60):
        baseline.push(speech(1.0, 5.0))
    assert baseline.taken_off(speech(1.0, 1.0))[0, 0] == pytest.approx(0.15, abs=0.05)
    assert baseline.seconds == pytest.approx(60.0, abs=3.0)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 40)), min_size=1, max_size=8))
def test_the_baseline_lies_among_what_was_heard(utterances):
    baseline = Baseline(CONFIG)
    for value, tokens in utterances:
        baseline.push(np.full((tokens, 2), value, np.float32))
    taken = -float(baseline.taken_off(np.zeros((1, 2), np.float32))[0, 0])
    values = [value for value, _ in utterances]
    assert baseline.weight * min(values) - 1e-4 <= taken <= baseline.weight * max(values) + 1e-4
    assert 0 <= baseline.weight < 1


def test_each_person_is_compared_with_themselves_and_only_in_the_voice():
    baselines = Baselines(CONFIG)
    baselines.push("anna", [run(4.0, 10.0)])
    compared, history_s = baselines.apply(window("anna", 5.0))
    assert compared.tokens["audio"].values == pytest.approx(speech(3.0, 1.0))
    assert compared.tokens["visual"].values == pytest.approx(speech(7.0, 0.5))
    assert history_s == {"audio": pytest.approx(10.0)}
    other, none = baselines.apply(window("ben", 5.0))
    assert other.tokens["audio"].values == pytest.approx(speech(5.0, 1.0))
    assert none == {"audio": 0.0}


def test_nobody_known_has_no_baseline():
    baselines = Baselines(CONFIG)
    baselines.push(UNKNOWN_PERSON, [run(4.0, 10.0)])
    assert baselines.apply(window(UNKNOWN_PERSON, 5.0))[1] == {"audio": 0.0}


def test_who_is_forgotten_starts_afresh():
    baselines = Baselines(CONFIG)
    baselines.push("anna", [run(4.0, 10.0)])
    baselines.forget("anna")
    assert baselines.apply(window("anna", 5.0))[1] == {"audio": 0.0}


def test_a_checkpoint_without_a_baseline_says_nothing_of_history():
    baselines = Baselines(BaselineConfig.of({"block_s": 0.5}))
    baselines.push("anna", [run(4.0, 10.0)])
    given_window = window("anna", 5.0)
    assert baselines.apply(given_window) == (given_window, {})


@pytest.mark.parametrize("config", [CONFIG, LIVELY])
def test_options_come_back_as_they_were(config):
    assert BaselineConfig.of(config.options()) == config


def lively(deviation: float, seconds: float) -> np.ndarray:
    signs = np.where(np.arange(round(seconds * 10)) % 2, 1.0, -1.0)[:, None]
    return np.repeat(deviation * signs, 2, axis=1).astype(np.float32)


def test_a_lively_voice_is_measured_by_its_own_liveliness():
    baseline = Baseline(LIVELY)
    for _ in range(600):
        baseline.push(lively(2.0, 10.0))
    usual = baseline.taken_off(lively(2.0, 1.0))
    assert usual.std(axis=0) == pytest.approx([1.0, 1.0], rel=0.02)
    plain = Baseline(CONFIG)
    plain.push(lively(2.0, 10.0))
    assert plain.taken_off(lively(2.0, 1.0)) == pytest.approx(lively(2.0, 1.0), abs=1e-5)


def test_the_deviation_counts_by_the_amount_of_history():
    baseline = Baseline(LIVELY)
    baseline.push(lively(2.0, 10.0))  # counts half: the root of one half
    assert baseline.taken_off(lively(2.0, 1.0)).std(axis=0) == pytest.approx([2.0**0.5] * 2, rel=0.01)


@given(st.floats(0.0, 50.0), st.floats(0.1, 2000.0))
def test_a_monotonous_or_wild_history_changes_tokens_within_bounds(deviation, seconds):
    baseline = Baseline(LIVELY)
    baseline.push(lively(deviation, seconds))
    factor = baseline.taken_off(np.ones((1, 2), np.float32))[0, 0]
    assert LEAST_CHANGE - 1e-3 <= factor + deviation * 1e-6 <= MOST_CHANGE + 1e-3 or seconds < 0.2
