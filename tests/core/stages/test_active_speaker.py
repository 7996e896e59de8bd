"""Pairing of speech with mouths: who moves while there is speech speaks, and nobody without evidence."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.labels import UNKNOWN_PERSON
from core.stages.active_speaker import ActiveSpeakerDetector, Attribution, SpeakerAttribution

TALKS = (3.0, 0.4, 5.0, 2.0, 4.0)
STILL = (0.0, 0.1, 0.0, 0.0, 0.3)
Observation = tuple[str, float, object, float]


def voice(t0_s: float, t1_s: float, probability: float) -> list[Observation]:
    frames = int((t1_s - t0_s) / 0.032)
    return [("voice", t0_s + (i + 1) * 0.032, "", probability) for i in range(frames)]


def mouth(track: str, t0_s: float, t1_s: float, pattern: tuple[float, ...]) -> list[Observation]:
    looks = int((t1_s - t0_s) / 0.2)
    return [("mouth", t0_s + 0.1 + 0.2 * i, track, pattern[i % len(pattern)]) for i in range(looks)]


def told(observations: list[Observation]) -> ActiveSpeakerDetector:
    pairing = ActiveSpeakerDetector()
    for kind, t_s, track, value in observations:
        if kind == "voice":
            pairing.voice(t_s, value)
        else:
            pairing.mouth(t_s, str(track), value)
    return pairing


SPEECH = [*voice(0, 2, 0.02), *voice(2, 4, 0.95), *voice(4, 6, 0.02)]


def test_the_only_visible_mouth_that_moves_speaks() -> None:
    pairing = told([*SPEECH, *mouth("p1", 0, 2, STILL), *mouth("p1", 2, 4, TALKS)])
    assert pairing.decide(2, 4) == Attribution("p1", 1.0, "the only visible mouth moves")


def test_over_a_still_face_somebody_unknown_speaks() -> None:
    decision = told([*SPEECH, *mouth("p1", 0, 6, STILL)]).decide(2, 4)
    assert decision.person == UNKNOWN_PERSON
    assert decision.reason == "no visible mouth moves with the speech"


def test_without_a_face_nobody_is_named() -> None:
    assert told(SPEECH).decide(2, 4) == Attribution(
        UNKNOWN_PERSON, 0.0, "no face is visible for long enough", seen=False
    )


def test_a_face_seen_for_a_moment_of_the_utterance_is_not_named() -> None:
    assert told([*SPEECH, *mouth("p1", 2, 2.4, TALKS)]).decide(2, 4).person == UNKNOWN_PERSON


def test_of_two_faces_the_one_whose_mouth_moves_speaks() -> None:
    pairing = told([*SPEECH, *mouth("p1", 0, 4, STILL), *mouth("p2", 2, 4, TALKS)])
    assert pairing.decide(2, 4).person == "p2"
    assert pairing.decide(2, 4).share > 0.9


def test_two_mouths_that_move_alike_give_nobody() -> None:
    decision = told([*SPEECH, *mouth("p1", 2, 4, TALKS), *mouth("p2", 2, 4, TALKS)]).decide(2, 4)
    assert decision.person == UNKNOWN_PERSON
    assert decision.share == pytest.approx(0.5)


def test_who_chews_in_the_pauses_too_is_not_taken_for_the_speaker() -> None:
    chews = mouth("p1", 0, 6, TALKS)
    assert (
        told([*SPEECH, *chews, *mouth("p2", 2, 4, TALKS), *mouth("p2", 4, 6, STILL)]).decide(2, 4).person
        == "p2"
    )


def test_a_mouth_that_opens_just_before_the_voice_is_no_chewing() -> None:
    early = [("mouth", 1.9, "p1", 12.0), ("mouth", 1.75, "p1", 6.0)]
    assert told([*SPEECH, *early, *mouth("p1", 2, 4, TALKS)]).decide(2, 4).person == "p1"


def test_one_hand_before_a_mouth_does_not_outweigh_speech() -> None:
    hand = [*mouth("p1", 2, 4, STILL), ("mouth", 3.05, "p1", 40.0)]
    assert told([*SPEECH, *hand, *mouth("p2", 2, 4, TALKS)]).decide(2, 4).person == "p2"


def test_an_utterance_shorter_than_the_time_between_two_detections_is_attributed() -> None:
    short = [*voice(0, 2, 0.02), *voice(2, 2.2, 0.9), *voice(2.2, 3, 0.02)]
    assert told([*short, ("mouth", 2.1, "p1", 3.0)]).decide(2, 2.2).person == "p1"


def test_motion_outside_the_utterance_does_not_count_as_speech() -> None:
    moved = [*mouth("p1", 0, 1.6, TALKS), *mouth("p1", 2, 4, STILL)]
    assert told([*SPEECH, *moved]).decide(2, 4).person == UNKNOWN_PERSON


def test_a_turn_can_be_decided_while_it_is_still_spoken() -> None:
    pairing = told([*SPEECH, *mouth("p1", 2, 4, TALKS)])
    assert pairing.decide(2, 2.6).person == "p1"


def test_it_fits_the_interface_that_other_attributions_share() -> None:
    attribution: SpeakerAttribution = ActiveSpeakerDetector()
    attribution.voice(0.1, 0.9)
    attribution.mouth(0.1, "p1", 3.0)
    assert attribution.decide(0.0, 0.2).person == "p1"


def test_what_is_older_than_thirty_seconds_is_forgotten() -> None:
    pairing = told([*SPEECH, *mouth("p1", 2, 4, TALKS)])
    pairing.voice(40.0, 0.0)
    assert pairing.state.mouths == {}
    assert pairing.decide(2, 4).person == UNKNOWN_PERSON


# -- properties ---------------------------------------------------------------------------------------

samples = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["p1", "p2", "p3"]), st.floats(0, 10)),
    min_size=1,
    max_size=60,
)
talk = st.lists(st.floats(0, 1), min_size=20, max_size=120)


def observations(mouths, probabilities) -> list[Observation]:
    spoken = [("voice", (i + 1) * 0.1, "", p) for i, p in enumerate(probabilities)]
    seen = {(t, track): motion for t, track, motion in mouths}
    return [*spoken, *(("mouth", t * 0.2, track, motion) for (t, track), motion in seen.items())]


@given(mouths=samples, probabilities=talk, seed=st.integers())
def test_the_order_in_which_things_are_learnt_does_not_matter(mouths, probabilities, seed) -> None:
    said = observations(mouths, probabilities)
    shuffled = random.Random(seed).sample(said, len(said))
    assert told(said).decide(2, 9) == told(shuffled).decide(2, 9)


@given(mouths=samples, probabilities=talk)
def test_other_names_for_the_tracks_change_nothing_but_the_name(mouths, probabilities) -> None:
    names = {"p1": "p9", "p2": "p1", "p3": "p2", UNKNOWN_PERSON: UNKNOWN_PERSON}
    said = observations(mouths, probabilities)
    renamed = [(kind, t, names.get(str(track), track), value) for kind, t, track, value in said]
    one, other = told(said).decide(2, 9), told(renamed).decide(2, 9)
    assert (names[one.person], one.reason) == (other.person, other.reason)
    assert one.share == pytest.approx(other.share)


@given(mouths=samples, probabilities=talk, t0=st.floats(0, 12), length=st.floats(0, 8))
def test_a_decision_is_a_known_person_or_nobody_and_changes_nothing(
    mouths, probabilities, t0, length
) -> None:
    pairing = told(observations(mouths, probabilities))
    before = copy.deepcopy(pairing.state)
    decision = pairing.decide(t0, t0 + length)
    assert decision.person in {*pairing.state.mouths, UNKNOWN_PERSON}
    assert 0 <= decision.share <= 1
    assert pairing.state == before
    assert ActiveSpeakerDetector(before.copy()).decide(t0, t0 + length) == decision


def test_memory_is_bounded_however_long_the_conversation() -> None:
    pairing = ActiveSpeakerDetector()
    for i in range(10_000):
        pairing.voice(i * 0.032, 0.9)
        if i % 6 == 0:
            pairing.mouth(i * 0.032, f"p{i // 600}", 1.0)
    assert len(pairing.state.voice) <= 30 / 0.032 + 1
    assert sum(map(len, pairing.state.mouths.values())) <= 30 / 0.19 + 1
    assert len(pairing.state.mouths) <= 3
