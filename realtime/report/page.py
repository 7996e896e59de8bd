"""The report as one HTML page that needs nothing else: no script, no link, no font, no picture."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from realtime.report.conditions import about, delays, happenings, missing
from realtime.report.conversation import conversation
from realtime.report.head import everybody, head, tiles
from realtime.report.markup import node, written
from realtime.report.person import Person
from realtime.report.reading import Report
from realtime.report.signs import store
from realtime.report.tables import shares, table, together
from realtime.report.timeline import timeline
from realtime.report.wording import length, percent
from realtime.summary.summary import NEXT, summarise

MAX_PEOPLE: Final = 12
"""People with pictures of their own; the others get a line each."""
BINS: Final = 4096
"""Of all timelines together: what keeps the page small, however long the run."""
FEWEST_BINS: Final = 256

LEGEND: Final = (
    ("line", "probability of the label, from 0 at the bottom of its lane to 100 % at the top"),
    ("band", "from the lowest to the highest of what the modalities say alone, the fusion included"),
    ("peaks", "lowest and highest within one step, in runs longer than a few minutes"),
    ("thin-line", "too little evidence: no finding"),
    ("threshold", "threshold from which the label counts as present"),
    ("foot", "the label is present"),
    ("final", "final estimate of an utterance: the label is present"),
    ("missing", "modality missing"),
    ("thin", "not enough evidence"),
)


def page(report: Report) -> str:
    """The whole document."""
    title = f"Report: {report.hello.source or report.run}"
    style = stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    top = node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", content=policy, attributes={"http-equiv": "Content-Security-Policy"}),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="color-scheme", content="light dark"),
        node("meta", name="referrer", content="no-referrer"),
        node("title", title),
        node("style", style),
    )
    body = node("body", store(report.hello.labels), head(report), node("main", *_sections(report)))
    return f"<!DOCTYPE html>\n{written(node('html', top, body, lang='en'))}\n"


@cache
def stylesheet() -> str:
    """How the page looks."""
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def shown_people(report: Report) -> tuple[list[Person], list[Person]]:
    """Those with pictures of their own, in the order in which they appear, and the others."""
    chosen = {person.name for person in report.by_importance()[:MAX_PEOPLE]}
    everyone = report.people.values()
    return [p for p in everyone if p.name in chosen], [p for p in everyone if p.name not in chosen]


def _sections(report: Report) -> list[Element]:
    people, others = shown_people(report)
    return [
        _section("Summary", *_summary(report)),
        _section("Over time", *_timelines(report, people, others)),
        _section("How much of the time", *_shares(people)),
        _section("What was said", conversation(report)),
        _section("What was missing", missing(report, people)),
        _section("In figures", tiles(report)),
        _section("Delays", delays(report)),
        _section("What happened to the run", happenings(report)),
        _section("Made with", about(report)),
    ]


def _summary(report: Report) -> list[Element]:
    """The same text as in the terminal and in `summary.md`, but what to do next: that is done here."""
    found = summarise(report.gathering)
    parts = [] if found is None else [part for part in found.sections if part.title != NEXT]
    return [
        node(
            "div",
            node("h3", part.title),
            node("ul", *(node("li", line, dir="auto") for line in part.lines)),
            class_="card",
        )
        for part in parts
    ]


def _section(title: str, *children: Element) -> Element:
    return node("section", node("h2", title), *children)


def _timelines(report: Report, people: list[Person], others: list[Person]) -> list[Element]:
    if not people:
        return [node("p", "Of nobody was anything estimated.", class_="card")]
    most = max(FEWEST_BINS, BINS // len(people))
    parts = [_legend(report)]
    for person in people:
        parts.append(_article(person, timeline(report, person, most)))
    if others:
        rows = [
            (
                p.name,
                length(p.rolling.total),
                percent(p.rolling.share(p.rolling.abstained)),
                str(p.finals.count),
            )
            for p in others
        ]
        heads = ("who", "time", "not enough evidence", "final estimates")
        parts.append(table(f"Further people, seen or heard for less time ({len(others)})", heads, rows))
    silent = [name for name in everybody(report) if name not in report.people]
    if silent:
        parts.append(node("p", f"Heard, but never estimated: {', '.join(silent)}.", class_="quiet"))
    return parts


def _shares(people: list[Person]) -> list[Element]:
    if not people:
        return [node("p", "Of nobody was anything estimated.", class_="card")]
    text = (
        "Labels are independent: several can be present at once, so “present” may sum to more than 100 %. "
        "“Divided” counts a moment with two labels as half of each and sums to 100 %, as the bar does."
    )
    parts = [node("p", text)]
    for person in people:
        parts.append(_article(person, node("div", shares(person), together(person), class_="columns")))
    return parts


def _article(person: Person, *children: Element) -> Element:
    return node("article", node("h3", person.name, dir="auto"), *children, class_="card person")


def _legend(report: Report) -> Element:
    entries = []
    for kind, said in LEGEND:
        entries.append(node("li", _sample(kind), said))
    if report.marks or report.corrections or any(s.level != "info" for s in report.statuses):
        for kind, said in (("mark", "mark"), ("wrong", "called wrong"), ("warning", "warning or fault")):
            entries.append(node("li", _sample(kind), said))
    return node("ul", *entries, class_="legend")


def _sample(kind: str) -> Element:
    """How something looks in a timeline."""
    if kind in ("line", "thin-line", "threshold"):
        drawn = node("line", x1=0, x2=28, y1=7, y2=7, class_="line thin" if kind == "thin-line" else kind)
    elif kind in ("band", "peaks", "missing", "thin"):
        drawn = node("rect", width=28, height=10, y=2, class_=kind)
    elif kind == "foot":
        drawn = node("rect", width=28, height=3, y=9, class_=kind)
    elif kind == "final":
        drawn = node("circle", cx=14, cy=7, r=5, class_=kind)
    else:
        drawn = node("use", href=f"#{kind}", x=8, y=1, width=12, height=12, class_=kind)
    return node(
        "svg", drawn, class_="sample hue-blue", aria_hidden="true", attributes={"viewBox": "0 0 28 14"}
    )
