"""The JSON Schema of the feed, made from the event types themselves."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any, Final, get_args

from core.events import Event, ModelCard, Stages, StreamInfo, TranscriptWord
from core.wire import adapter

SCHEMA_ID: Final = "urn:emotrack:events:v1"

_ATTRIBUTE = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")


def json_schema() -> dict[str, Any]:
    """The schema of one message (draft 2020-12): exactly one of the event types, told apart by `type`."""
    schema = adapter().json_schema()
    definitions = schema.pop("$defs")
    for cls in (*get_args(Event), ModelCard, Stages, StreamInfo, TranscriptWord):
        describe(definitions[cls.__name__], cls)
    for cls in get_args(Event):
        definition = definitions[cls.__name__]
        kind = definition["properties"].pop("type")
        seq = {"type": "integer", "minimum": 0, "description": "number of the message, increasing in a run."}
        definition["properties"] = {
            "type": {"const": kind["const"], "type": "string"},
            "seq": seq,
            **definition["properties"],
        }
    for definition in definitions.values():
        definition["required"] = list(definition["properties"])  # `encode` leaves nothing out
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "A message of the emotrack feed",
        "description": "Every message is one JSON object in one line.",
        **schema,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def schema_text() -> str:
    """`json_schema()` as the text of `docs/schema/events.v1.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def describe(definition: dict[str, Any], cls: type) -> None:
    """Move the docstring of a dataclass into the descriptions of its schema and of its properties."""
    summary, _, rest = (inspect.getdoc(cls) or "").partition("\n\nAttributes:\n")
    definition.pop("title", None)
    definition["description"] = " ".join(summary.split())
    for name, text in _attributes(rest).items():
        definition["properties"][name]["description"] = text
    for value in definition["properties"].values():
        value.pop("title", None)


def _attributes(section: str) -> dict[str, str]:
    """Parse the `Attributes:` section of a Google-style docstring: name -> text."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        start = _ATTRIBUTE.match(line)
        if start:
            names = start["names"].split(", ")
            found.update(dict.fromkeys(names, start["text"].strip()))
        elif line.strip():
            for name in names:
                found[name] += f" {line.strip()}"
    return found
