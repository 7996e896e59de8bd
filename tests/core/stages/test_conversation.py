import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, Relabel, Stages, Transcript, TranscriptWord, Utterance
from core.labels import EMOTIONS
from core.stages.conversation import MOST_PERSONS, ConversationFigures, wilson


def said(name, person, t0_s, t1_s):
    return Utterance(name, person, t0_s, t1_s, "pause", final=True)


def words(name, person, count):
    spoken = tuple(TranscriptWord("word", 0.0, 0.1, 0.9) for _ in range(count))
    return Transcript(name, person, 0.0, 1.0, "", spoken, "", "en", 0, final=True)


def felt(name, person, label, *, abstained=False):
    return EmotionEstimate(
        id=name,
        person=person,
        utterance=name,
        t0_s=0.0,
        t1_s=1.0,
        probabilities={emotion: 0.8 if emotion == label else 0.1 for emotion in EMOTIONS},
        active=() if abstained else (label,),
        peers={},
        attribution={},
        modalities=(),
        missing={},
        valence=None,
        arousal=None,
        confidence=0.5,
        abstained=abstained,
        stages=Stages(1.0, None, None, None, 1.0),
        revision=0,
        final=True,
    )


def gathered(*events):
    figures = ConversationFigures()
    figures.observe(events)
    return figures


def persons(figures, now_s=20.0):
    return {talk.person: talk for talk in figures.figures(now_s).persons}


def test_shares_turns_and_rates_by_hand():
    figures = gathered(
        said("u1", "p1", 0, 3), words("u1", "p1", 6), said("u2", "p1", 3.5, 5), said("u3", "p2", 6, 8)
    )
    found = persons(figures, now_s=10.0)
    assert (found["p1"].talk_s, found["p1"].turns, found["p1"].longest_turn_s) == (4.5, 1, 5)
    assert found["p1"].words_per_min == pytest.approx(60 * 6 / 4.5)
    assert found["p2"].share == pytest.approx(2 / 6.5)
    assert found["p2"].response_s == pytest.approx(1.0)
    assert found["p2"].words_per_min is None
    assert figures.figures(10.0).silence == pytest.approx(1 - 6.5 / 10)


def test_who_comes_in_while_another_speaks_and_goes_on_has_interrupted():
    found = persons(gathered(said("u1", "me", 0, 4), said("u2", "them", 3, 7)))
    assert (found["them"].overlaps_begun, found["them"].interruptions, found["them"].interrupted) == (1, 1, 0)
    assert (found["me"].overlaps, found["me"].interrupted, found["me"].overlaps_begun) == (1, 1, 0)


def test_a_word_said_meanwhile_is_an_overlap_and_no_interruption():
    found = persons(gathered(said("u2", "them", 3, 3.8), said("u1", "me", 0, 6)))
    assert (found["them"].overlaps, found["them"].overlaps_begun, found["them"].interruptions) == (1, 1, 0)
    assert found["me"].overlaps == 1
    late = persons(gathered(said("u1", "me", 0, 6), said("u2", "them", 3, 3.8)))
    assert (late["them"].overlaps, late["them"].interruptions) == (1, 0)


def test_which_emotion_follows_which_is_counted_with_its_interval():
    figures = gathered(
        said("u1", "p1", 0, 2), felt("u1", "p1", "anger"), said("u2", "p2", 2.5, 4), felt("u2", "p2", "fear")
    )
    (one,) = figures.figures(5.0).followed
    assert (one.person, one.label, one.next_person, one.next_label) == ("p1", "anger", "p2", "fear")
    assert (one.count, one.of) == (1, 1)
    assert (one.low, one.high) == pytest.approx(wilson(1, 1))


def test_nothing_is_counted_of_what_abstains():
    figures = gathered(
        said("u1", "p1", 0, 2),
        felt("u1", "p1", "anger", abstained=True),
        said("u2", "p2", 2, 4),
        felt("u2", "p2", "fear"),
    )
    assert figures.figures(5.0).followed == ()


def test_two_who_are_one_add_up_and_do_not_answer_themselves():
    figures = gathered(
        said("u1", "v1", 0, 2), felt("u1", "v1", "anger"), said("u2", "v2", 2.5, 4), felt("u2", "v2", "fear")
    )
    figures.observe([Relabel(5.0, "v2", "v1", ("u2",))])
    found = persons(figures)
    assert set(found) == {"v1"}
    assert found["v1"].talk_s == 3.5
    assert figures.figures(5.0).followed == ()


def test_they_are_said_once_a_second_when_they_changed_and_at_the_end():
    figures = gathered(said("u1", "p1", 0, 1))
    assert len(figures.due(1.0)) == 1
    assert figures.due(3.0) == []
    figures.observe([said("u2", "p1", 2, 3)])
    assert figures.due(1.5) == []
    assert len(figures.due(1.5, last=True)) == 1
    assert figures.due(9.0, last=True) == []


UTTERANCES = st.lists(
    st.tuples(st.sampled_from([f"p{i}" for i in range(20)]), st.floats(0, 3), st.floats(0.1, 5)), max_size=60
)


@given(UTTERANCES, st.integers(0, 60))
def test_figures_are_bounded_add_up_and_go_on_from_a_copy(spans, at):
    events, t_s = [], 0.0
    for number, (person, pause_s, length_s) in enumerate(spans):
        t_s += pause_s
        events.append(said(f"u{number}", person, t_s, t_s + length_s))
        t_s += length_s / 2
    whole = gathered(*events)
    copied = copy.deepcopy(gathered(*events[:at]))
    copied.observe(events[at:])
    found = whole.figures(t_s + 10)
    assert copied.figures(t_s + 10) == found
    assert len(found.persons) <= MOST_PERSONS
    assert sum(talk.share for talk in found.persons) <= 1 + 1e-9
    assert 0 <= found.silence <= 1
    assert all(
        talk.longest_turn_s <= t_s + 10 and talk.interruptions <= talk.overlaps for talk in found.persons
    )


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_holds_its_share(count, of):
    count = min(count, of)
    low, high = wilson(count, of)
    assert 0 <= low <= count / of + 1e-9 <= high + 2e-9 <= 1 + 3e-9
