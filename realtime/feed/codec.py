"""Messages as frames and as text, and back: strict about what clients say, tolerant of newer servers."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from websockets.frames import Frame, Opcode

from core.errors import FeedError
from core.events import Correction, EmotionEstimate, Event, Transcript, Utterance
from core.terminal_text import clean, steers
from core.wire import MAX_NAME, encode, parse, tolerant_adapter
from realtime.feed.client_messages import ClientMessage
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.server_messages import ServerMessage

MAX_DEPTH: Final = 16
"""Objects and lists within each other; the deepest message of v1 has four."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event.

    Attributes:
        frame: what goes over the wire, the same bytes for every client.
        seq: its number in the run.
        kind: the event's `type`.
        person: whom it is about, None when nobody in particular.
        rolling: a newer one for the same person makes it worthless.
        subject: messages of the same subject follow each other, and the newest says it all.
    """

    frame: bytes
    seq: int
    kind: str
    person: str | None
    rolling: bool
    subject: tuple[str, str]


def framed(text: str) -> bytes:
    """A websocket text frame, as a server sends it: unmasked, so it is the same for all clients."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


PING = Frame(Opcode.PING, b"").serialize(mask=False)


def message_of(event: Event, seq: int) -> Message:
    """Encode `event` with its number `seq`. Raises ValueError as `core.wire.encode` does."""
    frame = framed(encode(event, seq))
    person: str | None = None
    rolling = False
    subject: tuple[str, str] = (event.type, str(seq))
    match event:
        case EmotionEstimate():
            person, rolling = event.person, not event.final
            subject = ("rolling", event.person) if rolling else ("estimate", event.id)
        case Transcript():
            person, subject = event.person, ("transcript", event.utterance)
        case Utterance():
            person, subject = event.person, ("utterance", event.id)
        case Correction():
            person = event.person
    return Message(frame, seq, event.type, person, rolling, subject)


def write(message: ClientMessage | ServerMessage) -> str:
    """One line of JSON: `type` first, then the fields in the order of their declaration."""
    values = _writer(message.type).dump_python(message, mode="json")
    return json.dumps({"type": message.type} | values, ensure_ascii=False, separators=(",", ":"))


def read_client(text: str) -> ClientMessage:
    """Read what a client said.

    Raises:
        Refusal: with `CloseCode.BAD_MESSAGE`; names the field that is unknown, missing, repeated, or has a
            value of the wrong type or range. The value itself, which may be a token, is never named.
    """
    try:
        message = parse(text, max_depth=MAX_DEPTH)
    except FeedError as error:
        raise Refusal(CloseCode.BAD_MESSAGE, error.what) from error
    steering = _steering_field(message, ())
    if steering is not None:
        field = ".".join([_shown(message.get("type", "")), *map(_shown, steering)])
        raise Refusal(CloseCode.BAD_MESSAGE, "may hold no control characters.", field=field)
    try:
        return _client().validate_json(json.dumps(message))
    except ValidationError as error:
        raise _refusal(error) from None  # the cause holds what the client said, a token perhaps


def read_server(text: str) -> ServerMessage | tuple[Event, int] | None:
    """Read what a feed of this or a newer minor version said.

    Returns:
        The message; for an event also its number; None for a type that is not known. Fields that are not
        known are left out.

    Raises:
        FeedError: not a message at all, or a known field of another type than v1's.
    """
    message = parse(text)
    kind = message.get("type")
    if not isinstance(kind, str):
        raise FeedError("message has no type.")
    try:
        if kind in _ANSWERS:
            return _server().validate_json(json.dumps(message))
        if kind in _EVENTS:
            seq = message.pop("seq", None)
            if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
                raise FeedError("message's seq is not a number of a message.")
            return tolerant_adapter().validate_json(json.dumps(message)), seq
    except ValidationError as error:
        raise FeedError(f"message of type {kind} is not understood: {error.errors()[0]['msg']}.") from error
    return None


def _refusal(error: ValidationError) -> Refusal:
    """The first problem; an unknown field before one that is missing, which may be the same, misspelt."""
    problems = error.errors(include_input=False, include_url=False)
    problem = min(problems, key=lambda each: each["type"] != "unexpected_keyword_argument")
    if problem["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return Refusal(CloseCode.BAD_MESSAGE, "there is no such type of message.", field="type")
    field = ".".join(_shown(part) for part in problem["loc"])
    unknown = problem["type"] == "unexpected_keyword_argument"
    return Refusal(CloseCode.BAD_MESSAGE, "unknown field." if unknown else f"{problem['msg']}.", field=field)


def _shown(part: object) -> str:
    """A field's name as it may be repeated to who sent it: short, and nothing that steers a terminal."""
    text = clean(str(part)[:80])
    return text if len(text) <= MAX_NAME else f"{text[: MAX_NAME - 3]}..."


def _steering_field(value: object, path: tuple[object, ...]) -> tuple[object, ...] | None:
    """Where a text stands that would steer a terminal: what clients say is shown to others. None: nowhere.

    The token is shown to nobody, and whatever it holds it is a wrong one.
    """
    if isinstance(value, str):
        return path if path != ("token",) and any(map(steers, value)) else None
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for key, item in items if (found := _steering_field(item, (*path, key)))), None)


def _types(union: object) -> dict[str, type[Any]]:
    """`type` -> class, of all members of a union of messages."""
    return {cls.__dataclass_fields__["type"].default: cls for cls in get_args(union)}


_ANSWERS: Final = _types(ServerMessage)
_EVENTS: Final = _types(Event)
_CLASSES: Final = _ANSWERS | _types(ClientMessage)


@functools.cache
def _writer(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_CLASSES[kind])


@functools.cache
def _client() -> TypeAdapter[ClientMessage]:
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")], config=config)


@functools.cache
def _server() -> TypeAdapter[ServerMessage]:
    config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
    return TypeAdapter(Annotated[ServerMessage, Field(discriminator="type")], config=config)
