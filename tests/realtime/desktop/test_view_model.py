"""What is shown follows from the events, and from nothing else."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, End, Marker, Status
from core.labels import EMOTIONS
from realtime.desktop.view_model import MAX_PERSONS, ViewModel, person_title
from realtime.sources.device_items import REASONS
from tests.realtime.desktop.fake_engine import estimate, hello


def view_model(*events, labels: int = 3) -> ViewModel:
    found = ViewModel(labels)
    found.apply(hello(capturing=True))
    for event in events:
        found.apply(event)
    return found


def with_values(estimate: EmotionEstimate, **values: float) -> EmotionEstimate:
    every = {label: values.get(label, 0.1) for label in EMOTIONS}
    active = tuple(label for label in EMOTIONS if every[label] >= 0.4)
    return dataclasses.replace(estimate, probabilities=every, active=active)


def status(code: str, **fields) -> Status:
    return Status(1.0, code, "info", "", **fields)


def test_i_come_first_and_who_is_unknown_last() -> None:
    found = view_model(*(estimate(person, 4, face=True) for person in ("unknown", "p1", "them", "me")))
    assert [row.person for row in found.rows()] == ["me", "p1", "them", "unknown"]
    assert [row.title for row in found.rows()] == ["Me", "Person 1", "Them", "Somebody"]
    assert person_title("me+p2") == "Person 2, beside me"


def test_the_top_labels_come_with_figures_thresholds_and_whether_they_are_present() -> None:
    found = view_model(with_values(estimate("me", 4, face=True), happiness=0.62, surprise=0.41, fear=0.2))
    bars = found.rows()[0].bars
    assert [(bar.label, bar.percent, bar.present) for bar in bars] == [
        ("happiness", 62, True),
        ("surprise", 41, True),
        ("fear", 20, False),
    ]
    assert {bar.threshold for bar in bars} == {40}


def test_a_label_takes_anothers_place_when_its_figure_is_higher_and_not_when_it_is_equal() -> None:
    first = with_values(estimate("me", 4, face=True), happiness=0.50, surprise=0.48)
    equal = with_values(estimate("me", 5, face=True), happiness=0.480, surprise=0.484)
    ahead = with_values(estimate("me", 6, face=True), happiness=0.48, surprise=0.49)
    found = view_model(first)
    for event, leader in ((first, "happiness"), (equal, "happiness"), (ahead, "surprise")):
        found.apply(event)
        assert found.rows()[0].bars[0].label == leader


@given(st.lists(st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0.0, 1.0)), min_size=1, max_size=6))
def test_no_figure_stands_above_a_higher_one(probabilities: list[dict[str, float]]) -> None:
    found = view_model()
    for number, values in enumerate(probabilities):
        found.apply(with_values(estimate("me", 4 + number, face=True), **values))
        percents = [bar.percent for bar in found.rows()[0].bars]
        assert percents == sorted(percents, reverse=True)


def test_what_is_missing_comes_with_its_reason_and_abstaining_is_no_finding() -> None:
    row = view_model(estimate("them", 4, face=False, abstained=True)).rows()[0]
    assert row.used == ("words", "voice")
    assert row.missing == (("face", "no face was seen"),)
    assert row.abstains
    assert not any(bar.present for bar in row.bars)


def test_who_is_not_heard_any_more_is_of_the_past_and_who_left_is_gone() -> None:
    found = view_model(estimate("them", 4, face=True), estimate("me", 40, face=True))
    assert [(row.person, row.past_s) for row in found.rows()] == [("me", 0), ("them", 9)]
    found.apply(status("person_left", person="them"))
    assert [row.person for row in found.rows()] == ["me"]


def test_a_final_estimate_of_earlier_does_not_replace_the_present() -> None:
    now = estimate("me", 40, face=True)
    found = view_model(now, dataclasses.replace(estimate("me", 20, face=False), final=True))
    assert found.rows()[0].used == ("words", "voice", "face")


def test_muted_is_what_every_stream_of_a_kind_is() -> None:
    found = view_model(status("modality_missing", stream="me", value="muted"))
    assert found.muted == frozenset()  # the loudspeaker is still heard
    found.apply(status("modality_missing", stream="them", value="muted"))
    assert found.muted == {"audio"}
    found.apply(status("modality_back", stream="me"))
    assert found.muted == frozenset()
    found.apply(status("modality_missing", stream="camera", value="dark"))
    assert found.muted == frozenset()
    assert (found.devices("audio"), found.devices("visual")) == (("microphone", "loudspeaker"), ("camera",))


def test_only_devices_that_are_open_are_named_as_in_use() -> None:
    found = view_model(status("modality_missing", stream="camera", value="unplugged"))
    assert (found.devices("visual"), found.closed_devices) == ((), ("camera",))
    for reason in ("starting", "busy", "permission", "unreachable", "suspended", "failed", "changed"):
        found.apply(status("modality_missing", stream="me", value=reason))
        assert (found.devices("audio"), found.closed_devices) == (("loudspeaker",), ("microphone", "camera"))
    for reason in ("no_data", "all_zero", "frozen", "dark"):  # open, though nothing useful comes
        found.apply(status("modality_missing", stream="me", value=reason))
        assert (found.devices("audio"), found.closed_devices) == (("microphone", "loudspeaker"), ("camera",))
    found.apply(status("modality_back", stream="camera"))
    assert (found.devices("visual"), found.closed_devices) == (("camera",), ())
    assert set(REASONS) - {"unplugged", "overflow"} == {
        *("starting", "busy", "permission", "unreachable", "suspended", "failed", "changed"),
        *("no_data", "all_zero", "frozen", "dark"),
    }


def test_the_sign_of_capturing_ends_with_the_status_and_with_the_run() -> None:
    found = view_model()
    assert found.capturing
    found.apply(status("capture", value="off"))
    assert not found.capturing
    found = view_model(End(2.0, "finished", 0, 0, 0))
    assert not found.capturing


def test_after_a_withdrawal_nobody_is_shown() -> None:
    found = view_model(estimate("me", 4, face=True), status("consent", value="withdrawn"))
    assert found.rows() == ()
    assert found.withdrawn


def test_load_step_latency_and_marks_are_kept() -> None:
    found = view_model(
        estimate("me", 4, face=True),
        status("load_step", value="fewer_faces"),
        Marker(1.0, ""),
        Marker(1.0, ""),
    )
    assert (found.load_step, found.latency_ms, found.marks) == ("fewer_faces", 420, 2)


def test_another_run_begins_from_nothing() -> None:
    found = view_model(estimate("me", 4, face=True), Marker(1.0, ""))
    found.apply(hello(capturing=False))
    assert (found.rows(), found.marks, found.capturing) == ((), 0, False)


def test_there_is_room_for_so_many_and_the_others_are_counted() -> None:
    found = view_model(*(estimate(f"p{i}", 4, face=True) for i in range(1, 8)))
    assert len(found.rows()) == MAX_PERSONS
    assert found.others == 7 - MAX_PERSONS


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=7, max_size=7), min_size=1, max_size=12), st.integers(1, 7)
)
def test_whatever_comes_the_rows_hold_each_label_once_and_none_that_is_far_behind_comes_first(
    series: list[list[float]], labels: int
) -> None:
    found = view_model(labels=labels)
    for number, values in enumerate(series):
        event = estimate("me", number, face=True)
        found.apply(
            dataclasses.replace(event, probabilities=dict(zip(EMOTIONS, values, strict=True)), active=())
        )
    bars = found.rows()[0].bars
    assert len({bar.label for bar in bars}) == labels
    assert all(ahead.percent >= behind.percent - 6 for ahead, behind in itertools.pairwise(bars))
