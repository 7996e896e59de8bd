"""Tables of a report, and those of one person: shares of time, and which labels go together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from realtime.report.markup import Child, node
from realtime.report.person import Person
from realtime.report.shares import Shares
from realtime.report.signs import glyph, hue
from realtime.report.wording import length, percent, plural

TINTS: Final = 10
NONE: Final = "no label"
THIN: Final = "not enough evidence"


def table(caption: str, heads: Sequence[Child], rows: Iterable[Sequence[Child]], kind: str = "") -> Element:
    """A table whose first column names the rows. It scrolls by itself where it is too wide."""
    head = node("tr", *(node("th", text, scope="col") for text in heads))
    body = [
        node("tr", node("th", first, scope="row"), *(_cell(child) for child in rest)) for first, *rest in rows
    ]
    made = node(
        "table", node("caption", caption), node("thead", head), node("tbody", *body), class_=kind or None
    )
    return node("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)


def shares(person: Person) -> Element:
    """How much of a person's time each label takes, as a bar and as a table."""
    time, finals = person.rolling, person.finals
    caption = (
        f"{person.name}: {length(time.total)} in {plural(time.count, 'rolling estimate')}, "
        f"{plural(finals.count, 'final estimate')}"
    )
    rows: list[Sequence[Child]] = [
        (
            _named(label, person.labels),
            _bar(time.share(time.present[place]), hue(label, person.labels)),
            _number(length(time.present[place]), time.present[place]),
            _number(percent(time.share(time.split[place])), time.split[place]),
            _counted(int(finals.counts[place]), finals),
        )
        for place, label in enumerate(person.labels)
    ]
    for name, kind, weight, count in (
        (NONE, "none", time.none, finals.without),
        (THIN, "thin", time.abstained, finals.abstentions),
    ):
        share = time.share(weight)
        numbers = (_number(text, weight) for text in (length(weight), percent(share)))
        rows.append((_sample(name, kind), _bar(share, kind), *numbers, _counted(count, finals)))
    heads = ("label", "present", "time", "divided", "finals")
    return node("div", _whole(person), table(caption, heads, rows, "shares"))


def together(person: Person) -> Element:
    """Which labels are present at the same time."""
    found = person.rolling if person.rolling.count else person.finals
    caption = (
        f"{person.name}: while the label on the left is present, how much of that time the one above is too"
    )
    rows = []
    for row, label in enumerate(person.labels):
        cells: list[Child] = [_named(label, person.labels)]
        for column, other in enumerate(person.labels):
            share = found.given(label, other)
            if row == column:
                cells.append(node("td", percent(found.share(found.present[row])), class_="own"))
            elif share is None:
                cells.append(node("td", "–", class_="never"))
            else:
                kind = f"tint-{max(1, round(TINTS * share))}" if share > 0 else "never"
                cells.append(node("td", percent(share), class_=kind))
        rows.append(cells)
    heads = [node("span", "label"), *(node("span", label, class_="up") for label in person.labels)]
    note = "Framed: the share of the whole time in which the label is present."
    return node("div", table(caption, heads, rows, "together"), node("p", note, class_="quiet"))


def _whole(person: Person) -> Element:
    """The divided time as one bar that is 100 % long."""
    time = person.rolling
    parts = [
        *((label, time.split[place], hue(label, person.labels)) for place, label in enumerate(person.labels)),
        (NONE, time.none, "none"),
        (THIN, time.abstained, "thin"),
    ]
    pieces, at, said = [], 0.0, []
    for name, weight, kind in parts:
        share = time.share(weight)
        if share > 0:
            pieces.append(
                node(
                    "rect", x=f"{100 * at:.2f}%", width=f"{100 * share:.2f}%", y=0, height="100%", class_=kind
                )
            )
            said.append(f"{name} {percent(share)}")
        at += share
    text = f"The time of {person.name}, divided: {', '.join(said) or 'nothing'}."
    return node("svg", *pieces, class_="whole", role="img", aria_label=text, width="100%", height=18)


def _cell(child: Child) -> Element:
    return child if isinstance(child, Element) and child.tag == "td" else node("td", child)


def _named(label: str, labels: Sequence[str]) -> Element:
    return node("span", glyph(label, labels), label, class_="named")


def _sample(name: str, kind: str) -> Element:
    box = node("rect", x=1, y=1, width=14, height=14, class_=kind)
    picture = node("svg", box, class_="glyph", aria_hidden="true", attributes={"viewBox": "0 0 16 16"})
    return node("span", picture, name, class_="named")


def _number(text: str, value: float) -> Element:
    return node("span", text, class_=None if value > 0 else "nil")


def _bar(share: float, kind: str) -> Element:
    fill = node("rect", width=f"{100 * min(share, 1.0):.1f}%", height="100%", class_=kind)
    bar = node("svg", fill, class_="bar", aria_hidden="true", width="100%", height=8)
    return node("span", bar, _number(percent(share), share), class_="barred")


def _counted(count: int, finals: Shares) -> Element:
    return _number(f"{count} ({percent(count / finals.count)})" if count else "0", count)
