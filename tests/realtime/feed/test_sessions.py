"""Sessions that clients begin: who may, what is handed over, and how they end."""

from __future__ import annotations

import asyncio

import pytest

from core.events import Status
from realtime.feed.client_messages import Finish, Identify, Ingest, IngestStream
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.server_messages import Ack
from tests.realtime.feed.feedside import asynchronous, connected, joined, serving, until, watching


class Sessions:
    """Takes in what is sent and lets the test look at it."""

    def __init__(self):
        self.feed = None
        self.opened = []
        self.full = False

    def open(self, request, tell, over):
        if self.full:
            raise Refusal(CloseCode.TRY_AGAIN_LATER, "all sessions are taken.")
        session = Session(f"s{len(self.opened) + 1}", request, tell, over)
        self.feed.open_session(session.name)
        self.opened.append(session)
        return session


class Session:
    def __init__(self, name, request, tell, over):
        self.name, self.request, self.tell, self.over = name, request, tell, over
        self.frames, self.ended = [], []

    def frame(self, data):
        if data == b"bad":
            raise Refusal(CloseCode.BAD_MESSAGE, "the header has another version.")
        self.frames.append(data)

    def finish(self):
        self.ended.append("finish")

    def lost(self):
        self.ended.append("lost")


MICROPHONE = Ingest("test", (IngestStream("microphone", "audio", 16000, "p1"),))


@asynchronous
async def test_a_client_with_the_right_to_it_begins_a_session_that_others_can_follow(hello):
    sessions = Sessions()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with connected(feed) as early:
            await early.say(Identify("1.0", feed.tokens.view))
            assert await early.code() == CloseCode.UNKNOWN_SESSION
        async with (
            joined(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client,
            joined(feed) as viewer,
        ):
            [session] = sessions.opened
            assert session.request == MICROPHONE
            assert client.identified["session"] == viewer.identified["session"] == "s1"
            await client.say(b"frame" * 100_000)
            await until(lambda: session.frames)
            await asyncio.to_thread(session.tell, Ack(0, 1, 0.1, 0.0, 0))
            assert (await client.hear())["frame"] == 1
            feed.publish(hello, 0, "s1")
            for each in (client, viewer):
                assert [m["type"] for m in await each.hear_many(2)] == ["snapshot", "hello"]
            await client.say(Finish())
            await until(lambda: session.ended)
            feed.publish(Status(1.0, "gap", "info", "The last words."), 1, "s1")
            await asyncio.to_thread(session.over)
            messages, code = await client.rest()
            assert ([m["message"] for m in messages], code) == (["The last words."], CloseCode.SESSION_OVER)
            counted = feed.counts().sent
            feed.close_session("s1")
            assert await viewer.code() == CloseCode.SESSION_OVER
            assert feed.counts().sent == counted > 0  # counters never go back
        assert session.ended == ["finish"]


@asynchronous
async def test_a_session_whose_client_is_lost_is_told_so_and_bad_frames_end_the_connection():
    sessions = Sessions()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with joined(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            await client.say(b"bad")
            assert await client.code() == CloseCode.BAD_MESSAGE
        await until(lambda: sessions.opened[0].ended == ["lost"])
        sessions.full = True
        async with watching(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            assert (client.identified["code"], await client.code()) == (1013, CloseCode.TRY_AGAIN_LATER)


@pytest.mark.parametrize(
    ("right", "options", "said", "code"),
    [
        ("control", {"ingest": MICROPHONE}, None, CloseCode.FORBIDDEN),
        ("ingest", {}, None, CloseCode.BAD_MESSAGE),
        ("ingest", {"ingest": MICROPHONE, "resume": ("r", 1)}, None, CloseCode.OUT_OF_TURN),
    ],
)
@asynchronous
async def test_the_ingest_path_is_for_those_with_the_right_to_it(right, options, said, code):
    sessions = Sessions()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with watching(feed, right, url=feed.ingest_url, **options) as client:
            assert await client.code() == code
    assert sessions.opened == []


@asynchronous
async def test_audio_has_no_place_before_identification_nor_on_the_stream():
    sessions = Sessions()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with connected(feed, feed.ingest_url) as client:
            await client.say(b"frame")
            assert await client.code() == CloseCode.OUT_OF_TURN
        async with connected(feed) as client:
            await client.say(b"frame")
            assert await client.code() == CloseCode.UNSUPPORTED_DATA
        async with joined(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            await client.say(Finish())
            await client.say(Finish())
            assert await client.code() == CloseCode.OUT_OF_TURN
