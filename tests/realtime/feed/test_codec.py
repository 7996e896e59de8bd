"""The decoder of what clients say: strict, and never surprised."""

from __future__ import annotations

import json
import random
from typing import get_args

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import FeedError
from core.events import Event, Status
from core.terminal_text import steers
from core.wire import decode, encode
from realtime.feed import client_messages
from realtime.feed.client_messages import ClientMessage, Identify, Ping
from realtime.feed.close_codes import MAX_REASON_BYTES, CloseCode, Refusal
from realtime.feed.codec import MAX_DEPTH, read_client, read_server, write
from realtime.feed.contract import asyncapi, asyncapi_text, feed_schema, feed_schema_text
from realtime.feed.server_messages import ServerMessage
from tests.realtime.feed.feedside import ANSWERS
from tests.realtime.feed.test_protocol_document import ROOT

VALIDATOR = jsonschema.Draft202012Validator(feed_schema())

# Hypothesis builds the types themselves; what their fields may hold is said here once more, by name.
names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")).filter(
        lambda character: not steers(character)
    ),
    min_size=1,
    max_size=20,
)
numbers = st.integers(0, 2**53)
rates = st.none() | st.floats(0.01, 1000)
kinds = st.none() | st.lists(st.sampled_from(client_messages.KINDS), max_size=4).map(tuple)
people = st.none() | st.lists(names, max_size=3).map(tuple)
subscriptions = st.builds(client_messages.Subscription, kinds, people, st.booleans(), rates)
streams = st.lists(
    st.builds(
        client_messages.IngestStream, names, st.sampled_from(["audio", "video"]),
        st.none() | st.integers(8000, 48000),
    ),
    min_size=1, max_size=4,
).map(tuple)  # fmt: skip
labels = st.none() | st.lists(names, max_size=3).map(tuple)
any_client_message = st.one_of(
    st.builds(
        Identify, st.just("1.0"), names, names, st.none() | names,
        st.none() | st.builds(client_messages.Resume, names, numbers), st.none() | subscriptions,
        st.lists(names, max_size=3).map(tuple), st.none() | st.builds(client_messages.Ingest, names, streams),
    ),
    st.builds(client_messages.Subscribe, kinds, people, st.booleans(), rates),
    st.builds(Ping, numbers),
    st.builds(client_messages.Start, numbers),
    st.builds(client_messages.Stop, numbers),
    st.builds(client_messages.Withdraw, numbers),
    st.builds(client_messages.Mute, numbers, st.sampled_from(["text", "audio", "visual"]), st.booleans()),
    st.builds(client_messages.Mark, numbers, names, st.none() | st.floats(0, 1e6)),
    st.builds(client_messages.Correct, numbers, names, names, labels),
    st.just(client_messages.Finish()),
)  # fmt: skip
any_server_message = st.one_of([st.from_type(cls) for cls in get_args(ServerMessage)])


@given(any_client_message)
def test_what_a_client_may_say_is_understood_as_it_was_meant_and_fits_the_schema(message):
    text = write(message)
    assert read_client(text) == message
    VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize("steering", ["\x1b[2J", "\x9b2J", "\x7f", "a\nb", "\u202eexe.txt", "\x07"])
@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "mark", "id": 1, "label": "X"}, "mark.label"),
        ({"type": "correct", "id": 1, "estimate": "u1", "person": "p", "labels": ["X"]}, "correct.labels.0"),
        ({"type": "identify", "protocol": "1.0", "token": "t", "client": "X"}, "identify.client"),
        ({"type": "identify", "protocol": "1.0", "token": "t", "ingest": {"source": "s", "streams": [
            {"name": "m", "kind": "audio", "rate_hz": 16000, "person": "X"}]}},
         "identify.ingest.streams.0.person"),
    ],
)  # fmt: skip
def test_what_would_steer_a_terminal_of_somebody_else_is_refused_by_the_name_of_its_field(
    message, field, steering
):
    text = json.dumps(message)
    read_client(text)
    with pytest.raises(Refusal) as caught:
        read_client(text.replace('"X"', json.dumps(f"me{steering}")))
    assert (caught.value.code, caught.value.field) == (CloseCode.BAD_MESSAGE, field)
    assert steering not in str(caught.value)


def test_joiners_and_marks_of_direction_that_scripts_need_are_no_control_characters():
    label = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f468\u200d\U0001f469 \u200f"
    assert read_client(write(client_messages.Mark(1, label))).label == label


@given(any_server_message)
def test_what_the_feed_answers_is_understood_by_a_client_and_fits_the_schema(message):
    text = write(message)
    try:
        assert read_server(text) == message
    except FeedError:
        assert "NaN" in text or "Infinity" in text  # which the feed never says
    else:
        VALIDATOR.validate(json.loads(text))


