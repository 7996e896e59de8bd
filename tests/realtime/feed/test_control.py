"""What clients may do to a run: requests, and what becomes of them."""

from __future__ import annotations

import threading

import pytest

from core.errors import FeedError, NotAvailable
from core.events import Correction, Marker
from realtime.feed.client_messages import Correct, Mark, Mute, Ping, Start, Stop, Withdraw
from realtime.feed.close_codes import CloseCode
from realtime.feed.control import MAX_WAITING, RunControl
from realtime.sinks.memory import MemorySink
from tests.realtime.feed.feedside import Target, asynchronous, joined, serving

REQUESTS = [
    Start(1),
    Stop(2),
    Mute(3, "audio", True),
    Mark(4, "laughs", 1.5),
    Correct(5, "u1", "p1", ("fear",)),
    Withdraw(6),
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
        ("correct", "u1", "p1", ("fear",)), ("withdraw",),
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
        assert await client.code() == CloseCode.INTERNAL_ERROR
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
    for ask in (control.start, control.withdraw, lambda: control.mute("audio", muted=True)):
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
