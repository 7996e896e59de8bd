"""Elements of a page. Text goes in as text: the tree is written by the standard library, which escapes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Child = Element | str | None

_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def node(
    tag: str, *children: Child, attributes: Mapping[str, object] | None = None, **more: object
) -> Element:
    """An element.

    Args:
        tag: its name.
        children: elements and texts, in order; None is left out.
        attributes: by their names; a value of None is left out.
        more: as `attributes`, with `_` for `-`, and without a `_` at the end: `class_`, `aria_label`.
    """
    element = Element(tag)
    named = {name.rstrip("_").replace("_", "-"): value for name, value in more.items()}
    for name, value in {**named, **(attributes or {})}.items():
        if value is not None:
            element.set(name, shown(str(value)))
    for child in children:
        append(element, child)
    return element


def append(element: Element, child: Child) -> None:
    """Add a child at the end."""
    if child is None:
        return
    if isinstance(child, Element):
        element.append(child)
    elif len(element):
        element[-1].tail = (element[-1].tail or "") + shown(child)
    else:
        element.text = (element.text or "") + shown(child)


def shown(text: str) -> str:
    """Text with characters that no page may hold replaced by a sign for it."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def written(element: Element) -> str:
    """The element as HTML."""
    return ElementTree.tostring(element, encoding="unicode", method="html")
