"""The client: every event once, in order, whatever happens to its connections; and it does as advised."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import FeedError
from core.events import EmotionEstimate, End, Status
from realtime.feed.client import FeedClient, address_of
from realtime.feed.client_messages import Mark, Subscription
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.limits import Limits
from realtime.feed.resume import AfterClose, ResumePosition, RetryPolicy
from realtime.feed.server import Feed
from tests.conftest import _body, _end, _hello
from tests.realtime.feed.feedside import LIMITS, Target, asynchronous, publish_all, serving, until

CONVERSATION = [_hello(), *_body(12.0), _end()]


async def at_once(pause_s):
    await asyncio.sleep(0)


def client_of(feed, right="view", **options):
    return FeedClient(feed.url, getattr(feed.tokens, right), **{"sleep": at_once, **options})


async def all_of(client):
    """Everything up to the end of the run."""
    told = []
    async for each in client:
        told.append(each)
        if isinstance(each.event, End):
            return told
    return told


def finals(events):
    """What identifies the final estimates; their numbers are rounded on the way."""
    return [(e.id, e.person, e.t1_s) for e in events if isinstance(e, EmotionEstimate) and e.final]


def cut_all(feed):
    for connection in list(feed._clients):
        connection.transport.abort()


def told_finals(told):
    return finals(each.event for each in told)


@asynchronous
async def test_a_client_that_joins_late_is_told_the_conversation_and_the_news():
    async with serving() as feed, client_of(feed) as client:
        publish_all(feed, CONVERSATION[:80])
        reading = asyncio.create_task(all_of(client))
        await until(lambda: feed.viewers)
        publish_all(feed, CONVERSATION[80:], 80)
        told = await reading
        assert client.identified.session == "main"
        assert {each.run for each in told} == {next(iter(feed._context.channels)).run}
    assert [each.seq for each in told] == sorted({each.seq for each in told})
    assert [each.event for each in told][-1] == CONVERSATION[-1]
    assert len(told_finals(told)) == 3


breaks = st.lists(st.integers(0, len(CONVERSATION)), max_size=6).map(sorted)


@settings(max_examples=15, deadline=None)
@given(breaks, st.sampled_from([4096, 3]), st.integers(0, 30))
def test_whenever_connections_break_the_finals_come_once_each_and_in_order(cuts, kept, delay):
    async def run():
        limits = replace(LIMITS, max_log=kept)
        async with serving(limits) as feed, client_of(feed) as client:
            reading = asyncio.create_task(all_of(client))
            for seq, event in enumerate(CONVERSATION):
                feed.publish(event, seq)
                if seq in cuts:
                    for _ in range(delay):  # cut off in the middle of a snapshot, a replay, or the news
                        await asyncio.sleep(0)
                    cut_all(feed)
                    await asyncio.sleep(0)
            return await reading

    told = asyncio.run(asyncio.wait_for(run(), 30))
    assert told_finals(told) == finals(CONVERSATION)
    assert [each.seq for each in told] == sorted({each.seq for each in told})
    lasting = [
        e for e in CONVERSATION if not isinstance(e, EmotionEstimate) and e.type in {"status", "marker"}
    ]
    assert [each.event for each in told if each.event in lasting] == lasting


@asynchronous
async def test_another_feed_at_the_same_place_is_another_run_and_is_followed_from_its_beginning():
    async with serving() as feed, client_of(feed) as client:
        publish_all(feed, CONVERSATION[:-1])
        reading = asyncio.create_task(all_of(client))
        await until(lambda: feed.viewers)
        port, tokens = feed.port, feed.tokens
        await feed.close()
        second = Feed(port=port, tokens=tokens, limits=LIMITS)
        await second.start()
        publish_all(second, CONVERSATION)
        told = await reading
        await second.close()
    assert len({each.run for each in told}) == 2
    assert [type(each.event).__name__ for each in told].count("Hello") == 2
    assert len(told_finals(told)) == 6


@asynchronous
async def test_what_is_hopeless_is_raised_with_its_advice():
    async with serving() as feed:
        for options, code in [
            ({"token": "wrong"}, CloseCode.AUTHENTICATION_FAILED),
            ({"token": feed.tokens.ingest}, CloseCode.FORBIDDEN),
            ({"token": feed.tokens.view, "session": "other"}, CloseCode.UNKNOWN_SESSION),
        ]:
            async with FeedClient(feed.url, **options) as client:
                with pytest.raises(Refusal) as caught:
                    await all_of(client)
                assert caught.value.code is code
                assert caught.value.code.advice
        async with FeedClient(feed.url.replace("stream", "stream?x=1"), feed.tokens.view) as client:
            with pytest.raises(FeedError, match="answers 400: Tokens and options belong"):
                await all_of(client)


@asynchronous
async def test_a_feed_that_is_full_or_not_there_is_tried_again_until_patience_ends():
    pauses = []

    async def sleep(pause_s):
        pauses.append(pause_s)

    retry = RetryPolicy(first_s=1.0, longest_s=4.0, patience_s=0.2, chance=lambda: 0.5)
    async with (
        serving(Limits(max_viewers=0)) as feed,
        client_of(feed, retry=retry, sleep=sleep) as client,
    ):
        with pytest.raises(FeedError, match=r"cannot be reached: .*503"):
            await all_of(client)
    assert pauses[:4] == [1.0, 2.0, 4.0, 4.0]
    async with client_of(feed, retry=retry, sleep=sleep) as client:
        with pytest.raises(FeedError, match="cannot be reached"):
            await all_of(client)


@asynchronous
async def test_requests_are_answered_while_the_iteration_goes_on():
    target = Target()
    async with serving(control=target) as feed, client_of(feed, "control") as client:
        with pytest.raises(FeedError, match="no connection"):
            await client.ping()
        publish_all(feed, CONVERSATION[:10])
        reading = asyncio.create_task(all_of(client))
        await until(lambda: feed.viewers)
        await until(lambda: client._socket is not None)
        result = await client.request(Mark(0, "laughs"))
        assert (result.ok, target.asked) == (True, [("mark", "laughs", None)])
        assert (await client.ping()).seq == 9
        target.error = FeedError("Not now.")
        assert (await client.request(Mark(0))).message == "Not now."
        publish_all(feed, [_end()], 10)
        await reading


@asynchronous
async def test_only_what_was_asked_for_is_told():
    async with serving() as feed:
        publish_all(feed, CONVERSATION)
        async with client_of(
            feed, subscription=Subscription(("estimate",), ("p2",), rolling=False)
        ) as client:
            told = await all_of(client)
    assert [each.event.type for each in told] == ["hello", "estimate", "end"]


@asynchronous
async def test_the_end_of_a_session_ends_the_iteration():
    class Nobody:
        def open(self, request, tell, over):
            raise AssertionError

    async with serving(ingest=Nobody()) as feed:
        feed.open_session("s1")
        publish_all(feed, CONVERSATION[:3], session="s1")
        async with client_of(feed, session="s1") as client:
            reading = asyncio.create_task(all_of(client))
            await until(lambda: feed.viewers)
            feed.close_session("s1")
            assert len(await reading) == 3


def test_a_place_lets_nothing_through_twice_nor_before_it_knows_the_run():
    position = ResumePosition()
    status = Status(0.0, "gap", "info", "x")
    assert position.accept(status, 0) is None
    assert position.resume is None
    assert position.decide(CloseCode.UNKNOWN_SESSION) is AfterClose.AGAIN  # there may be one soon
    assert ResumePosition("s1").decide(CloseCode.UNKNOWN_SESSION) is AfterClose.FAIL


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_pauses_double_up_to_a_bound_and_are_spread(chance):
    retry = RetryPolicy(0.5, 15.0, chance=lambda: chance)
    pauses = [retry.pause_s(n) / (0.5 + chance) for n in (1, 2, 3, 10, 10_000)]
    assert pauses == pytest.approx([0.5, 1.0, 2.0, 15.0, 15.0])


def test_the_printed_address_says_where_the_stream_is_and_what_opens_it():
    assert address_of("http://127.0.0.1:8765/#token=abc-_") == ("ws://127.0.0.1:8765/v1/stream", "abc-_")
    assert address_of("https://[::1]:1/#token=t")[0] == "wss://[::1]:1/v1/stream"
    for wrong in ("http://127.0.0.1:8765/", "ws://127.0.0.1/#token=a", ""):
        with pytest.raises(FeedError, match=r"ends in #token="):
            address_of(wrong)
