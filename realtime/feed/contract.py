"""The feed's contract for machines, made from the message types: a JSON Schema and an AsyncAPI document."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from typing import Annotated, Any, Final, get_args

import yaml
from pydantic import ConfigDict, Field, TypeAdapter

from core.events import PROTOCOL_VERSION
from core.schema import describe, json_schema
from realtime.feed import client_messages
from realtime.feed.client_messages import INGEST_PATH, STREAM_PATH, ClientMessage
from realtime.feed.close_codes import CloseCode
from realtime.feed.server_messages import ServerMessage

SCHEMA_ID: Final = "urn:emotrack:feed:v1"
_MESSAGES: Final = (*get_args(ClientMessage), *get_args(ServerMessage))
_PARTS: Final = (
    client_messages.Resume,
    client_messages.Subscription,
    client_messages.Ingest,
    client_messages.IngestStream,
)
_INGEST_ONLY: Final = {"finish"}
_BINARY: Final = {
    "name": "frame",
    "title": "A frame of audio or video",
    "summary": "Header of 16 bytes and payload, see docs/protocol.md.",
    "contentType": "application/octet-stream",
    "payload": {"type": "string", "format": "binary"},
}


def feed_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of every text message of both directions, events included."""
    events = json_schema()
    own = TypeAdapter(
        Annotated[ClientMessage | ServerMessage, Field(discriminator="type")],
        config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False),
    ).json_schema()
    definitions = own["$defs"]
    for cls in (*_MESSAGES, *_PARTS):
        describe(definitions[cls.__name__], cls)
    for cls in _MESSAGES:
        _type_first(definitions[cls.__name__], cls)
    for cls in get_args(ServerMessage):
        definition = definitions[cls.__name__]
        definition["required"] = list(definition["properties"])  # the feed leaves nothing out
    mapping = own["discriminator"]["mapping"] | events["discriminator"]["mapping"]
    definitions |= events["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "A message to or from the emotrack feed",
        "discriminator": {"mapping": dict(sorted(mapping.items())), "propertyName": "type"},
        "oneOf": [*own["oneOf"], *events["oneOf"]],
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def feed_schema_text() -> str:
    """`feed_schema()` as the text of `docs/schema/feed.v1.json`."""
    return json.dumps(feed_schema(), indent=2, ensure_ascii=False) + "\n"


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: servers, channels, messages, operations."""
    schema = feed_schema()
    kinds = {kind: ref.rpartition("/")[2] for kind, ref in schema["discriminator"]["mapping"].items()}
    said = [_kind(cls) for cls in get_args(ClientMessage)]
    answered = [kind for kind in kinds if kind not in said]
    stream = [kind for kind in kinds if kind not in _INGEST_ONLY | {"ack"}]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "emotrack feed",
            "version": PROTOCOL_VERSION,
            "description": "What emotrack hears, reads and sees, and how it is controlled and fed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8765", "protocol": "ws"}},
        "channels": {
            "stream": _channel(STREAM_PATH, "For those who watch and control.", stream),
            "ingest": _channel(INGEST_PATH, "For those who send audio and video.", [*kinds, "frame"]),
        },
        "operations": {
            "say": _operation("receive", "stream", [kind for kind in said if kind in stream]),
            "tell": _operation("send", "stream", [kind for kind in answered if kind in stream]),
            "sayOnIngest": _operation("receive", "ingest", [*said, "frame"]),
            "tellOnIngest": _operation("send", "ingest", answered),
        },
        "components": {
            "messages": {
                **{kind: _message(kind, name, schema["$defs"][name]) for kind, name in kinds.items()},
                "frame": _BINARY,
            },
            "schemas": _moved(schema["$defs"]),
        },
        "x-close-codes": {int(code): f"{code.meaning}: {code.advice}" for code in CloseCode},
    }


def asyncapi_text() -> str:
    """`asyncapi()` as the text of `docs/schema/asyncapi.v1.yaml`."""
    return yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=110)


def _kind(cls: type) -> str:
    assert is_dataclass(cls)
    return str(cls.__dataclass_fields__["type"].default)


def _type_first(definition: dict[str, Any], cls: type) -> None:
    definition["properties"].pop("type")
    kind = {"const": _kind(cls), "type": "string"}
    definition["properties"] = {"type": kind, **definition["properties"]}
    definition["required"] = ["type", *definition.get("required", [])]


def _channel(address: str, text: str, kinds: list[str]) -> dict[str, Any]:
    messages = {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds}
    return {"address": address, "description": text, "messages": messages}


def _operation(action: str, channel: str, kinds: list[str]) -> dict[str, Any]:
    """What the feed does: it receives what clients say, and sends what it answers."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{kind}"} for kind in kinds],
    }


def _message(kind: str, name: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": kind,
        "summary": definition["description"],
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _moved(value: Any) -> Any:  # noqa: ANN401  (JSON)
    """The same with references to where AsyncAPI keeps schemas."""
    if isinstance(value, dict):
        return {key: _moved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item) for item in value]
    if isinstance(value, str):
        return value.replace("#/$defs/", "#/components/schemas/")
    return value
