"""Reading a run: whatever was written, and whatever happened to the file."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from core.errors import SourceError
from core.events import Correction, EmotionEstimate, End, Hello, Marker, Transcript
from core.wire import encode
from realtime.report.lines import Lines
from realtime.report.reading import MAX_STATUSES, Report, read_run, told
from realtime.report.wording import ticks
from realtime.sinks.downsampled_series import MAX_BINS
from tests.realtime.report.long_run import long_run


def written(folder, events, *, tail=""):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [encode(event, seq) for seq, event in enumerate(events)]
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n" + tail, encoding="utf-8", newline="\n")
    return folder


def changed(folder, change):
    """The same file with each message changed as a dict; None leaves it out."""
    path = folder / "events.jsonl"
    messages = [change(json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]
    path.write_text("".join(json.dumps(m) + "\n" for m in messages if m is not None), encoding="utf-8")
    return folder


def test_a_whole_run_is_read_without_a_note(tmp_path, conversation):
    report = read_run(written(tmp_path, conversation))
    assert report.notes == []
    assert list(report.people) == ["p1", "p2"]
    assert [speech.person for speech in report.speech.values()] == ["p1", "p2", "p1"]
    assert all(speech.text.endswith("tonight.") and not speech.pending for speech in report.speech.values())
    assert report.people["p1"].finals.count + report.people["p2"].finals.count == 3
    assert report.people["p1"].rolling.count == 48
    assert report.people["p1"].rolling.total == pytest.approx(12.0)
    assert (report.end_s, report.end.reason, len(report.marks)) == (12.0, "finished", 1)
    assert report.speech["u1"].corrections == report.corrections
    assert report.delays.finals["final"][0] == pytest.approx(0.05)


def test_an_abstaining_estimate_is_no_finding(tmp_path, conversation):
    thin = [replace(e, abstained=True) if isinstance(e, EmotionEstimate) else e for e in conversation]
    report = read_run(written(tmp_path, thin))
    for person in report.people.values():
        assert person.rolling.abstained == person.rolling.total > 0
        assert not person.rolling.together.any()
    assert all(speech.verdict.abstained and not speech.verdict.labels for speech in report.speech.values())


def test_a_hole_is_nobody_s_time(hello, conversation):
    estimates = [
        e for e in conversation if isinstance(e, EmotionEstimate) and not e.final and e.person == "p1"
    ]
    late = [replace(e, t0_s=e.t0_s + 100, t1_s=e.t1_s + 100) for e in estimates]
    report = told(Report("run", hello), ((e, frozenset()) for e in [*estimates, *late]))
    person = report.people["p1"]
    assert person.rolling.total == pytest.approx(24.0)
    series = person.series(MAX_BINS)
    assert series.filled.sum() * series.step_s == pytest.approx(24.0)


def test_what_was_missing_is_told_with_its_reason_and_its_time(tmp_path, conversation):
    report = read_run(written(tmp_path, conversation))
    found = report.people["p2"].absences.found
    absence = found["text", "no words"]
    assert absence.total_s == pytest.approx(48 * 0.25 - 10 * 0.25)
    assert absence.first == [(0.0, 4.25), (6.75, 12.0)]
    assert absence.stretches == 2


# --- damage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 40, -2])
def test_a_last_line_that_is_cut_off_is_left_out_and_said(tmp_path, conversation, cut):
    *whole, last = conversation
    written(tmp_path, whole, tail=encode(last, len(whole))[:cut])
    report = read_run(tmp_path)
    assert report.end is None
    assert any("cut off" in note for note in report.notes)
    assert any("not ended in order" in note for note in report.notes)
    assert list(report.people) == ["p1", "p2"]


def test_lines_that_are_no_events_are_left_out_and_counted(tmp_path, conversation):
    written(tmp_path, conversation, tail="\x00\x00\nnot json\n[1]\n{}\n")
    assert any("4 lines" in note for note in read_run(tmp_path).notes)


def test_a_newer_minor_version_is_read_as_far_as_it_is_known(tmp_path, conversation):
    written(
        tmp_path, [replace(conversation[0], protocol="1.7"), *conversation[1:]], tail='{"type":"smell"}\n'
    )
    changed(tmp_path, lambda message: {**message, "brand_new": 1})
    report = read_run(tmp_path)
    assert report.people["p1"].rolling.count == 48
    [note] = report.notes
    assert "1.7" in note
    assert note.endswith("left out: 1.")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("hello", "thresholds"), ("hello", "model"), ("hello", "purpose"), ("hello", "hop_s"),
        ("estimate", "stages"), ("estimate", "peers"), ("estimate", "missing"), ("estimate", "modalities"),
        ("estimate", "abstained"), ("transcript", "words"), ("status", "level"), ("end", "reason"),
    ],
)  # fmt: skip
def test_an_older_run_without_a_field_still_gives_a_report_that_says_so(tmp_path, conversation, kind, field):
    written(tmp_path, conversation)
    changed(
        tmp_path,
        lambda m: {k: v for k, v in m.items() if k != field} if m["type"] == kind else m,
    )
    report = read_run(tmp_path)
    assert report.people["p1"].rolling.count == 48
    assert any(f"{kind}.{field}" in note for note in report.notes) == (field not in {"purpose"})
    if field == "stages":
        assert not report.delays.finals
    if field == "modalities":
        assert not report.people["p1"].absences.found


# --- errors ------------------------------------------------------------------------------------------


def nothing(folder):
    return folder / "nowhere"


def a_file(folder):
    path = folder / "run.txt"
    path.write_text("x")
    return path


def no_run(folder):
    return folder


def a_recording(folder):
    (folder / "inputs.mcap").write_bytes(b"")
    return folder


def runs_inside(folder):
    written(folder / "1f0c", [])
    return folder


def empty(folder):
    (folder / "events.jsonl").write_bytes(b"")
    return folder


def cut_off_at_once(folder):
    (folder / "events.jsonl").write_bytes(b'{"type":"hello","se')
    return folder


def without_beginning(folder):
    return written(folder, [Marker(1.0, "x")])


def from_the_future(folder):
    (folder / "events.jsonl").write_text('{"type":"hello","seq":0,"protocol":"2.0","all":"else"}\n')
    return folder


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nothing, "does not exist"),
        (a_file, "is no folder"),
        (no_run, "there is no events.jsonl"),
        (a_recording, "emotrack replay"),
        (runs_inside, "folders of runs: 1f0c"),
        (empty, "is empty: the run never began"),
        (cut_off_at_once, "holds no event that is whole"),
        (without_beginning, "does not begin with the first message"),
        (from_the_future, "version 2.0 of the protocol"),
    ],
)
def test_what_is_no_run_is_said_in_a_sentence(tmp_path, made, said):
    with pytest.raises(SourceError, match=said) as caught:
        read_run(made(tmp_path))
    assert caught.value.exit_code == 4
    assert str(tmp_path) in str(caught.value)


# --- hours -------------------------------------------------------------------------------------------


def test_lines_are_read_one_by_one(tmp_path, conversation):
    written(tmp_path, conversation, tail="not json\n")
    lines = Lines(tmp_path / "events.jsonl")
    events = iter(lines)
    assert isinstance(next(events)[0], Hello)
    assert lines.damaged == 0
    assert len(list(events)) == len(conversation) - 1
    assert lines.damaged == 1


def test_a_longer_run_needs_no_more_room_for_its_curves(hello):
    report = Report("run", hello)
    told(report, ((event, frozenset()) for event in long_run(3600.0, 1)))
    person = report.people["p1"]
    assert person.rolling.count == 14_400
    assert len(person.curves.counts) <= MAX_BINS
    assert person.curves.counts.sum() == 14_400
    assert len(person.absences.found) <= 2
    assert all(len(absence.first) <= 6 for absence in person.absences.found.values())
    assert person.series(MAX_BINS).mean.mean(axis=0) == pytest.approx(
        [0.5, 0.12, 0.14, 0.5, 0.18, 0.2, 0.5], abs=0.01
    )
    assert np.all(person.series(MAX_BINS).high[:, 0] >= person.series(MAX_BINS).low[:, 0])


def test_notices_without_end_are_counted_not_kept(hello, conversation):
    [gap] = [e for e in conversation if getattr(e, "code", "") == "gap"]
    report = told(Report("run", hello), ((gap, frozenset()) for _ in range(2000)))
    assert report.status_counts["gap"] == 2000
    assert len(report.statuses) == MAX_STATUSES


def test_words_that_never_became_final_are_kept_as_such(tmp_path, hello):
    heard = Transcript("u1", "p1", 0.0, 1.0, "I am", (), "not sure", "en", 0, final=False)
    report = read_run(
        written(tmp_path, [hello, heard, Correction(2.0, "p1/1", "p1", None), End(2.0, "failed", 0, 0, 0)])
    )
    assert (report.speech["u1"].text, report.speech["u1"].pending) == ("I am", "not sure")
    assert report.corrections[0].labels is None


@pytest.mark.parametrize("t_s", ["1e9", "1e300", "-5", "1e999"])
def test_a_line_with_a_time_that_no_run_reaches_is_left_out_and_counted(t_s, tmp_path, conversation):
    lines = [encode(event, seq) for seq, event in enumerate(conversation)]
    lines.insert(-1, f'{{"type":"marker","seq":1,"t_s":{t_s},"label":"x"}}')
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = read_run(tmp_path)
    assert report.end_s < 1000
    assert [mark.t_s for mark in report.marks] == [7.0]
    assert any("Left out: 1 line of the file" in note for note in report.notes)


@pytest.mark.parametrize("end_s", [0.5, 100.0, 1e5, 366 * 86_400.0, 1e9])
@pytest.mark.parametrize("most", [6, 12])
def test_an_axis_has_a_bounded_number_of_times_at_equal_distances(end_s, most):
    places = ticks(end_s, most)
    assert 1 <= len(places) <= most + 1
    assert places[0] == 0.0
    assert len({b - a for a, b in itertools.pairwise(places)}) <= 1
