"""Docs/adr/0007-vocabulary.md: what it defines is there, and retired words do not come back."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = ROOT / "docs" / "adr" / "0007-vocabulary.md"
PACKAGES: Final = ("core", "realtime", "train", "benchmarks")
FILES: Final = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PAGES: Final = sorted((ROOT / "realtime" / "web").glob("*.js"))

RETIRED_MODULES: Final = frozenset(
    [
        "admission",
        "answers",
        "card",
        "catalogue",
        "clock_line",
        "collecting",
        "conflict",
        "deafen",
        "endings",
        "envelope",
        "fault_limit",
        "faults_judge",
        "faults_world",
        "following",
        "giving",
        "heap",
        "hiding",
        "instruments",
        "judging",
        "jumps",
        "knowledge",
        "lanes",
        "load_ladder",
        "look",
        "looping",
        "meanwhile",
        "missing",
        "moments",
        "orders",
        "pairing",
        "place",
        "placement",
        "plate",
        "presence",
        "questions",
        "ready",
        "reenact",
        "restarts",
        "roll_call",
        "run_head",
        "seam",
        "shipped",
        "shown",
        "sight",
        "single",
        "situation",
        "start",
        "strict",
        "tally",
        "tape_codec",
        "traces",
        "trial",
        "turns",
        "two_sizes",
        "voices",
        "wanted",
        "wishes",
    ]
)
RETIRED_CLASSES: Final = frozenset(
    [
        "Desk",
        "Dialogue",
        "Ear",
        "Effort",
        "House",
        "Insight",
        "Judged",
        "Keeper",
        "Knowledge",
        "Line",
        "Meanwhile",
        "OrderDesk",
        "Places",
        "Port",
        "Question",
        "Ready",
        "Said",
        "Story",
        "Surroundings",
        "Talker",
        "Told",
    ]
)
RETIRED_NAMES: Final = frozenset(
    [
        "blind",
        "conclude",
        "deafen",
        "equal_peers",
        "judged",
        "knowledge_of",
        "make_ready",
        "order_desk",
        "read_inputs",
        "settle_words",
        "take_in",
    ]
)


def _defined() -> list[str]:
    return re.findall(r"\| `([\w./]+)` \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)


def _names(path: Path) -> set[str]:
    """What a module defines at its top."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("where", _defined())
def test_every_word_is_defined_where_the_table_says(where):
    if "/" in where:
        assert (ROOT / where).is_file()
        return
    module, _, name = where.rpartition(".")
    assert name in _names(ROOT.joinpath(*module.split(".")).with_suffix(".py"))


def test_the_words_are_in_order_and_each_is_there_once():
    words = re.findall(r"^\| ([^|]+) \| .* \| `", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(words) > 50
    assert len(set(words)) == len(words)


def test_no_module_has_a_retired_name():
    found = [path for path in (*FILES, *PAGES) if path.stem in RETIRED_MODULES]
    assert not found, found


def test_no_class_or_function_has_a_retired_name():
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (isinstance(node, ast.ClassDef) and node.name.lstrip("_") in RETIRED_CLASSES) or (
                isinstance(node, ast.FunctionDef) and node.name.lstrip("_") in RETIRED_NAMES
            ):
                found.append(f"{path}: {node.name}")
    assert not found, found


def test_a_peer_is_the_network_of_a_modality_and_no_competitor():
    names = [path.stem for path in FILES if path.is_relative_to(ROOT / "benchmarks")]
    assert not [name for name in names if "peer" in name]
