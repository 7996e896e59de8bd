"""Steadiness is counted per person over rolling estimates only."""

from __future__ import annotations

import json

import pytest

from core.errors import SourceError
from train.evaluation.steadiness import steadiness_of


def estimate(person: str, t1_s: float, top: str, *, active=(), abstained=False, final=False) -> dict:
    probabilities = {"anger": 0.1, "neutral": 0.1} | {top: 0.6}
    return {
        "type": "estimate",
        "person": person,
        "t1_s": t1_s,
        "probabilities": probabilities,
        "active": list(active),
        "abstained": abstained,
        "final": final,
    }


def write(path, rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_changes_are_counted_within_a_person_and_by_the_minute(tmp_path):
    rows = [
        {"type": "status", "message": "hello"},
        estimate("p1", 0.0, "neutral"),
        estimate("p2", 0.0, "anger", active=("anger",)),
        estimate("p1", 15.0, "anger", active=("anger",)),
        estimate("p2", 30.0, "anger", abstained=True),
        estimate("p1", 20.0, "neutral", final=True),
        estimate("p1", 30.0, "neutral"),
    ]
    write(tmp_path / "events.jsonl", rows)
    found = steadiness_of([tmp_path])
    assert (found.estimates, found.minutes) == (5, 1.0)
    assert found.changes_per_minute == 2.0
    assert found.active_changes_per_minute == 3.0
    assert found.top == {"anger": 0.6, "neutral": 0.4}
    assert found.active == {"anger": 0.4}
    assert found.abstained == 0.2


def test_several_runs_are_added_up(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, [estimate("p1", 0.0, "neutral"), estimate("p1", 60.0, "anger")])
    found = steadiness_of([tmp_path / "a", tmp_path / "b"])
    assert (found.minutes, found.changes_per_minute, found.estimates) == (2.0, 1.0, 4)


def test_a_file_that_holds_no_estimate_is_told(tmp_path):
    write(tmp_path / "events.jsonl", [{"type": "status"}])
    with pytest.raises(SourceError, match="no rolling estimate"):
        steadiness_of([tmp_path])
    with pytest.raises(SourceError, match="no file of events"):
        steadiness_of([tmp_path / "nothing"])
