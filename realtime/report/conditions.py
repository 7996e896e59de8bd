"""Under which conditions the run was made: what was missing, how long things took, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from core.events import Status
from realtime.report.delays import spread
from realtime.report.markup import Child, node
from realtime.report.person import Absence, Person
from realtime.report.reading import Report
from realtime.report.tables import table
from realtime.report.wording import clock, length, percent, plural

SHOWN: Final = 100
"""Notices in the table; the rest is counted."""

STAGES: Final = {
    "turn": "the turn was seen to be over",
    "words": "its words were recognised",
    "tokens": "what is estimated from was encoded",
    "fusion": "it was fused",
    "sending": "the final estimate was sent",
}
ORDINARY: Final = {
    "person_appeared": "somebody came into view",
    "person_left": "somebody left",
    "scene_change": "the scene changed",
    "clock": "the offset of a clock was measured",
}
"""Codes of which every run has many."""


def missing(report: Report, people: Sequence[Person]) -> Element:
    """Which modalities were missing when, and why."""
    rows = [row for person in people for row in _absences(person)]
    if not rows:
        return node("p", "Nothing was missing from the rolling estimates.", class_="card")
    caption = "Modalities that rolling estimates had to do without"
    made = table(caption, ("who", "missing", "why", "time", "share", "when"), rows, "wordy")
    return node("div", made, class_="card")


def delays(report: Report) -> Element:
    """How long estimates took."""
    found = report.delays
    rows: list[Sequence[Child]] = []
    for stage, said in STAGES.items():
        rows += _delay(f"last sound → {said}", found.finals.get(stage))
    rows += _delay("turn over → final estimate", found.finals.get("decided"))
    rows += _delay("newest input → rolling estimate", found.rolling)
    if not rows:
        return node("p", "No estimate says how long it took.", class_="card")
    made = table("Delays in seconds of the run", ("from → to", "number", "middle", "95 of 100 below"), rows)
    note = (
        "The last sound is the end of an utterance; that it was the last takes a pause to see."
        if found.sent
        else "Nothing was sent while time went on: in a replay time waits for the work, so these say in "
        "which order things are done, not how fast this machine is."
    )
    return node("div", made, node("p", note, class_="quiet"), class_="card stack")


def happenings(report: Report) -> Element:
    """Load steps, holes, faults, devices: what was said of the run itself."""
    told = [status for status in report.statuses if status.code not in ORDINARY]
    parts: list[Element] = []
    if told:
        rows = [
            (clock(s.t_s), _level(s), s.code.replace("_", " "), _sentence(s), _whom(s)) for s in told[:SHOWN]
        ]
        caption = "What was said of the run itself"
        parts.append(table(caption, ("time", "level", "kind", "message", "of"), rows, "wordy"))
    else:
        parts.append(node("p", "No hole, fault or change of load was reported."))
    steps = _load(report)
    if steps:
        shares = [(step, length(s), percent(s / max(report.end_s, 1e-9))) for step, s in steps.items()]
        parts.append(table("Time in each step of load", ("step", "time", "share"), shares))
    parts += [node("p", text, class_="quiet") for text in _counted(report, len(told[:SHOWN]))]
    return node("div", *parts, class_="card stack")


def about(report: Report) -> Element:
    """Checkpoint and versions."""
    hello = report.hello
    facts = {
        "checkpoint": f"{hello.model.name} ({hello.model.spec_sha256[:12]})",
        "about it": hello.model.summary,
        "licence of its weights": hello.model.license,
        "recogniser": f"Whisper {hello.whisper}",
        "emotrack": f"{hello.version}, protocol {hello.protocol}",
        "streams": ", ".join(
            f"{s.name} ({s.kind}{f', {s.person}' if s.person else ''})" for s in hello.streams
        ),
        "rolling estimates": f"every {hello.hop_s:g} s",
        "thresholds": ", ".join(f"{label} {percent(p)}" for label, p in hello.thresholds.items()),
    }
    rows = [
        node("div", node("dt", name), node("dd", text or "–", dir="auto")) for name, text in facts.items()
    ]
    return node("dl", *rows, class_="card about")


def _absences(person: Person) -> Iterator[Sequence[Child]]:
    found = sorted(person.absences.found.items(), key=lambda item: -item[1].total_s)
    for (modality, reason), absence in found:
        share = percent(person.rolling.share(absence.total_s))
        yield person.name, modality, reason, length(absence.total_s), share, _when(absence)


def _when(absence: Absence) -> str:
    said = [_stretch(clock(t0_s), clock(t1_s)) for t0_s, t1_s in absence.first]
    more = absence.stretches - len(said)
    return ", ".join(said) + (f" and {more:,} more" if more else "")


def _stretch(first: str, last: str) -> str:
    return first if first == last else f"{first}–{last}"


def _delay(name: str, values: object) -> Iterator[Sequence[Child]]:
    found = spread(values)  # type: ignore[arg-type]
    if found is not None:
        yield name, f"{found.count:,}", f"{found.p50_s:.2f}", f"{found.p95_s:.2f}"


def _load(report: Report) -> dict[str, float]:
    """Step -> seconds, if the run ever left the first one."""
    changes = [(s.t_s, s.value) for s in report.statuses if s.code == "load_step" and s.value]
    if not changes:
        return {}
    spent: dict[str, float] = {}
    step, since_s = "full", 0.0
    for t_s, value in [*changes, (report.end_s, "")]:
        spent[step] = spent.get(step, 0.0) + max(0.0, t_s - since_s)
        step, since_s = str(value), t_s
    return spent


def _counted(report: Report, shown: int) -> Iterator[str]:
    special = sum(n for code, n in report.status_counts.items() if code not in ORDINARY)
    if special > shown:
        yield f"{special - shown:,} more of these are in events.jsonl."
    ordinary = [f"{said}: {report.status_counts[code]:,}" for code, said in ORDINARY.items()
                if report.status_counts[code]]  # fmt: skip
    if ordinary:
        yield f"How often: {'; '.join(ordinary)}."
    lost = [c for c in report.corrections if c.estimate not in report.speech]
    if lost:
        times = ", ".join(clock(correction.t_s) for correction in lost[:12])
        yield f"{plural(len(lost), 'correction')} of rolling estimates, said at {times}."


def _level(status: Status) -> str:
    return {"info": "note"}.get(status.level, status.level)


def _sentence(status: Status) -> str:
    return status.message or (status.value or "")


def _whom(status: Status) -> str:
    return ", ".join(filter(None, (status.person, status.stream))) or "–"