def refused(text):
    with pytest.raises(Refusal) as caught:
        read_client(text)
    assert caught.value.code is CloseCode.BAD_MESSAGE
    assert len(caught.value.reason.encode()) <= MAX_REASON_BYTES
    return caught.value


IDENTIFY = {"type": "identify", "protocol": "1.0", "token": "secret"}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (IDENTIFY | {"colour": 1}, "identify.colour"),
        (IDENTIFY | {"resume": {"run": "r", "seq": 1, "sek": 2}}, "identify.resume.sek"),
        (IDENTIFY | {"resume": {"run": "r"}}, "identify.resume.seq"),
        (IDENTIFY | {"resume": {"run": "r", "seq": -1}}, "identify.resume.seq"),
        (IDENTIFY | {"resume": {"run": "r", "seq": 10**30}}, "identify.resume.seq"),
        (IDENTIFY | {"resume": {"run": "r", "seq": True}}, "identify.resume.seq"),
        (IDENTIFY | {"subscribe": {"kinds": ["estimates"]}}, "identify.subscribe.kinds.0"),
        (IDENTIFY | {"subscribe": {"rate_hz": 0}}, "identify.subscribe.rate_hz"),
        (IDENTIFY | {"subscribe": {"rate_hz": "fast"}}, "identify.subscribe.rate_hz"),
        (IDENTIFY | {"token": 3}, "identify.token"),
        (IDENTIFY | {"token": "x" * 300}, "identify.token"),
        ({"type": "identify", "protocol": "1.0"}, "identify.token"),
        ({"type": "mute", "id": 1, "modality": "smell", "muted": True}, "mute.modality"),
        ({"type": "mute", "id": 1, "modality": "text", "muted": 1}, "mute.muted"),
        ({"type": "mark", "id": 1, "label": "x" * 300}, "mark.label"),
        ({"type": "mark", "id": 1, "t_s": -1.0}, "mark.t_s"),
        ({"type": "mark", "id": 1, "t_s": 1e12}, "mark.t_s"),
        ({"type": "finish", "now": True}, "finish.now"),
        ({"type": "status"}, "type"),
        ({"type": "welcome"}, "type"),
        ({"type": ["identify"]}, "type"),
        ({"kind": "ping"}, "type"),
        ({"type": "ping", "id": 1, "x" * 5000: 1}, "ping." + "x" * 37 + "..."),
        ({"type": "ping", "id": 1, "a\nb": 1}, "ping.a b"),
    ],
)
def test_what_does_not_belong_is_refused_by_the_name_of_its_field(message, field):
    refusal = refused(json.dumps(message))
    assert refusal.field == field
    assert refusal.reason.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("3", "not a JSON object"),
        ('{"type": "ping", "id": NaN}', "not a finite number"),
        ('{"type": "ping", "id": 1e999}', "integer"),
        ('{"type": "ping", "type": "ping", "id": 1}', "field type is repeated"),
        ('{"type": "ping", "id": ' + "1" * 5000 + "}", "limit"),
        ("[" * 100_000, "not valid JSON"),
        ('{"a":' * 50_000, "not valid JSON"),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "nested more than 16 deep"),
        ('{"type": "mark", "id": 1, "label": "\\ud800"}', "control characters"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_text_that_is_no_message_is_refused(text, words):
    assert words in refused(text).what


@given(
    st.sampled_from([IDENTIFY["token"], "sécret", "\x00token"]), st.sampled_from(["protocol", "resume", "x"])
)
def test_a_refusal_never_repeats_a_value(token, broken):
    refusal = refused(json.dumps(IDENTIFY | {"token": token, broken: {"token": token}}))
    assert token not in str(refusal)
    assert refusal.__cause__ is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
types = st.sampled_from([cls.__dataclass_fields__["type"].default for cls in get_args(ClientMessage)])
field_names = st.sampled_from(
    [
        "id",
        "protocol",
        "token",
        "resume",
        "subscribe",
        "ingest",
        "kinds",
        "rate_hz",
        "label",
        "t_s",
        "session",
    ]
)
almost = st.builds(
    lambda kind, rest: json.dumps({"type": kind, **rest}),
    types, st.dictionaries(field_names | st.text(max_size=6), json_values, max_size=6),
)  # fmt: skip


def survives(text):
    """The decoder has understood `text` or refused it as it should."""
    try:
        message = read_client(text)
    except Refusal as caught:
        refusal = caught
    else:
        return read_client(write(message)) == message
    return refusal.code is CloseCode.BAD_MESSAGE and len(refusal.reason.encode()) <= MAX_REASON_BYTES


@given(st.text(max_size=60) | json_values.map(json.dumps) | almost)
@example("\x00")
def test_whatever_a_client_says_is_understood_or_refused_and_nothing_else(text):
    assert survives(text)


SEEDS = [
    write(
        Identify(
            "1.0",
            "token",
            resume=client_messages.Resume("r", 3),
            subscribe=client_messages.Subscription(("estimate",)),
        )
    ),
    write(
        Identify(
            "1.0",
            "token",
            ingest=client_messages.Ingest("b", (client_messages.IngestStream("m", "audio", 16000),)),
        )
    ),
    write(client_messages.Subscribe(persons=("p1", "p2"), rate_hz=4.0)),
    write(client_messages.Correct(1, "u1", "p1", ("anger",))),
    write(client_messages.Mark(2, "laughs", 1.5)),
]
PIECES = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\x00",
    "\ud800",
    "\u2028",
    "null",
    "NaN",
    "1e999",
    "-",
    "9" * 40,
]


