"""docs/privacy.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from core.errors import ConsentError
from core.labels import Purpose
from core.policy import policy_of
from realtime.consent.ledger import FILE_NAME, Decision, Entry, Means

TEXT = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_the_purposes_are_in_the_right_rows():
    rows = {name: row for row in re.findall(r"^\| .* \|$", TEXT, re.MULTILINE) for name in named(row)}
    assert set(rows) == set(get_args(Purpose))
    for purpose in get_args(Purpose):
        assert ("words alone" in rows[purpose]) == bool(policy_of(purpose).withheld)


def named(row: str) -> list[str]:
    return [name for name in get_args(Purpose) if f"`{name}`" in row]


def test_the_example_of_an_entry_is_one_and_its_values_are_those_of_the_program():
    [example] = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)
    entry = Entry(**json.loads(example))
    assert entry.decision in get_args(Decision)
    for value in (*get_args(Decision), *get_args(Means), FILE_NAME):
        assert f"`{value}`" in TEXT
    assert f"exit code is {ConsentError.exit_code}" in TEXT


def test_the_tests_that_it_names_are_there():
    for name in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert (Path(__file__).parents[3] / name).is_file()
