"""How a label looks: a colour and a shape, the same as on the dashboard, so that colour is never alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element

from realtime.report.markup import node

_CIRCLE: Final = "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13Z"
SIGNS: Final[dict[str, tuple[str, str]]] = {
    "anger": ("vermillion", "M8 1 15.5 14.5H.5Z"),
    "disgust": ("green", "M8 .5 15.5 8 8 15.5.5 8Z"),
    "fear": ("purple", "M.5 1.5H15.5L8 15Z"),
    "happiness": ("orange", _CIRCLE),
    "sadness": ("blue", "M2 2H14V14H2Z"),
    "surprise": (
        "sky",
        "M8 0 10.2 5.2 15.8 5.7 11.5 9.3 12.9 14.8 8 11.8 3.1 14.8 4.5 9.3.2 5.7 5.8 5.2Z",
    ),
    "neutral": ("grey", f"{_CIRCLE}M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6Z"),
}
"""Label -> name of its colour, path of its shape in a box of 16 by 16, as in `realtime/web/labels.js`."""

_OTHERS: Final = {
    "mark": "M3 0H5V16H3ZM6 1 15 4.5 6 8Z",
    "wrong": "M1 4H15V6.6H1ZM1 9.4H15V12H1ZM9.5 1 11.8 2 6.5 15 4.2 14Z",
    "warning": "M8 1 15.5 15H.5ZM7 6H9L8.6 11H7.4ZM7.2 12H8.8V13.6H7.2Z",
}


def sign(label: str, labels: Sequence[str]) -> tuple[str, str]:
    """Colour and shape of a label; one that is not known takes those of its place."""
    place = labels.index(label) if label in labels else 0
    return SIGNS.get(label) or list(SIGNS.values())[place % len(SIGNS)]


def hue(label: str, labels: Sequence[str]) -> str:
    """The class that gives an element the label's colour."""
    return f"hue-{sign(label, labels)[0]}"


def store(labels: Sequence[str]) -> Element:
    """All shapes and the hatching, once, for the pictures of the page to refer to."""
    shapes = {name: sign(label, labels)[1] for label, name in names(labels).items()} | _OTHERS
    symbols = [
        node("symbol", node("path", d=path, attributes={"fill-rule": "evenodd"}), id=name,
             attributes={"viewBox": "0 0 16 16"})
        for name, path in shapes.items()
    ]  # fmt: skip
    lines = node("path", d="M-1 7 7-1M-1 1 1-1M5 7 7 5", class_="hatching")
    hatch = node(
        "pattern", lines, id="hatch", width=6, height=6, attributes={"patternUnits": "userSpaceOnUse"}
    )
    dot = node("circle", cx=2, cy=2, r=1, class_="dotting")
    dots = node("pattern", dot, id="dots", width=4, height=4, attributes={"patternUnits": "userSpaceOnUse"})
    return node(
        "svg", node("defs", *symbols, hatch, dots), class_="store", aria_hidden="true", focusable="false"
    )


def names(labels: Sequence[str]) -> dict[str, str]:
    """Label -> id of its shape: a number, since a label may hold any character."""
    return {label: f"label-{place}" for place, label in enumerate(labels)}


def glyph(label: str, labels: Sequence[str]) -> Element:
    """A label's shape for beside its name."""
    return _picture(names(labels).get(label, "label-0"), hue(label, labels))


def sign_of(kind: str) -> Element:
    """The shape of a mark, a correction ("wrong") or a warning."""
    return _picture(kind, kind)


def _picture(name: str, kind: str) -> Element:
    use = node("use", href=f"#{name}")
    return node("svg", use, class_=f"glyph {kind}", aria_hidden="true", attributes={"viewBox": "0 0 16 16"})