def test_thousands_of_damaged_messages_are_understood_or_refused_and_nothing_else():
    rng = random.Random(20250101)
    for _ in range(5000):
        text = rng.choice(SEEDS)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice([*PIECES, ""]) + text[at + rng.randint(0, 6) :]
        assert survives(text), text


# --- what newer servers say --------------------------------------------------------------------------


def test_a_client_leaves_out_fields_and_types_that_a_newer_feed_has_added():
    status = Status(1.0, "gap", "info", "A gap.")
    newer = json.dumps(json.loads(encode(status, 7)) | {"colour": "red"})
    assert read_server(newer) == (status, 7)
    assert read_server('{"type":"weather","seq":3,"rain":true}') is None
    pong = (
        '{"type":"pong","id":1,"run":null,"seq":null,"sent":0,"conflated":0,"filtered":0,"waiting":0,"new":1}'
    )
    assert read_server(pong).id == 1


@pytest.mark.parametrize("text", ["[]", "{}", '{"type":3}', '{"type":"status","seq":-1}', '{"type":"pong"}'])
def test_what_is_no_message_of_a_feed_is_an_error(text):
    with pytest.raises(FeedError):
        read_server(text)


# --- the contract for machines -----------------------------------------------------------------------


def test_the_published_contracts_are_those_made_from_the_types():
    schema = ROOT / "docs" / "schema"
    advice = "out of date: emotrack schema feed > docs/schema/feed.v1.json, asyncapi > asyncapi.v1.yaml"
    assert (schema / "feed.v1.json").read_text(encoding="utf-8") == feed_schema_text(), advice
    assert (schema / "asyncapi.v1.yaml").read_text(encoding="utf-8") == asyncapi_text(), advice
    assert yaml.safe_load(asyncapi_text()) == asyncapi()


def test_the_schema_tells_every_type_of_both_directions_apart_and_describes_every_field():
    schema = feed_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    kinds = set(schema["discriminator"]["mapping"])
    own = {
        cls.__dataclass_fields__["type"].default
        for cls in (*get_args(ClientMessage), *get_args(ServerMessage))
    }
    events = {cls.__dataclass_fields__["type"].default for cls in get_args(Event)}
    assert kinds == own | events
    assert not own & events
    for name, definition in schema["$defs"].items():
        assert definition["description"], name
        assert definition["additionalProperties"] is False
    for cls in (*get_args(ClientMessage), *get_args(ServerMessage)):
        for field, value in schema["$defs"][cls.__name__]["properties"].items():
            assert field == "type" or value.get("description"), (cls, field)


@given(almost)
@example('{"type": "ping", "id": 1.0}')
@example('{"type": "ping", "id": 1.5}')
@example('{"type": "ping", "id": 1e300}')
@example('{"type": "mark", "id": 1, "t_s": 1e999}')
@example('{"type": "mark", "id": 1, "t_s": ' + "1" * 400 + "}")
def test_the_schema_refuses_whatever_the_decoder_refuses_and_the_other_way_round(text):
    try:
        read_client(text)
    except Refusal as refusal:
        if "JSON" not in refusal.what and "nested" not in refusal.what:
            assert not VALIDATOR.is_valid(json.loads(text))
    else:
        assert VALIDATOR.is_valid(json.loads(text))


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    document = asyncapi()

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            value = list(value.values())
        for item in value if isinstance(value, list) else []:
            yield from references(item)

    found = set(references(document))
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    assert len(found) > 50
    said = {ref["$ref"].rpartition("/")[2] for ref in document["operations"]["sayOnIngest"]["messages"]}
    assert said == {cls.__dataclass_fields__["type"].default for cls in get_args(ClientMessage)} | {"frame"}
    told = {ref["$ref"].rpartition("/")[2] for ref in document["operations"]["tellOnIngest"]["messages"]}
    assert told >= ANSWERS
    assert not said & told


def test_an_event_on_the_feed_is_an_event_of_the_run_folder(conversation):
    for seq, event in enumerate(conversation):
        assert read_server(encode(event, seq)) == decode(encode(event, seq))
        VALIDATOR.validate(json.loads(encode(event, seq)))
