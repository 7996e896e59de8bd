"""Who sends is told first, and may take consent back without any other right."""

from __future__ import annotations

import asyncio
import http.client
import json
from contextlib import closing
from dataclasses import replace

import pytest

from realtime.config import ServeConfig
from realtime.consent.ledger import Ledger
from realtime.consent.notice import notice_for
from realtime.feed.client_messages import Ingest, Mark, Withdraw
from realtime.runs.serve_sessions import Sessions
from realtime.sinks.base import FanOut
from tests.realtime.consent.agreeing import agreed
from tests.realtime.feed.feedside import asynchronous, serving, until, watching
from tests.realtime.runs.test_serve import MICROPHONE, Networks


def fetched(feed, path):
    with closing(http.client.HTTPConnection("127.0.0.1", feed.port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


@pytest.mark.parametrize("purpose", ["personal", "workplace"])
@asynchronous
async def test_the_notice_is_the_one_that_the_ledger_names_with_what_is_withheld(hello, tmp_path, purpose):
    permission = agreed(purpose, ledger=Ledger(tmp_path / "consent.jsonl"))
    sessions = Sessions(ServeConfig(), Networks(), hello, permission)
    async with serving(ingest=sessions) as feed:
        status, body = await asyncio.to_thread(fetched, feed, "/notice.json")
    expected = notice_for(purpose)
    told = json.loads(body)
    assert status == 200
    assert (told["text"], told["others"], told["purpose"]) == (expected.text, expected.others, purpose)
    assert told["version"] == next(iter(permission.ledger.entries())).notice
    assert list(told["withheld"]) == (["audio", "visual"] if purpose == "workplace" else [])


@asynchronous
async def test_a_feed_that_takes_nothing_in_has_no_notice():
    async with serving() as feed:
        assert (await asyncio.to_thread(fetched, feed, "/notice.json"))[0] == 404


@asynchronous
async def test_who_sends_may_withdraw_and_is_told_how_many_files_were_deleted(hello, tmp_path):
    config = ServeConfig.from_mapping({"run": {"out": str(tmp_path / "run")}}, where="test")
    permission = agreed(ledger=Ledger(tmp_path / "consent.jsonl"))
    sessions = Sessions(config, Networks(), replace(hello, capturing=True), permission)
    ingest = Ingest("a test", (MICROPHONE,))
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with watching(feed, "ingest", url=feed.ingest_url, ingest=ingest) as client:
            await until(lambda: list(tmp_path.glob("run/*-s1/config.yaml")))
            await client.say(Mark(1, "laughs"))
            await client.say(Withdraw(2))
            messages, code = await client.rest()
        results = {m["id"]: m["code"] for m in messages if m["type"] == "result"}
        [withdrawn] = [m for m in messages if m.get("value") == "withdrawn"]
        await sessions.close()
    assert results == {1: "forbidden", 2: "done"}
    assert withdrawn["message"] == "consent was withdrawn: 3 files of this session were deleted"
    assert not list(tmp_path.glob("run/*"))
    assert (messages[-1]["type"], code) == ("end", 4011)
    await until(lambda: [entry.means for entry in permission.ledger.entries()][-1] == "client")


def test_a_deleted_file_is_counted_and_one_that_stays_is_tried_again(tmp_path):
    gate = agreed(ledger=Ledger(tmp_path / "consent.jsonl"))
    stays, goes = tmp_path / "stays", tmp_path / "goes"
    (stays / "inside").mkdir(parents=True)
    goes.write_text("x")
    for path in (stays, goes, tmp_path / "never-written"):
        gate.traces.file(path)
    assert (gate.traces.purge(), gate.traces.deleted) == ([stays], 1)
    (stays / "inside").rmdir()
    stays.rmdir()
    stays.write_text("x")
    assert (gate.traces.purge(), gate.traces.deleted) == ([], 2)


def test_sinks_that_are_not_kept_are_closed_and_get_nothing_more(hello):
    class Noting:
        def __init__(self):
            self.said = []

        def write(self, event, seq):
            self.said.append(seq)

        def close(self):
            self.said.append("closed")

    feed, file = Noting(), Noting()
    faults = []
    sinks = FanOut({"feed": feed, "jsonl": file}, lambda name, error: faults.append((name, error)))
    sinks.write(hello, 0)
    sinks.discard_all_but(("feed", "console"))
    sinks.write(hello, 1)
    sinks.close()
    assert (feed.said, file.said) == ([0, 1, "closed"], [0, "closed"])
    assert faults == []
