"""Who follows a run is told how far it is behind, where that is known and asked for."""

from __future__ import annotations

from contextlib import closing

from core.events import PROTOCOL_VERSION, Status
from core.testing import FakeClock
from realtime.feed.client_messages import Identify
from realtime.feed.sink import FeedSink
from tests.realtime.feed.feedside import asynchronous, connected, joined, publish_all, serving


async def identified(feed, client):
    await client.say(Identify(PROTOCOL_VERSION, feed.tokens.view, capabilities=("lag",)))
    return await client.hear()


@asynchronous
async def test_lag_is_told_to_those_who_asked_for_it_and_to_those_who_join_later(conversation):
    async with serving(tells_lag=True) as feed, connected(feed) as first, joined(feed) as old:
        publish_all(feed, conversation[:1])
        assert (await identified(feed, first))["capabilities"] == ["lag"]
        await first.told()
        feed.tell_lag(94.87)
        assert await first.hear() == {"type": "lag", "behind_s": 94.9}
        async with connected(feed) as late:
            await identified(feed, late)
            await late.told()
            assert await late.hear() == {"type": "lag", "behind_s": 94.9}
        feed.publish(conversation[1], 1)
        assert [(await old.hear())["type"] for _ in range(3)] == ["snapshot", "hello", conversation[1].type]


@asynchronous
async def test_a_new_run_forgets_the_lag_of_the_one_before(hello):
    async with serving(tells_lag=True) as feed:
        feed.publish(hello, 0)
        feed.tell_lag(3.0)
        feed.publish(hello, 0)
        feed.publish(Status(1.0, "gap", "info", "A gap."), 1)
        async with connected(feed) as client:
            await identified(feed, client)
            await client.told()
            feed.publish(Status(2.0, "gap", "info", "A gap."), 2)
            assert (await client.hear())["type"] == "status"


@asynchronous
async def test_a_feed_that_does_not_know_does_not_offer_it(hello):
    async with serving() as feed, connected(feed) as client:
        assert (await identified(feed, client))["capabilities"] == []


def test_a_replay_that_falls_behind_says_so_at_most_once_a_second(hello):
    clock, told = FakeClock(), []
    with closing(FeedSink(port=0, pace=1.0, monotonic=clock)) as feed:
        feed._feed.tell_lag = told.append
        feed.write(hello, 0)
        for seq in range(1, 41):
            clock.advance(0.25)
            feed.write(Status(seq * 0.05, "gap", "info", "A gap."), seq)
    assert [round(behind_s, 2) for behind_s in told] == [round(0.8 * n, 2) for n in range(11)]
    with closing(FeedSink(port=0)) as feed:
        feed._feed.tell_lag = told.append
        feed.write(hello, 0)
    assert len(told) == 11
