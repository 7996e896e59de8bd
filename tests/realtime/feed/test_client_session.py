"""Who a client is, what it may, and what ends the dialogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.events import PROTOCOL_VERSION, Status
from core.testing import FakeClock
from realtime.feed import auth
from realtime.feed.auth import negotiate_version
from realtime.feed.client_messages import Identify, Ping
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import read_client, write
from realtime.feed.tokens import Tokens
from tests.realtime.feed.feedside import (
    LIMITS,
    Target,
    asynchronous,
    connected,
    joined,
    publish_all,
    serving,
    watching,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "feed.v1.0.jsonl"

# --- the handshake -----------------------------------------------------------------------------------


@asynchronous
async def test_nothing_about_the_run_is_told_before_the_token_was_right(conversation):
    async with serving() as feed:
        publish_all(feed, conversation)
        async with connected(feed) as client:
            feed.publish(Status(1.0, "gap", "info", "A gap."), 200)
            await client.say(Identify("1.0", "wrong"))
            messages, code = await client.rest()
    assert messages == [
        {"type": "error", "code": 4002, "field": "identify.token", "message": "the token is wrong."}
    ]
    assert code == CloseCode.AUTHENTICATION_FAILED


@asynchronous
async def test_a_client_that_does_not_identify_itself_in_time_is_disconnected():
    clock = FakeClock()
    async with serving(clock=clock) as feed, joined(feed) as client, connected(feed) as late:
        clock.advance(1.9)
        feed.tick()
        await client.say(Ping(1))
        assert (await client.hear())["type"] == "pong"
        clock.advance(0.2)
        feed.tick()
        assert await late.code() == CloseCode.IDENTIFY_TIMEOUT
        await client.say(Ping(2))
        assert (await client.hear())["type"] == "pong"


@pytest.mark.parametrize(("theirs", "both"), [("1.0", "1.0"), ("1.7", "1.0"), ("1.9999", "1.0")])
def test_both_sides_go_on_with_the_lower_minor_version(theirs, both):
    assert negotiate_version(theirs, "1.0") == both
    assert negotiate_version("1.0", "1.4") == "1.0"
    assert negotiate_version("1.7", "1.4") == "1.4"


@pytest.mark.parametrize(
    ("theirs", "code"),
    [
        ("2.0", CloseCode.UNSUPPORTED_VERSION),
        ("0.9", CloseCode.UNSUPPORTED_VERSION),
        ("1", CloseCode.BAD_MESSAGE),
        ("one", CloseCode.BAD_MESSAGE),
        ("1.0.0", CloseCode.BAD_MESSAGE),
        ("01.0", CloseCode.BAD_MESSAGE),
        ("1.0\n", CloseCode.BAD_MESSAGE),
        ("", CloseCode.BAD_MESSAGE),
    ],
)
@asynchronous
async def test_a_version_that_the_feed_does_not_speak_is_refused_and_its_own_is_named(theirs, code):
    async with serving() as feed, watching(feed, protocol=theirs) as client:
        assert client.identified["code"] == await client.code() == code
        assert client.identified["field"] == "identify.protocol"
        assert PROTOCOL_VERSION in client.identified["message"] or code is CloseCode.BAD_MESSAGE


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ('{"type":"ping","id":1}', 4005, None),
        ('{"type":"stop","id":1}', 4005, None),
        ('{"type":"identify","protocol":"1.0","token":"TOKEN","session":"none"}', 4004, "identify.session"),
        ('{"type":"identify","protocol":"1.0","token":"INGEST"}', 4003, None),
        ('{"type":"identify","protocol":"1.0","token":"TOKEN","ingest":{"source":"b","streams":'
         '[{"name":"m","kind":"audio"}]}}', 4005, "identify.ingest"),
    ],
)  # fmt: skip
@asynchronous
async def test_the_first_message_has_to_be_a_proper_identification(message, code, field):
    async with serving() as feed, connected(feed) as client:
        await client.say(message.replace("TOKEN", feed.tokens.view).replace("INGEST", feed.tokens.ingest))
        (error,), closed = await client.rest()
    assert (error["code"], closed, error["field"]) == (code, code, field)


@asynchronous
async def test_a_second_identification_has_no_place():
    async with serving() as feed, joined(feed) as client:
        await client.say(Identify("1.0", feed.tokens.control))
        assert await client.code() == CloseCode.OUT_OF_TURN


def test_tokens_are_random_long_compared_in_full_and_told_apart(monkeypatch):
    first, second = Tokens.drawn(), Tokens.drawn()
    values = {getattr(t, r) for t in (first, second) for r in ("view", "control", "ingest")}
    assert len(values) == 6
    assert all(len(value) >= 43 for value in values)
    assert first.rights(first.view) == ("view",)
    assert first.rights(first.control) == ("view", "control")
    assert first.rights(first.ingest) == ("ingest",)
    for wrong in ("", second.view, first.view[:-1], first.view + "x", "\ud800", "é" * 43):
        assert first.rights(wrong) == ()
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append(b) or a == b)
    first.rights(first.view)
    assert len(compared) == 3  # every time all of them, whichever fits


@asynchronous
async def test_after_too_many_wrong_tokens_an_address_has_to_wait():
    clock = FakeClock()
    async with serving(replace(LIMITS, failures=3), clock=clock) as feed:
        for _ in range(3):
            async with watching(feed, protocol="1.0") as client:
                assert client.identified["type"] == "identified"
            async with connected(feed) as client:
                await client.say(Identify("1.0", "wrong"))
                assert await client.code() == CloseCode.AUTHENTICATION_FAILED
        with pytest.raises(Exception, match="HTTP 429"):
            async with connected(feed):
                pass
        clock.advance(1.1)
        async with joined(feed):
            pass
        assert feed.counts().bad_tokens == 3


# --- old clients, new servers ------------------------------------------------------------------------


def test_an_old_client_is_understood_by_a_new_server_and_understands_it(conversation, monkeypatch):
    """The golden conversation was held by a client of 1.0. What it said must stay valid, and what it was
    answered may only gain fields."""
    said = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    monkeypatch.setattr(auth, "PROTOCOL_VERSION", "1.3")
    monkeypatch.setattr("realtime.feed.client_session.PROTOCOL_VERSION", "1.3")
    monkeypatch.setattr(auth.negotiate_version, "__defaults__", ("1.3",))

    @asynchronous
    async def play():
        async with serving(control=Target()) as feed:
            publish_all(feed, conversation[:12])
            async with joined(feed) as client:
                places = {"RUN": client.identified["run"], "TOKEN": feed.tokens.control}
            async with connected(feed) as client:
                for line in said[1:]:
                    text = json.dumps(line["message"])
                    for name, value in places.items():
                        text = text.replace(f"<{name}>", value)
                    expected = json.loads(text)
                    if line["from"] == "client":
                        read_client(text)
                        await client.say(text)
                    else:
                        answer = await client.hear()
                        assert {key: answer.get(key) for key in expected} == expected

    play()
    assert {line["from"] for line in said} == {"client", "server"}
    assert len(said) > 25


def test_the_server_of_today_speaks_the_version_of_the_golden_conversation():
    first = json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[0])
    assert first["message"]["protocols"] == ["1.0"]
    assert write(Ping(1)) == '{"type":"ping","id":1}'
