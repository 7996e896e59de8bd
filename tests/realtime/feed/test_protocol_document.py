"""docs/protocol.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from core.events import PROTOCOL_VERSION, Event
from core.wire import decode, encode
from realtime.feed.client_messages import INGEST_PATH, STREAM_PATH, ClientMessage, Identify
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import MAX_DEPTH, read_client, read_server, write
from realtime.feed.limits import Limits
from realtime.feed.server import DEFAULT_PORT
from realtime.feed.server_messages import ServerMessage

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)
SECTIONS = re.findall(r"^### `(\w+)`$.*?```json\n(.*?)\n```", TEXT, re.MULTILINE | re.DOTALL)


def types(union):
    return {cls.__dataclass_fields__["type"].default for cls in get_args(union)}


@pytest.mark.parametrize(("kind", "example"), SECTIONS, ids=[kind for kind, _ in SECTIONS])
def test_an_example_is_a_message_just_as_it_would_be_written(kind, example):
    assert json.loads(example)["type"] == kind
    if kind in types(Event):
        assert encode(*decode(example)) == example
    elif kind in types(ClientMessage):
        assert write(read_client(example)) == example
    else:
        assert write(read_server(example)) == example


def test_every_type_of_message_has_its_own_heading_and_example():
    headings = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert headings == [kind for kind, _ in SECTIONS]
    assert set(headings) == types(Event) | types(ClientMessage) | types(ServerMessage)
    assert len(headings) == len(set(headings))


def test_the_other_examples_are_understood_as_well():
    others = [example for example in EXAMPLES if example not in dict(SECTIONS).values()]
    assert others
    assert all(isinstance(read_client(example), Identify) for example in others)


def test_the_close_codes_are_those_of_the_program_with_their_meaning_and_advice():
    rows = dict(re.findall(r"^\| (\d{4}) \| (.*) \|$", TEXT, re.MULTILINE))
    for code in CloseCode:
        assert rows.pop(str(int(code))) == f"{code.meaning} | {code.advice}"
    assert set(rows) == {"1002", "1009"}


def test_the_numbers_and_addresses_are_those_of_the_program():
    limits = Limits()
    for words in (
        f"ws://127.0.0.1:{DEFAULT_PORT}{STREAM_PATH}",
        f"ws://127.0.0.1:{DEFAULT_PORT}{INGEST_PATH}",
        f"the {limits.max_history} newest",
        f"the {limits.max_log} newest",
        f"more than {limits.max_backlog} such",
        f"takes nothing for {limits.stall_s:.0f} s",
        f"at most {limits.flush_s:.0f} s until",
        f"heard nothing for {limits.ping_s:.0f} s",
        f"within another {limits.pong_s:.0f} s",
        f"within {limits.identify_s:.0f} s",
        f"frame within {limits.close_s:.0f} s",
        f"at most {limits.max_message_bytes // 1024} KiB",
        f"at most {limits.max_fragments} fragments",
        f"more than {limits.messages_per_s:.0f} messages per second",
        f"at most {limits.max_ingest_bytes // 1024 // 1024} MiB",
        f"a {limits.max_viewers + 1}th client",
        f"have {limits.max_unidentified} places of their own, besides the {limits.max_viewers}",
        f"{limits.max_identify_bytes} bytes in one message and {limits.max_identify_frames} frames",
        f"at most {limits.max_request_bytes // 1024} KiB long",
        f"more than {MAX_DEPTH} levels",
    ):
        assert words in TEXT.replace("\n", " "), words
    assert STREAM_PATH.startswith(f"/v{PROTOCOL_VERSION.partition('.')[0]}/")


def test_every_test_that_the_document_names_is_there():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)
    assert len(named) >= 16
    for file, test in named:
        sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob(file)]
        assert any(f"def {test}(" in source for source in sources), f"{file}::{test}"
