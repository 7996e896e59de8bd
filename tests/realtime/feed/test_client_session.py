"""Who a client is, what it may, and what ends the dialogue."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from core.errors import FeedError
from core.events import PROTOCOL_VERSION, Status
from core.testing import FakeClock
from realtime.feed import auth
from realtime.feed.auth import CODE_VALID_S, MAX_CODES, Authenticator, Tokens, negotiate_version
from realtime.feed.client import one_time_address
from realtime.feed.client_messages import Identify, Ping
from realtime.feed.close_codes import CloseCode
from realtime.feed.codec import read_client, write
from tests.realtime.feed.feedside import (
    Target,
    asynchronous,
    connected,
    joined,
    publish_all,
    serving,
    watching,
)
from tests.realtime.feed.test_http import fetch

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
        {
            "type": "error",
            "code": 4002,
            "field": "identify.token",
            "message": "the token is not valid; every run prints a new one: use the newest address.",
        }
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
async def test_a_right_token_always_passes_however_many_wrong_ones_come_from_the_same_address():
    async with serving() as feed:
        for number in range(60):
            async with connected(feed) as client:
                await client.say(Identify("1.0", f"wrong {number}"))
                assert await client.code() == CloseCode.AUTHENTICATION_FAILED
            if number % 10 == 9:
                async with joined(feed):
                    pass
        assert feed.counts().bad_tokens == 60


# --- one-time codes ----------------------------------------------------------------------------------


def test_a_code_is_exchanged_once_and_only_in_time():
    clock, revoked = FakeClock(), []
    authenticator = Authenticator(Tokens.drawn(), clock, revoked.append)
    code = authenticator.issue_code(("view",))
    token = authenticator.exchange_code(code)
    assert authenticator.rights(token) == ("view",)
    assert authenticator.rights(code) == ()  # it opens nothing itself
    late = authenticator.issue_code(("view", "control"))
    clock.advance(CODE_VALID_S + 0.1)
    assert authenticator.exchange_code(late) is None
    assert authenticator.exchange_code("") is None
    assert authenticator.rights(token) == ("view",)
    assert revoked == []


def test_a_code_that_is_shown_again_takes_its_token_with_it():
    revoked = []
    authenticator = Authenticator(Tokens.drawn(), FakeClock(), revoked.append)
    code, other = (authenticator.issue_code(("view",)) for _ in range(2))
    stolen, honest = authenticator.exchange_code(code), authenticator.exchange_code(other)
    assert authenticator.exchange_code(code) is None  # the browser for which it was made comes second
    assert revoked == [stolen]
    assert authenticator.rights(stolen) == ()
    assert authenticator.rights(honest) == ("view",)
    assert authenticator.exchange_code(code) is None


def test_the_codes_that_are_remembered_are_bounded():
    revoked = []
    authenticator = Authenticator(Tokens.drawn(), FakeClock(), revoked.append)
    first = authenticator.exchange_code(authenticator.issue_code(("view",)))
    for _ in range(3 * MAX_CODES):
        authenticator.issue_code(("view",))
    assert len(authenticator._codes) == MAX_CODES
    assert revoked == [first]


@asynchronous
async def test_who_has_stolen_a_code_is_put_out_when_the_browser_comes():
    async with serving() as feed:
        page = await asyncio.to_thread(one_time_address, feed.page("control"))
        assert feed.tokens.control not in page
        code = parse_qs(urlsplit(page).fragment)["code"][0]

        async def exchange():
            response, body = await asyncio.to_thread(fetch, feed, "/v1/token", **{"X-Emotrack-Code": code})
            return response.status, json.loads(body)["token"] if response.status == 200 else body.decode()

        status, stolen = await exchange()
        assert status == 200
        async with connected(feed) as thief:
            await thief.say(Identify("1.0", stolen))
            assert (await thief.hear())["rights"] == ["view", "control"]
            status, sentence = await exchange()
            assert (status, "once" in sentence) == (403, True)
            assert await thief.code() == CloseCode.AUTHENTICATION_FAILED
        async with connected(feed) as thief:
            await thief.say(Identify("1.0", stolen))
            assert await thief.code() == CloseCode.AUTHENTICATION_FAILED


@asynchronous
async def test_a_code_needs_a_token_and_gives_no_more_than_that():
    async with serving() as feed:
        for page in (f"http://127.0.0.1:{feed.port}/#token=wrong", f"http://127.0.0.1:{feed.port}/#token="):
            with pytest.raises(FeedError):
                await asyncio.to_thread(one_time_address, page)
        response, _ = await asyncio.to_thread(fetch, feed, "/v1/code")
        assert response.status == 401
        assert feed.counts().bad_tokens == 1  # a token that is missing was not shown
        code = (await asyncio.to_thread(one_time_address, feed.page_url)).partition("code=")[2]
        _, body = await asyncio.to_thread(fetch, feed, "/v1/token", **{"X-Emotrack-Code": code})
        async with connected(feed) as client:
            await client.say(Identify("1.0", json.loads(body)["token"]))
            assert (await client.hear())["rights"] == ["view"]


def test_a_feed_that_is_not_there_gives_no_code():
    with pytest.raises(FeedError, match="cannot be reached"):
        one_time_address("http://127.0.0.1:9/#token=x")


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
