"""The feed as clients meet it: what they are told, how fast, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from contextlib import AsyncExitStack, closing
from dataclasses import replace

import pytest
from websockets.sync.client import connect as connect_sync

from core.errors import FeedError
from core.events import EmotionEstimate, Status, Transcript
from core.testing import FakeClock
from core.wire import decode, encode
from realtime.feed.client_messages import Ping, Subscribe
from realtime.feed.close_codes import CloseCode
from realtime.feed.server import Feed
from realtime.feed.sink import FeedSink
from tests.realtime.feed.feedside import (
    LIMITS,
    asynchronous,
    connected,
    joined,
    not_reading,
    publish_all,
    serving,
    until,
    watching,
)


def only(conversation, kind, **attributes):
    return next(
        e for e in conversation
        if isinstance(e, kind) and all(getattr(e, name) == value for name, value in attributes.items())
    )  # fmt: skip


# --- what viewers are told ---------------------------------------------------------------------------


@asynchronous
async def test_a_viewer_receives_every_event_in_order_letter_by_letter(conversation):
    async with serving() as feed, joined(feed) as client:
        assert client.snapshot == {
            "type": "snapshot",
            "reason": "joined",
            "run": None,
            "seq": None,
            "count": 0,
        }
        feed.publish(conversation[0], 0)
        assert (await client.hear())["reason"] == "new_run"
        assert await client.text() == encode(conversation[0], 0)
        for seq, event in enumerate(conversation[1:], 1):
            feed.publish(event, seq)
            assert await client.text() == encode(event, seq)


@asynchronous
async def test_a_viewer_who_joins_late_is_told_the_conversation_so_far_and_then_the_news(conversation):
    async with serving() as feed:
        half = len(conversation) // 2
        publish_all(feed, conversation[:half])
        async with joined(feed) as client:
            publish_all(feed, conversation[half:], half)
            closing_ = asyncio.create_task(feed.close())
            news, code = await client.rest()
            await closing_
    told = [*client.past, *news]
    numbers = [seq for _, seq in (decode(json.dumps(message)) for message in told)]
    assert code == 1001
    assert (client.snapshot["reason"], client.snapshot["seq"]) == ("joined", half - 1)
    assert told[0]["type"] == "hello"
    assert numbers == sorted(set(numbers))
    finals = {message["id"] for message in client.past if message["type"] == "estimate" and message["final"]}
    assert finals == {e.id for e in conversation[:half] if isinstance(e, EmotionEstimate) and e.final}
    rolling = [m["person"] for m in client.past if m["type"] == "estimate" and not m["final"]]
    assert sorted(rolling) == ["p1", "p2"]
    assert told[-1]["type"] == "end"


@asynchronous
async def test_a_new_run_on_an_open_connection_is_announced_and_begins_a_new_history(conversation, hello):
    async with serving() as feed:
        publish_all(feed, conversation)
        async with joined(feed) as old:
            feed.publish(replace(hello, source="another"), 0)
            announced, first = await old.hear_many(2)
            async with joined(feed) as new:
                pass
    assert (announced["type"], announced["reason"], announced["count"]) == ("snapshot", "new_run", 0)
    assert first["source"] == "another"
    assert [message["source"] for message in new.past] == ["another"]
    assert announced["run"] == new.snapshot["run"] != old.snapshot["run"]


@asynchronous
async def test_a_subscription_says_which_events_come_and_can_be_changed(conversation):
    async with serving() as feed:
        publish_all(feed, conversation)
        async with joined(feed, subscribe={"kinds": ("transcript",), "persons": ("p1",)}) as client:
            assert {message["type"] for message in client.past} == {"hello", "transcript", "end"}
            assert {message.get("person") for message in client.past} == {None, "p1"}
            await client.say(Subscribe(kinds=("estimate",), rolling=False))
            snapshot, past = await client.told()
    assert snapshot["reason"] == "subscribed"
    assert {message["type"] for message in past} == {"hello", "estimate", "end"}
    assert all(message["final"] for message in past if message["type"] == "estimate")


@asynchronous
async def test_rolling_estimates_come_at_the_rate_that_a_client_asked_for_and_finals_always(conversation):
    estimate = only(conversation, EmotionEstimate, person="p1", final=False)
    clock = FakeClock()
    async with serving(clock=clock) as feed:
        feed.publish(conversation[0], 0)
        async with joined(feed, subscribe={"rate_hz": 2.0}) as client:
            for seq in range(1, 41):
                clock.advance(0.1)
                feed.publish(replace(estimate, final=seq % 10 == 0), seq)
            await client.say(Ping(1))
            told = []
            while (message := await client.hear())["type"] != "pong":
                told.append(message)
    assert [m["seq"] for m in told if m["final"]] == [10, 20, 30, 40]
    assert 7 <= sum(not m["final"] for m in told) <= 9
    assert message["sent"] + message["filtered"] == 40


# --- resuming ----------------------------------------------------------------------------------------


@asynchronous
async def test_a_client_that_comes_back_is_told_exactly_what_it_missed(conversation):
    async with serving() as feed:
        half, more = len(conversation) // 2, 3 * len(conversation) // 4
        publish_all(feed, conversation[:half])
        async with joined(feed) as client:
            run = client.identified["run"]
        publish_all(feed, conversation[half:more], half)
        async with watching(feed, resume=(run, half - 1)) as client:
            assert client.identified["resumed"]
            replay, missed = await client.told()
            publish_all(feed, conversation[more:], more)
            news = await client.hear_many(len(conversation) - more)
    assert replay == {"type": "replay", "run": run, "after": half - 1, "seq": more - 1, "count": len(missed)}
    lasting = [
        seq for seq, e in enumerate(conversation) if not (isinstance(e, EmotionEstimate) and not e.final)
    ]
    got = [
        message["seq"] for message in missed if not (message["type"] == "estimate" and not message["final"])
    ]
    assert got == [seq for seq in lasting if half <= seq < more]
    assert len([m for m in missed if m["type"] == "estimate" and not m["final"]]) == 2
    assert [message["seq"] for message in news] == list(range(more, len(conversation)))


@asynchronous
async def test_when_too_much_was_missed_the_gap_is_said_and_a_snapshot_follows(conversation):
    async with serving(replace(LIMITS, max_log=4)) as feed:
        publish_all(feed, conversation[:20])
        async with joined(feed) as client:
            run = client.identified["run"]
        publish_all(feed, conversation[20:], 20)
        async with watching(feed, resume=(run, 5)) as client:
            assert not client.identified["resumed"]
            gap, (snapshot, past) = await client.told()
    assert (gap["type"], gap["run"], gap["after"]) == ("gap", run, 5)
    assert gap["known_from"] > 5
    assert (snapshot["reason"], past[0]["type"], past[-1]["type"]) == ("gap", "hello", "end")


@pytest.mark.parametrize(("run", "seq"), [("r0", 3), (None, 10_000), (None, 2**53)])
@asynchronous
async def test_a_number_of_another_run_or_of_the_future_is_refused(conversation, run, seq):
    async with serving() as feed:
        publish_all(feed, conversation)
        async with joined(feed) as client:
            mine = client.identified["run"]
        async with watching(feed, resume=(run or mine, seq)) as client:
            assert (client.identified["type"], client.identified["code"]) == ("error", 4007)
            assert await client.code() == CloseCode.RESUME_REFUSED


@asynchronous
async def test_a_storm_of_reconnecting_clients_loses_no_final(conversation):
    async with serving() as feed, AsyncExitStack() as stack:
        half = len(conversation) // 2
        publish_all(feed, conversation[:half])
        first = [await stack.enter_async_context(joined(feed)) for _ in range(60)]
        run = first[0].identified["run"]
        for connection in list(feed._clients):
            connection.transport.abort()
        publish_all(feed, conversation[half:], half)

        async def back():
            async with watching(feed, resume=(run, half - 1)) as client:
                return (await client.told())[1]

        stories = await asyncio.gather(*(back() for _ in first))
    expected = {e.id for e in conversation[half:] if isinstance(e, EmotionEstimate) and e.final}
    for missed in stories:
        assert {m["id"] for m in missed if m["type"] == "estimate" and m["final"]} == expected
        assert missed == stories[0]


# --- viewers that are slow ---------------------------------------------------------------------------


@asynchronous
async def test_a_viewer_who_pauses_gets_only_the_newest_estimates_and_nobody_waits_for_it(conversation):
    estimate = only(conversation, EmotionEstimate, person="p1", final=False)
    final = only(conversation, EmotionEstimate, final=True)
    count = 1500
    async with serving() as feed:
        feed.publish(conversation[0], 0)
        async with not_reading(feed) as paused, joined(feed) as healthy:
            for seq in range(1, count):
                feed.publish(replace(estimate, revision=seq), seq)
                assert (await healthy.hear())["seq"] == seq
            feed.publish(final, count)
            assert (await healthy.hear())["seq"] == count
            await paused.say(Ping(5))
            await asyncio.sleep(0.05)
            paused.socket.transport.resume_reading()
            told = []
            while (message := await paused.hear())["type"] != "pong":
                told.append(message)
    numbers = [entry["seq"] for entry in told]
    assert len(numbers) < count
    assert numbers == sorted(numbers)
    assert numbers[-2:] == [count - 1, count]
    assert message["sent"] + message["waiting"] == len(numbers)
    assert message["sent"] + message["waiting"] + message["conflated"] == message["seq"] == count
    assert message["conflated"] > 0


@asynchronous
async def test_a_viewer_whose_backlog_is_too_long_is_disconnected_and_the_others_lose_nothing(
    conversation,
):
    transcript = only(conversation, Transcript, final=True)
    async with serving(replace(LIMITS, max_backlog=100)) as feed:
        feed.publish(conversation[0], 0)
        async with not_reading(feed) as stalled, joined(feed) as healthy:
            seq = 0
            while feed.viewers == 2:
                seq += 1
                feed.publish(replace(transcript, utterance=f"u{seq}"), seq)
                assert (await healthy.hear())["seq"] == seq
            stalled.socket.transport.resume_reading()
            messages, code = await stalled.rest()
        run = stalled.identified["run"]
        async with watching(feed, resume=(run, messages[-1]["seq"])) as again:
            missed = (await again.told())[1]
    assert code in {4008, 1006}  # cut off when not even the close frame finds room
    numbers = [message["seq"] for message in [*messages, *missed]]
    assert numbers == list(range(1, seq + 1))
    assert len(messages) < seq


@asynchronous
async def test_a_viewer_who_takes_nothing_for_too_long_is_disconnected_with_the_code_for_it(conversation):
    transcript = only(conversation, Transcript, final=True)
    clock = FakeClock()
    async with serving(replace(LIMITS, close_s=5.0), clock=clock) as feed:
        feed.publish(conversation[0], 0)
        async with not_reading(feed) as stalled:
            for seq in range(1, 500):
                feed.publish(replace(transcript, utterance=f"u{seq}"), seq)
            connection = next(iter(feed._clients))
            await until(lambda: connection.paused)
            clock.advance(LIMITS.stall_s - 0.1)
            feed.tick()
            assert not connection.end_reason.done()
            clock.advance(0.2)
            feed.tick()
            await until(connection.end_reason.done)
            stalled.socket.transport.resume_reading()
            assert await stalled.code() == CloseCode.TOO_SLOW


# --- being there -------------------------------------------------------------------------------------


@asynchronous
async def test_a_client_of_which_nothing_is_heard_is_asked_and_then_disconnected():
    clock = FakeClock()
    async with serving(clock=clock) as feed, joined(feed) as alive, joined(feed) as silent:
        silent.socket.transport.pause_reading()
        clock.advance(LIMITS.ping_s + 0.1)
        feed.tick()
        await until(lambda: sum(d._ping_sent_s is not None for d in feed._clients.values()) == 1)
        clock.advance(LIMITS.pong_s + 0.1)
        feed.tick()
        silent.socket.transport.resume_reading()
        assert await silent.code() == CloseCode.SILENT
        await alive.say(Ping(1))
        assert (await alive.hear())["type"] == "pong"


@asynchronous
async def test_a_client_may_ask_whether_the_feed_is_there_and_is_told_its_accounts(conversation):
    async with serving() as feed:
        publish_all(feed, conversation)
        async with joined(feed, subscribe={"kinds": ()}) as client:
            feed.publish(Status(1.0, "gap", "info", "A gap."), len(conversation))
            await client.say(Ping(77))
            pong = await client.hear()
    assert pong == {
        "type": "pong", "id": 77, "run": client.identified["run"], "seq": len(conversation),
        "sent": 0, "conflated": 0, "filtered": 1, "waiting": 0,
    }  # fmt: skip


# --- the end, and threads ----------------------------------------------------------------------------


@asynchronous
async def test_at_the_end_viewers_receive_what_waits_and_are_sent_away(conversation):
    feed = Feed(port=0, limits=LIMITS)
    await feed.start()
    async with not_reading(feed) as slow, joined(feed) as client, connected(feed) as stranger:
        publish_all(feed, conversation)
        closing_ = asyncio.create_task(feed.close())
        slow.socket.transport.resume_reading()
        for each in (client, slow):
            messages, code = await each.rest()
            assert (messages[-1]["type"], code) == ("end", CloseCode.GOING_AWAY)
        assert await stranger.code() == CloseCode.GOING_AWAY
        await closing_
    await feed.close()
    with pytest.raises(FeedError, match="not open"):
        feed.publish(conversation[0], 0)


def test_events_written_from_another_thread_arrive_in_order(conversation):
    with closing(FeedSink(port=0, limits=LIMITS)) as feed:
        with connect_sync(feed.url, compression=None, proxy=None) as client:
            client.recv(timeout=10)
            client.send(json.dumps({"type": "identify", "protocol": "1.0", "token": feed.tokens.view}))
            assert json.loads(client.recv(timeout=10))["type"] == "identified"
            statuses = [Status(float(n), "gap", "info", "A gap.") for n in range(500)]

            def write():
                for seq, event in enumerate([conversation[0], *statuses]):
                    feed.write(event, seq)

            writer = threading.Thread(target=write)
            writer.start()
            heard = [json.loads(client.recv(timeout=10)) for _ in range(503)]
            writer.join()
        feed.close()
        feed.close()
        with pytest.raises(FeedError):
            feed.write(conversation[0], 0)
    assert [message["reason"] for message in heard if message["type"] == "snapshot"] == ["joined", "new_run"]
    assert [message["seq"] for message in heard if message["type"] != "snapshot"] == list(range(501))


@asynchronous
async def test_neither_words_of_the_conversation_nor_tokens_ever_reach_the_log(conversation, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.client").setLevel(logging.WARNING)
    async with serving() as feed:
        async with joined(feed) as client:
            publish_all(feed, conversation)
            await client.hear_many(len(conversation) + 1)
        async with connected(feed) as wrong:
            await wrong.say(
                '{"type":"identify","protocol":"1.0","token":"' + feed.tokens.view + '","colour":1}'
            )
            assert await wrong.code() == CloseCode.BAD_MESSAGE
        await until(lambda: not feed._clients)
        assert repr(feed.tokens) == "Tokens()"
        for token in (feed.tokens.view, feed.tokens.control, feed.tokens.ingest):
            assert token not in caplog.text
    assert "event=closed" in caplog.text
    assert "code=4000 session=- rights=-" in caplog.text
    assert "jacket" not in caplog.text
