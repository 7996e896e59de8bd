"""docs/protocol.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from core.events import PROTOCOL_VERSION, Event
from core.wire import decode, encode
from realtime.feed.gate import STREAM_PATH
from realtime.feed.server import DEFAULT_PORT
from realtime.feed.viewer import Close, Limits

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=[json.loads(example)["type"] for example in EXAMPLES])
def test_an_example_is_a_message_just_as_the_feed_would_write_it(example):
    assert encode(*decode(example)) == example


def test_every_type_has_an_example_under_its_own_heading():
    headings = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert headings == [json.loads(example)["type"] for example in EXAMPLES]
    assert {type(decode(example)[0]) for example in EXAMPLES} == set(get_args(Event))


def test_the_codes_numbers_and_addresses_are_those_of_the_program():
    codes = {int(code) for code in re.findall(r"^\| (\d{4}) \|", TEXT, re.MULTILINE)}
    assert {int(code) for code in Close} <= codes
    limits = Limits()
    for words in (
        f"ws://127.0.0.1:{DEFAULT_PORT}{STREAM_PATH}",
        f"the {limits.max_history} newest",
        f"more than {limits.max_backlog} such",
        f"takes nothing for {limits.stall_s:.0f} s",
        f"for at most {limits.flush_s:.0f} s",
        f"frame within {limits.close_s:.0f} s",
        f"more than {limits.max_message_bytes // 1024} KiB",
        f"a {limits.max_viewers + 1}th viewer",
    ):
        assert words in TEXT.replace("\n", " "), words
    assert STREAM_PATH.startswith(f"/v{PROTOCOL_VERSION.partition('.')[0]}/")
