"""The tools beside the tests: fuzzing, the audit, the table of reliability, the hashes."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from tests import audit, reliability
from tests.fuzz.run import mutated
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_some_mutations_of_them_break_no_target(name):
    target, seeds = TARGETS[name]
    rng = random.Random(name)
    for seed in seeds:
        target(seed)
        for _ in range(10):
            target(mutated(seed, rng))


def test_the_document_of_reliability_is_the_table_and_every_test_in_it_is_there():
    assert len(reliability.ROWS) == 46
    assert all(reliability.nodes_of(row) for row in reliability.ROWS)
    assert reliability.DOCUMENT.read_text(encoding="utf-8") == reliability.document(), (
        "reliability.py --write"
    )


def test_a_test_that_is_not_there_is_named():
    row = reliability.Row("x", {"contracts/test_tools.py": "nothing_of_the_kind"})
    with pytest.raises(LookupError, match=r"test_tools\.py has no test_nothing_of_the_kind"):
        reliability.nodes_of(row)


def test_holes_are_told_and_an_absent_report_is_not_taken_for_none():
    hole = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    report = {
        "dependencies": [{"name": "a", "version": "1.0", "vulns": [hole]}, {"name": "b", "version": "1"}]
    }
    assert audit.holes_in(json.dumps(report)) == ["a 1.0: PYSEC-1, fixed in ['2.0']"]
    assert audit.holes_in("") is None


def test_every_pinned_version_has_a_hash_but_that_of_torch():
    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        found = (re.match(r"([\w.-]+)==([^ ;]+)(.*)", line) for line in lines)
        return {re.sub(r"[-_.]+", "-", m[1]).lower(): m[2] for m in found if m}

    wanted = pins("constraints.txt")
    del wanted["torch"]
    assert pins("hashes.txt") == wanted
    hashes = (ROOT / "hashes.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", hashes)) >= len(wanted)
