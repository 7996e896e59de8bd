"""The top of the report: what it is about, what has to be known before reading it, and its main numbers."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from realtime.report.delays import spread
from realtime.report.markup import node
from realtime.report.reading import Report
from realtime.report.wording import began, guesses, length, percent, plural
from realtime.sinks.base import purpose_text

ENDED = {
    "finished": "finished",
    "interrupted": "ended by the user",
    "failed": "ended by a fault",
}


def head(report: Report) -> Element:
    """Title, facts and notices."""
    hello = report.hello
    facts = {
        "began": began(hello),
        "length": f"{length(report.end_s)}, {_ended(report)}",
        "people": str(len(everybody(report))),
        "purpose": purpose_text(hello).removeprefix("purpose: "),
        "run": report.run,
    }
    listed = [node("div", node("dt", name), node("dd", text, dir="auto")) for name, text in facts.items()]
    return node(
        "header",
        node("p", "emotrack: report on a run", class_="kicker"),
        node("h1", hello.source or report.run, dir="auto"),
        node("dl", *listed, class_="facts"),
        node("p", guesses(hello), class_="note guess"),
        *(node("p", text, class_="note") for text in notices(report)),
    )


def notices(report: Report) -> Iterator[str]:
    """What is withheld and why, what is special about the file, and what went wrong."""
    withheld: dict[str, list[str]] = {}
    for modality, why in report.hello.withheld.items():
        withheld.setdefault(why, []).append(modality)
    for why, modalities in withheld.items():
        yield f"Withheld for the purpose {report.hello.purpose}: {' and '.join(modalities)}. {why}"
    yield from report.notes
    if report.end is not None:
        yield from (f"Fault: {fault}" for fault in report.end.faults)


def everybody(report: Report) -> list[str]:
    """Everybody who was seen or heard, in the order in which they appear."""
    return list(dict.fromkeys([*report.people, *(speech.person for speech in report.speech.values())]))


def tiles(report: Report) -> Element:
    """The main numbers."""
    people = report.people.values()
    finals = sum(person.finals.count for person in people)
    abstained = sum(person.finals.abstentions for person in people)
    known_s = sum(person.rolling.total for person in people)
    unsure_s = sum(person.rolling.abstained for person in people)
    wait = spread(report.delays.finals.get("final"))
    found = [
        ("estimated", length(known_s), "of all people together"),
        ("not enough evidence", percent(unsure_s / known_s) if known_s else "–", "of that time"),
        ("utterances", f"{len(report.speech):,}", plural(finals, "final estimate")),
        ("abstained", percent(abstained / finals) if finals else "–", "of the final estimates"),
        ("last sound to final", f"{wait.p50_s:.1f} s" if wait else "–", "the middle; see Delays"),
    ]
    boxes = [
        node("div", node("dt", name), node("dd", node("b", value), node("small", note)), class_="tile")
        for name, value, note in found
    ]
    return node("dl", *boxes, class_="tiles")


def _ended(report: Report) -> str:
    return ENDED[report.end.reason] if report.end else "no end on record"
