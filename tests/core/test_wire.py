from __future__ import annotations

import json
import math
import subprocess
import sys
import unicodedata
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FeedError
from core.events import EmotionEstimate, End, Event, Hello, Marker, Status
from core.schema import json_schema, schema_text
from core.wire import decode, encode

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "schema" / "events.v1.json"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def rounded(value):
    """`value` with numbers that encoding leaves alone, so that what comes back equals what went out."""
    if isinstance(value, float):
        return round(value, 3) + 0.0 if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(map(rounded, value))
    if is_dataclass(value):
        return replace(value, **{f.name: rounded(getattr(value, f.name)) for f in fields(value)})
    return value


events = st.one_of([st.from_type(cls) for cls in get_args(Event)]).map(rounded)


@given(event=events, seq=st.integers(0, 2**53))
def test_what_was_encoded_decodes_to_the_same_event_and_fits_the_schema(event, seq):
    text = encode(event, seq)
    assert decode(text) == (event, seq)
    assert len(text.splitlines()) == 1
    VALIDATOR.validate(json.loads(text))


def test_a_line_holds_no_character_that_a_terminal_obeys():
    label = "".join(map(chr, range(0x20))) + "".join(map(chr, range(0x7F, 0xA0))) + "\u2028\u2029 fine: é"
    text = encode(Marker(1.0, label), 0)
    assert not any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text)
    assert "fine: é" in text
    assert decode(text)[0].label == label


@given(event=events)
def test_encoding_a_decoded_message_gives_the_same_text(event):
    text = encode(event, 3)
    assert encode(*decode(text)) == text


def test_equal_events_give_equal_text_whatever_the_order_of_their_mappings(hello):
    turned = replace(hello, thresholds=dict(reversed(hello.thresholds.items())))
    assert list(turned.thresholds) != list(hello.thresholds)
    assert encode(turned, 0) == encode(hello, 0)


def test_type_and_number_come_first_and_times_are_rounded_to_milliseconds_other_numbers_to_four_decimals(
    conversation,
):
    estimate = next(e for e in conversation if isinstance(e, EmotionEstimate))
    text = encode(replace(estimate, t1_s=1.23456, confidence=0.123456, valence=-0.00001), 7)
    assert text.startswith('{"type":"estimate","seq":7,"id":')
    assert '"t1_s":1.235,' in text
    assert '"confidence":0.1235,' in text
    assert '"valence":0.0,' in text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_refused_by_the_name_of_its_field(conversation, number):
    estimate = next(e for e in conversation if isinstance(e, EmotionEstimate))
    broken = replace(estimate, probabilities=estimate.probabilities | {"fear": number})
    with pytest.raises(ValueError, match=r"estimate\.probabilities\.fear"):
        encode(broken, 0)


def test_a_source_whose_name_is_no_valid_text_is_still_sent_as_valid_text(hello):
    text = encode(replace(hello, source="recording \udc80.mp4"), 0)
    assert json.loads(text.encode("utf-8"))["source"] == "recording ?.mp4"


END = json.loads(encode(End(1.0, "finished", 1, 2, 3), 9))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "end.colour"),
        ({"t_s": "1"}, "end.t_s"),
        ({"finals": 1.5}, "end.finals"),
        ({"finals": True}, "end.finals"),
        ({"reason": "bored"}, "end.reason"),
        ({"faults": [1]}, "end.faults.0"),
        ({"type": "emotion"}, "emotion"),
        ({"seq": -1}, "seq"),
        ({"seq": True}, "seq"),
        ({"seq": None}, "seq"),
    ],
)
def test_a_field_that_does_not_belong_is_refused_by_its_name(change, named):
    with pytest.raises(FeedError, match=named):
        decode(json.dumps(END | change))


@pytest.mark.parametrize("missing", ["type", "seq", "t_s", "reason", "finals"])
def test_a_field_that_is_missing_is_refused_by_its_name(missing):
    with pytest.raises(FeedError, match=missing):
        decode(json.dumps({name: value for name, value in END.items() if name != missing}))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"seq": NaN}', '{"seq": 1, "seq": 2}', "[" * 100_000, b"\xff\xfe\xfd"],
)
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(FeedError, match="message"):
        decode(text)


def test_whole_numbers_are_accepted_where_a_number_is_meant():
    event, _ = decode(json.dumps(END | {"t_s": 1}))
    assert isinstance(event, End)
    assert event.t_s == 1.0


def test_every_message_of_a_conversation_fits_the_schema(conversation):
    assert {type(event) for event in conversation} == set(get_args(Event))
    for seq, event in enumerate(conversation):
        VALIDATOR.validate(json.loads(encode(event, seq)))


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"seq": -1}, {"seq": "1"}, {"level": "loud"}, {"type": "end"}, {"t_s": None}]
)
def test_the_schema_refuses_what_the_decoder_refuses(change):
    message = json.loads(encode(Status(1.0, "gap", "info", "A gap."), 1)) | change
    assert not VALIDATOR.is_valid(message)
    with pytest.raises(FeedError):
        decode(json.dumps(message))


def test_the_published_schema_is_the_one_made_from_the_event_types():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "docs/schema/events.v1.json is out of date: run `emotrack schema > docs/schema/events.v1.json`"
    )


def test_the_schema_is_valid_and_describes_every_field():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for cls in get_args(Event):
        definition = schema["$defs"][cls.__name__]
        assert definition["additionalProperties"] is False
        assert {"type", "seq"} <= set(definition["required"])
        assert definition["description"]
        assert all(
            "description" in value for name, value in definition["properties"].items() if name != "type"
        )
    assert schema["$defs"]["Hello"]["properties"]["seq"]["minimum"] == 0
    assert Hello.__name__ in schema["$defs"]


def test_encoding_loads_neither_a_validator_nor_a_network_library():
    script = (
        "import sys; import core.wire; "
        "print([m for m in ('torch', 'pydantic', 'numpy', 'asyncio', 'websockets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
