"""The report's numbers as one value, without a word of what was said."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from realtime.report.delays import spread
from realtime.report.head import everybody
from realtime.report.person import Person
from realtime.report.reading import Report
from realtime.report.shares import Shares


def figures(report: Report) -> dict[str, Any]:
    """What `emotrack report --json` prints.

    Shares lie in [0, 1], rounded to 4 decimals; times end in `_s` and are seconds. `divided` sums to 1 with
    `no_label` and `not_enough_evidence`; `present` may not.
    """
    hello = report.hello
    people = {name: _person(person) for name, person in report.people.items()}
    return {
        "run": report.run,
        "source": hello.source,
        "started_at": hello.started_at,
        "purpose": hello.purpose,
        "withheld": sorted(hello.withheld),
        "model": hello.model.name,
        "spec_sha256": hello.model.spec_sha256,
        "version": hello.version,
        "end_s": round(report.end_s, 3),
        "ended": report.end.reason if report.end else None,
        "people": people,
        "heard_only": [name for name in everybody(report) if name not in people],
        "utterances": len(report.speech),
        "delays": _delays(report),
        "statuses": dict(sorted(report.status_counts.items())),
        "marks": len(report.marks),
        "corrections": len(report.corrections),
        "faults": len(report.end.faults) if report.end else 0,
        "notes": report.notes,
    }


def _person(person: Person) -> dict[str, Any]:
    missing: dict[str, dict[str, dict[str, float | int]]] = {}
    for (modality, reason), absence in sorted(person.absences.found.items()):
        told = {"total_s": round(absence.total_s, 3), "stretches": absence.stretches}
        missing.setdefault(modality, {})[reason] = told
    return {
        "rolling": _shares(person.rolling, person),
        "finals": _shares(person.finals, person),
        "together": _together(person),
        "missing": missing,
    }


def _shares(shares: Shares, person: Person) -> dict[str, Any]:
    places = list(enumerate(person.labels))
    return {
        "count": shares.count,
        "total": round(shares.total, 3),
        "counts": {label: int(shares.counts[place]) for place, label in places},
        "present": {label: round(shares.share(shares.present[place]), 4) for place, label in places},
        "divided": {label: round(shares.share(shares.split[place]), 4) for place, label in places},
        "no_label": round(shares.share(shares.none), 4),
        "not_enough_evidence": round(shares.share(shares.abstained), 4),
    }


def _together(person: Person) -> dict[str, dict[str, float]]:
    """Label -> other label -> share of the first one's time; only labels that were ever present."""
    found: dict[str, dict[str, float]] = {}
    for label in person.labels:
        for other in person.labels:
            share = person.rolling.given(label, other)
            if share is not None and other != label:
                found.setdefault(label, {})[other] = round(share, 4)
    return found


def _delays(report: Report) -> dict[str, Any]:
    names = {
        "turn": "last_sound_to_turn",
        "words": "last_sound_to_words",
        "tokens": "last_sound_to_tokens",
        "fusion": "last_sound_to_fusion",
        "sending": "last_sound_to_sending",
        "final": "last_sound_to_final",
        "decided": "turn_to_final",
    }
    found = {name: spread(report.delays.finals.get(stage)) for stage, name in names.items()}
    found["input_to_rolling"] = spread(report.delays.rolling)
    told = {name: None if value is None else asdict(value) for name, value in found.items()}
    return {"sent": report.delays.sent, **told}
