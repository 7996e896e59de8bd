"""Who a client is, what it may, and what ends the dialogue."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import FeedError, NotAvailable
from core.events import PROTOCOL_VERSION, Correction, Marker, Status
from core.testing import FakeClock
from realtime.feed import admission
from realtime.feed.admission import negotiated
from realtime.feed.answers import Ack
from realtime.feed.closing import Close, Refusal
from realtime.feed.codec import read_client, write
from realtime.feed.control import MAX_WAITING, RunControl
from realtime.feed.requests import (
    Correct,
    Finish,
    Identify,
    Ingest,
    IngestStream,
    Mark,
    Mute,
    Ping,
    Start,
    Stop,
)
from realtime.feed.tokens import Tokens
from realtime.sinks.memory import MemorySink
from tests.realtime.feedside import (
    LIMITS,
    asynchronous,
    connected,
    joined,
    publish_all,
    serving,
    until,
    watching,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "feed.v1.0.jsonl"

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
    assert code == Close.AUTHENTICATION_FAILED


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
        assert await late.code() == Close.IDENTIFY_TIMEOUT
        await client.say(Ping(2))
        assert (await client.hear())["type"] == "pong"


@pytest.mark.parametrize(("theirs", "both"), [("1.0", "1.0"), ("1.7", "1.0"), ("1.9999", "1.0")])
def test_both_sides_go_on_with_the_lower_minor_version(theirs, both):
    assert negotiated(theirs, "1.0") == both
    assert negotiated("1.0", "1.4") == "1.0"
    assert negotiated("1.7", "1.4") == "1.4"


@pytest.mark.parametrize(
    ("theirs", "code"),
    [
        ("2.0", Close.UNSUPPORTED_VERSION),
        ("0.9", Close.UNSUPPORTED_VERSION),
        ("1", Close.BAD_MESSAGE),
        ("one", Close.BAD_MESSAGE),
        ("1.0.0", Close.BAD_MESSAGE),
        ("01.0", Close.BAD_MESSAGE),
        ("1.0\n", Close.BAD_MESSAGE),
        ("", Close.BAD_MESSAGE),
    ],
)
@asynchronous
async def test_a_version_that_the_feed_does_not_speak_is_refused_and_its_own_is_named(theirs, code):
    async with serving() as feed, watching(feed, protocol=theirs) as client:
        assert client.identified["code"] == await client.code() == code
        assert client.identified["field"] == "identify.protocol"
        assert PROTOCOL_VERSION in client.identified["message"] or code is Close.BAD_MESSAGE


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
        assert await client.code() == Close.OUT_OF_TURN


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
                assert await client.code() == Close.AUTHENTICATION_FAILED
        with pytest.raises(Exception, match="HTTP 429"):
            async with connected(feed):
                pass
        clock.advance(1.1)
        async with joined(feed):
            pass
        assert feed.counts().bad_tokens == 3


# --- control -----------------------------------------------------------------------------------------


class Target:
    """Notes what it is asked, and fails as told."""

    def __init__(self):
        self.asked = []
        self.error = None

    def _do(self, *what):
        if self.error is not None:
            raise self.error
        self.asked.append(what)

    def start(self):
        self._do("start")

    def stop(self):
        self._do("stop")

    def mute(self, modality, *, muted):
        self._do("mute", modality, muted)

    def mark(self, label, t_s):
        self._do("mark", label, t_s)

    def correct(self, estimate, person, labels):
        self._do("correct", estimate, person, labels)


REQUESTS = [
    Start(1),
    Stop(2),
    Mute(3, "audio", True),
    Mark(4, "laughs", 1.5),
    Correct(5, "u1", "p1", ("fear",)),
]


@asynchronous
async def test_a_client_with_the_right_to_it_controls_the_run():
    target = Target()
    async with serving(control=target) as feed, joined(feed, "control") as client:
        for request in REQUESTS:
            await client.say(request)
            result = await client.hear()
            assert result == {"type": "result", "id": request.id, "ok": True, "code": "done", "message": ""}
        target.error = NotAvailable("A recording cannot be muted.")
        await client.say(REQUESTS[2])
        unsupported = await client.hear()
        target.error = FeedError("There is no run.")
        await client.say(REQUESTS[1])
        refused = await client.hear()
    assert target.asked == [
        ("start",), ("stop",), ("mute", "audio", True), ("mark", "laughs", 1.5),
        ("correct", "u1", "p1", ("fear",)),
    ]  # fmt: skip
    assert (unsupported["ok"], unsupported["code"]) == (False, "unsupported")
    assert (refused["code"], refused["message"]) == ("refused", "There is no run.")


@pytest.mark.parametrize("request_", REQUESTS, ids=[request.type for request in REQUESTS])
@asynchronous
async def test_a_viewer_can_request_nothing_and_keeps_its_connection(request_):
    target = Target()
    async with serving(control=target) as feed, joined(feed, "view") as client:
        await client.say(request_)
        result = await client.hear()
        await client.say(Ping(1))
        assert (await client.hear())["type"] == "pong"
    assert (result["id"], result["ok"], result["code"]) == (request_.id, False, "forbidden")
    assert target.asked == []


@asynchronous
async def test_a_failure_of_the_program_ends_the_connection_that_met_it_and_no_other(caplog):
    target = Target()
    target.error = RuntimeError("a bug of ours")
    async with serving(control=target) as feed, joined(feed) as other, joined(feed, "control") as client:
        await client.say(Stop(1))
        assert await client.code() == Close.INTERNAL_ERROR
        await other.say(Ping(1))
        assert (await other.hear())["type"] == "pong"
    assert "could not be handled" in caplog.text


@asynchronous
async def test_without_anybody_to_carry_them_out_requests_are_answered_so():
    async with serving() as feed, joined(feed, "control") as client:
        await client.say(Stop(1))
        assert (await client.hear())["code"] == "unsupported"


# --- the control of a run ----------------------------------------------------------------------------


def test_without_requests_a_run_passes_as_it_is(conversation):
    sink = MemorySink()
    through = RunControl(threading.Event()).before(sink)
    for seq, event in enumerate(conversation):
        through.write(event, seq)
    through.close()
    assert sink.events == [(event, seq) for seq, event in enumerate(conversation)]


def test_marks_and_corrections_come_between_the_events_and_numbers_stay_without_holes(conversation):
    written = []

    class Noting:
        def write(self, event, seq):
            written.append((seq, event))

        def close(self):
            written.append("closed")

    control = RunControl(threading.Event())
    through = control.before(Noting())
    for seq, event in enumerate(conversation):
        if seq == 10:
            control.mark("now", None)
            control.mark("then", 0.25)
        if seq == 20:
            control.correct("u1", "p1", ("fear", "surprise"))
        through.write(event, seq)
    through.close()
    assert written.pop() == "closed"
    assert [seq for seq, _ in written] == list(range(len(conversation) + 3))
    mine = [event for seq, event in written if seq in {10, 11, 22}]
    now_s = mine[0].t_s
    assert mine[:2] == [Marker(now_s, "now"), Marker(0.25, "then")]
    assert (type(mine[2]), mine[2].labels, mine[2].estimate) == (Correction, ("fear", "surprise"), "u1")
    assert 0.25 < now_s < mine[2].t_s
    assert [event for _, event in written if event not in mine] == list(conversation)


def test_what_a_replay_cannot_do_or_not_now_is_refused(conversation, hello):
    interrupted = threading.Event()
    control = RunControl(interrupted)
    through = control.before(MemorySink())
    for ask in (control.stop, lambda: control.mark("", None), lambda: control.correct("u1", "p1", None)):
        with pytest.raises(FeedError, match="no run"):
            ask()
    through.write(hello, 0)
    for ask in (control.start, lambda: control.mute("audio", muted=True)):
        with pytest.raises(NotAvailable):
            ask()
    with pytest.raises(FeedError, match="not come yet"):
        control.mark("later", 99.0)
    with pytest.raises(FeedError, match="does not know"):
        control.correct("u1", "p1", ("hunger",))
    for _ in range(MAX_WAITING):
        control.mark("", None)
    with pytest.raises(FeedError, match="Too many"):
        control.mark("", None)
    assert not interrupted.is_set()
    control.stop()
    assert interrupted.is_set()
    through.write(conversation[-1], 1)
    with pytest.raises(FeedError, match="no run"):
        control.stop()


# --- ingest ------------------------------------------------------------------------------------------


class Sessions:
    """Takes in what is sent and lets the test look at it."""

    def __init__(self):
        self.feed = None
        self.opened = []
        self.full = False

    def open(self, request, tell, over):
        if self.full:
            raise Refusal(Close.TRY_AGAIN_LATER, "all sessions are taken.")
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
            raise Refusal(Close.BAD_MESSAGE, "the header has another version.")
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
            assert await early.code() == Close.UNKNOWN_SESSION
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
            assert ([m["message"] for m in messages], code) == (["The last words."], Close.SESSION_OVER)
            feed.close_session("s1")
            assert await viewer.code() == Close.SESSION_OVER
        assert session.ended == ["finish"]


@asynchronous
async def test_a_session_whose_client_is_lost_is_told_so_and_bad_frames_end_the_connection():
    sessions = Sessions()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with joined(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            await client.say(b"bad")
            assert await client.code() == Close.BAD_MESSAGE
        await until(lambda: sessions.opened[0].ended == ["lost"])
        sessions.full = True
        async with watching(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            assert (client.identified["code"], await client.code()) == (1013, Close.TRY_AGAIN_LATER)


@pytest.mark.parametrize(
    ("right", "options", "said", "code"),
    [
        ("control", {"ingest": MICROPHONE}, None, Close.FORBIDDEN),
        ("ingest", {}, None, Close.BAD_MESSAGE),
        ("ingest", {"ingest": MICROPHONE, "resume": ("r", 1)}, None, Close.OUT_OF_TURN),
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
            assert await client.code() == Close.OUT_OF_TURN
        async with connected(feed) as client:
            await client.say(b"frame")
            assert await client.code() == Close.UNSUPPORTED_DATA
        async with joined(feed, "ingest", url=feed.ingest_url, ingest=MICROPHONE) as client:
            await client.say(Finish())
            await client.say(Finish())
            assert await client.code() == Close.OUT_OF_TURN


# --- old clients, new servers ------------------------------------------------------------------------


def test_an_old_client_is_understood_by_a_new_server_and_understands_it(conversation, monkeypatch):
    """The golden conversation was held by a client of 1.0. What it said must stay valid, and what it was
    answered may only gain fields."""
    said = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    monkeypatch.setattr(admission, "PROTOCOL_VERSION", "1.3")
    monkeypatch.setattr("realtime.feed.dialogue.PROTOCOL_VERSION", "1.3")
    monkeypatch.setattr(admission.negotiated, "__defaults__", ("1.3",))

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
