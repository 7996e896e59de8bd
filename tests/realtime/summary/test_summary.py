"""The summary: what it says of a run, and what it never leaves out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, Status, Transcript, Utterance
from core.labels import EMOTIONS
from realtime.summary.gathering import MAX_OPEN, Gathering
from realtime.summary.summary import MAX_PEOPLE, summarise
from realtime.summary.wording import ADJECTIVES, clock, length, natural, spoken_name, sureness

WEB = Path(__file__).resolve().parents[3] / "realtime" / "web"


def summary_of(events, **options):
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return summarise(gathering, **options)


def lines(summary, title):
    return next((section.lines for section in summary.sections if section.title == title), ())


def final_of(conversation):
    return next(e for e in conversation if isinstance(e, EmotionEstimate) and e.final)


def said(conversation, number, person, t0_s, *, label="anger", probability=0.8, text="Words.", **changes):
    name = f"x{number}"
    base = final_of(conversation)
    values = dict.fromkeys(base.probabilities, 0.05) | {label: probability}
    estimate = replace(
        base, id=name, utterance=name, person=person, probabilities=values, active=(label,), abstained=False,
        confidence=probability, t0_s=t0_s, t1_s=t0_s + 2,
    )  # fmt: skip
    return [
        Utterance(name, person, t0_s, t0_s + 2, "pause", True),
        Transcript(name, person, t0_s, t0_s + 2, text, (), "", "en", 0, True),
        replace(estimate, **changes),
    ]


def test_it_says_who_spoke_for_how_long_and_who_was_only_seen(conversation):
    events = [conversation[0], *said(conversation, 1, "p2", 0), *said(conversation, 2, "p2", 3)]
    events += said(conversation, 3, "p10", 6)
    rolling = next(e for e in conversation if isinstance(e, EmotionEstimate) and e.utterance is None)
    found = summary_of([*events, replace(rolling, person="p1")])
    assert lines(found, "Who spoke") == (
        "Person 2: 4 s, 67% of all speech, 2 utterances",
        "Person 10: 2 s, 33% of all speech, 1 utterance",
        "Seen, not heard: Person 1",
    )


def test_the_strongest_moments_stand_in_order_with_words_time_and_certainty(conversation):
    events = [conversation[0]]
    for number in range(8):
        events += said(conversation, number, "p1", 10.0 * number, probability=0.5 + 0.05 * number)
    shown = lines(summary_of(events), "Strongest moments")
    assert len(shown) == 5
    assert shown[0].startswith("0:30 Person 1, angry 65%, fairly sure: “Words.”")
    assert [line.split()[0] for line in shown] == ["0:30", "0:40", "0:50", "1:00", "1:10"]


def test_neutral_is_no_moment(conversation):
    events = [conversation[0], *said(conversation, 1, "p1", 0, label="neutral")]
    assert lines(summary_of(events), "Strongest moments") == ("None stood out.",)


def test_it_says_where_the_modalities_disagree(conversation):
    peers = {"text": {"anger": 0.1}, "audio": {"anger": 0.9}}
    events = [conversation[0], *said(conversation, 1, "p1", 5, peers=peers)]
    found = lines(summary_of(events), "Where words, voice and face disagree")
    assert found == ("0:05 Person 1: voice says anger, words do not: “Words.”",)


def test_too_little_evidence_is_counted_with_its_reasons_and_is_no_finding(conversation):
    thin = {"abstained": True, "missing": {"visual": "no face"}}
    events = [conversation[0], *said(conversation, 1, "p1", 0, **thin), *said(conversation, 2, "p1", 5)]
    found = summary_of(events)
    assert lines(found, "Too little evidence") == (
        "Person 1: 1 of 2 utterances; without face 1 times (no face)",
    )
    assert lines(found, "What was expressed") == (
        "Person 1, speaking: angry 50% of the time (sure); too little evidence 50%",
    )


def test_of_many_people_twelve_are_shown_and_the_rest_is_named(conversation):
    events = [conversation[0]]
    for number in range(1, 16):
        events += said(conversation, number, f"p{number}", 3.0 * number)
    found = lines(summary_of(events), "Who spoke")
    assert len(found) == MAX_PEOPLE + 1
    assert found[-1] == "and 3 more: Person 13, Person 14, Person 15"


def test_after_a_withdrawal_it_holds_nothing_of_the_run(conversation):
    withdrawn = Status(12.0, "consent", "warning", "withdrawn", value="withdrawn")
    found = summary_of([*conversation[:-1], withdrawn])
    assert "cold" not in json.dumps(found.as_json())
    assert found.as_json()["people"] == []


def test_before_a_run_there_is_none():
    assert summarise(Gathering()) is None


def test_it_says_what_to_do_next(conversation):
    assert "emotrack report runs/x" in lines(summary_of(conversation, folder="runs/x"), "What next")[0]
    assert "--out" in lines(summary_of(conversation), "What next")[0]


def test_text_markdown_and_values_say_the_same(conversation):
    found = summary_of(conversation)
    values = found.as_json()
    told = [line for section in values["sections"] for line in section["lines"]]
    plain = [line.strip() for line in found.as_lines()]
    assert all(line in plain for line in told)
    markdown = found.as_markdown().replace("\\", "")
    assert all(line in markdown for line in told)
    assert json.loads(json.dumps(values)) == values


def test_words_are_never_markup(conversation):
    events = [conversation[0], *said(conversation, 1, "p1", 0, text="# not *a* <b>heading</b> [x](y)")]
    markdown = summary_of(events).as_markdown()
    assert not re.search(r"(?<!\\)[<*\[]", markdown)


def test_a_long_run_is_the_sum_of_its_parts_in_bounded_memory(conversation):
    gathering = Gathering()
    gathering.add(conversation[0])
    count = 3 * MAX_OPEN
    for number in range(count):
        for event in said(conversation, number, "p1", 3.0 * number):
            gathering.add(event)
    assert len(gathering.open) <= MAX_OPEN
    found = summarise(gathering).as_json()
    assert found["people"][0]["utterances"] == count
    assert found["people"][0]["spoken_s"] == 2.0 * count


def test_to_summarise_changes_nothing(conversation):
    gathering = Gathering()
    for event in conversation:
        gathering.add(event)
    assert summarise(gathering) == summarise(gathering)


@given(st.lists(st.sampled_from(["p1", "p2", "p3"]), min_size=1, max_size=12))
def test_talk_shares_are_those_of_the_speech(people):
    from tests.conftest import _body, _hello

    base = [_hello(), *_body(4.0)]
    events = [base[0]]
    for number, person in enumerate(people):
        events += said(base, number, person, 3.0 * number)
    found = summary_of(events).as_json()["people"]
    assert {p["person"]: p["spoken_s"] for p in found} == {p: 2.0 * people.count(p) for p in set(people)}


@pytest.mark.parametrize(
    ("person", "name"),
    [("p7", "Person 7"), ("me", "Me"), ("them", "Them"), ("unknown", "Somebody"), ("Eva", "Eva")],
)
def test_people_without_a_name_are_called_by_number(person, name):
    assert spoken_name(person) == name


def test_numbers_in_names_sort_as_numbers():
    assert sorted(["Person 10", "person 3", "Person 2"], key=natural) == ["Person 2", "person 3", "Person 10"]


def test_times_are_whole_seconds():
    assert [clock(7.9), clock(61), clock(3723)] == ["0:07", "1:01", "1:02:03"]
    assert [length(59.2), length(61), length(3723)] == ["59 s", "1 min 01 s", "1 h 02 min"]


def test_page_and_program_use_the_same_words():
    script = (WEB / "words.js").read_text(encoding="utf-8")
    pairs = dict(re.findall(r"^  (\w+): \"(\w+)\",$", script, re.MULTILINE))
    assert pairs == ADJECTIVES
    assert set(ADJECTIVES) == set(EMOTIONS)
    sure, fairly = (
        float(re.search(rf"{name} = ([\d.]+);", script)[1]) for name in ("\nconst SURE", "FAIRLY_SURE")
    )
    assert [sureness(sure), sureness(sure - 0.01), sureness(fairly), sureness(fairly - 0.01)] == [
        "sure", "fairly sure", "fairly sure", "unsure",
    ]  # fmt: skip
