"""How steady estimates are on natural talk: what a run's `events.jsonl` says, without any label.

A face that talks calmly shows what goes wrong: how often the top label changes, and how often it is something
that nobody would see.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from core.errors import SourceError

EVENTS: Final = "events.jsonl"


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What was found.

    Attributes:
        estimates: rolling estimates.
        minutes: of stream time between the first and last estimate of each stretch of a person, added up.
        changes_per_minute: changes of the most probable label.
        active_changes_per_minute: labels that became active or ceased to be.
        top: label -> share of the estimates whose most probable label it is.
        active: label -> share of the estimates in which it is active.
        abstained: share of the estimates that abstain.
    """

    estimates: int
    minutes: float
    changes_per_minute: float
    active_changes_per_minute: float
    top: dict[str, float]
    active: dict[str, float]
    abstained: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def steadiness_of(paths: Sequence[Path]) -> Steadiness:
    """Count over the rolling estimates of several runs.

    Args:
        paths: files of events, or run folders that hold `events.jsonl`.

    Raises:
        SourceError: a file cannot be read, is none of events, or none holds a rolling estimate.
    """
    courses = [course for path in paths for course in _courses(path)]
    rows = [row for course in courses for row in course]
    if not rows:
        raise SourceError("hold no rolling estimate.", where=", ".join(map(str, paths)))
    seconds = sum(course[-1]["t1_s"] - course[0]["t1_s"] for course in courses)
    minutes = max(seconds / 60.0, 1e-9)
    steps = [pair for course in courses for pair in pairwise(course)]
    changes = sum(_top(a) != _top(b) for a, b in steps)
    switched = sum(len(set(a["active"]) ^ set(b["active"])) for a, b in steps)
    return Steadiness(
        estimates=len(rows),
        minutes=round(seconds / 60.0, 3),
        changes_per_minute=round(changes / minutes, 2),
        active_changes_per_minute=round(switched / minutes, 2),
        top=_shares(Counter(_top(row) for row in rows), len(rows)),
        active=_shares(Counter(label for row in rows for label in row["active"]), len(rows)),
        abstained=round(sum(row["abstained"] for row in rows) / len(rows), 4),
    )


def _courses(path: Path) -> list[list[Mapping[str, Any]]]:
    """The rolling estimates of each person of a run, in order."""
    file = path / EVENTS if path.is_dir() else path
    persons: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    try:
        with file.open(encoding="utf-8") as lines:
            for row in _estimates(lines):
                persons[row["person"]].append(row)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"is no file of events ({error}).", where=str(file)) from error
    return list(persons.values())


def _estimates(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        row = json.loads(line)
        if row.get("type") == "estimate" and not row["final"]:
            yield row


def _top(row: Mapping[str, Any]) -> str:
    probabilities: Mapping[str, float] = row["probabilities"]
    return max(probabilities, key=lambda label: probabilities[label])


def _shares(counts: Counter[str], total: int) -> dict[str, float]:
    return {label: round(count / total, 4) for label, count in counts.most_common()}
