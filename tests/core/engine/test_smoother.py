"""Smoothing and hysteresis of rolling probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import EstimateConfig
from core.engine.smoother import Smoother


def smoother(
    smoothing_s: float = 0.5,
    hysteresis: float = 0.1,
    threshold: float = 0.5,
    active_after_s: float = 0.0,
    abstain_below: float = 0.0,
) -> Smoother:
    config = EstimateConfig(smoothing_s=smoothing_s, hysteresis=hysteresis, active_after_s=active_after_s)
    return Smoother(config, np.array([threshold, threshold], np.float32), abstain_below)


def values(a: float, b: float = 0.0) -> np.ndarray:
    return np.array([a, b], np.float32)


def test_the_first_result_of_a_person_stands_as_it_is():
    smooth, active, *_ = smoother().push("p1", 3.0, values(0.9, 0.2))
    assert smooth.tolist() == values(0.9, 0.2).tolist()
    assert active.tolist() == [True, False]


def test_a_step_is_followed_by_63_percent_within_the_time_constant():
    stage = smoother(smoothing_s=0.5)
    stage.push("p1", 0.0, values(0.0))
    smooth, *_ = stage.push("p1", 0.5, values(1.0))
    assert smooth[0] == pytest.approx(1 - np.exp(-1), abs=1e-6)


def test_the_course_depends_on_time_and_not_on_the_number_of_steps():
    one, many = smoother(), smoother()
    one.push("p1", 0.0, values(0.0))
    many.push("p1", 0.0, values(0.0))
    smooth, *_ = one.push("p1", 1.0, values(1.0))
    for step in range(1, 11):
        often, *_ = many.push("p1", step / 10, values(1.0))
    assert often[0] == pytest.approx(smooth[0], abs=1e-6)


def test_without_smoothing_every_result_is_taken_as_it_is():
    stage = smoother(smoothing_s=0.0)
    stage.push("p1", 0.0, values(0.1))
    assert stage.push("p1", 0.25, values(0.8))[0].tolist() == values(0.8).tolist()


def test_a_label_goes_on_at_its_threshold_and_off_only_well_below_it():
    stage = smoother(smoothing_s=0.0)
    course = [0.45, 0.5, 0.45, 0.41, 0.39, 0.45]
    seen = [bool(stage.push("p1", t, values(p))[1][0]) for t, p in enumerate(course)]
    assert seen == [False, True, True, True, False, False]


def test_a_label_becomes_active_and_ceases_to_be_only_after_its_time():
    stage = smoother(smoothing_s=0.0, active_after_s=0.5)
    course = [0.9, 0.9, 0.9, 0.1, 0.9, 0.1, 0.1, 0.1]
    seen = [bool(stage.push("p1", 0.25 * step, values(p)).active[0]) for step, p in enumerate(course)]
    assert seen == [False, False, True, True, True, True, True, False]


def test_the_time_that_a_label_needs_does_not_depend_on_the_number_of_results():
    for hop_s in (0.1, 0.25, 0.5):
        stage = smoother(smoothing_s=0.0, active_after_s=1.0)
        steps = np.arange(0.0, 2.01, hop_s)
        on = [t for t in steps if stage.push("p1", float(t), values(0.9)).active[0]]
        assert on[0] == pytest.approx(1.0)


def test_confidence_and_abstention_follow_the_smoothed_probabilities():
    stage = smoother(smoothing_s=0.5, abstain_below=0.4)
    assert stage.push("p1", 0.0, values(0.9), confidence=0.9).abstained is False
    after = stage.push("p1", 0.25, values(0.1, 0.2), confidence=0.2)  # alone it would abstain
    assert after.confidence == pytest.approx(float(after.probabilities.max()), abs=1e-6)
    assert after.abstained is False
    later = stage.push("p1", 5.0, values(0.1, 0.2), confidence=0.2)
    assert later.abstained is True


def test_an_abstaining_estimate_has_no_active_labels_and_they_come_back_with_the_evidence():
    stage = smoother(smoothing_s=0.0, abstain_below=0.3)
    assert stage.push("p1", 0.0, values(0.8), confidence=0.8).active[0]
    thin = stage.push("p1", 1.0, values(0.8), confidence=0.1)
    assert thin.abstained
    assert not thin.active.any()
    assert stage.push("p1", 2.0, values(0.8), confidence=0.8).active[0]


@settings(max_examples=60, deadline=None)
@given(
    course=st.lists(
        st.tuples(st.floats(0, 1, width=32), st.floats(0, 1), st.floats(0.01, 5)), min_size=1, max_size=20
    )
)
def test_whatever_comes_what_abstains_has_no_active_label(course):
    stage, now_s = smoother(abstain_below=0.35, threshold=0.2), 0.0
    for probability, evidence, elapsed_s in course:
        now_s += elapsed_s
        said = stage.push("p1", now_s, values(probability), confidence=probability * evidence)
        assert 0.0 <= said.confidence <= float(said.probabilities.max()) + 1e-6
        assert said.abstained == (said.confidence < 0.35)
        assert not (said.abstained and said.active.any())


def test_persons_do_not_influence_each_other_and_can_be_forgotten():
    stage = smoother()
    stage.push("p1", 0.0, values(1.0))
    assert stage.push("p2", 0.25, values(0.0))[0][0] == 0.0
    stage.reset("p1")
    stage.reset("nobody")
    assert stage.push("p1", 0.5, values(0.2))[0][0] == np.float32(0.2)


@settings(max_examples=60, deadline=None)
@given(course=st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0.01, 5)), min_size=1, max_size=20))
def test_smoothed_values_stay_between_the_least_and_the_most_seen(course):
    stage, now_s, seen = smoother(), 0.0, []
    for probability, elapsed_s in course:
        now_s += elapsed_s
        seen.append(probability)
        smooth, *_ = stage.push("p1", now_s, values(probability))
        assert min(seen) - 1e-6 <= smooth[0] <= max(seen) + 1e-6
