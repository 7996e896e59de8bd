"""Session after session in one server: nothing of those that are over stays."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

from matplotlib.figure import Figure

from core.engine.engine import Engine
from realtime.config import ServeConfig
from realtime.consent.gate import ConsentGate
from realtime.consent.ledger import Ledger
from realtime.feed.ingest_source import IngestSource
from realtime.runs.serve_session import ServedSession
from realtime.runs.serve_sessions import Sessions
from realtime.session.live import LiveSession
from realtime.session.worker_threads import WorkerThreads
from realtime.sinks.timeline import TimelineSink
from realtime.sinks.timeline_data import TimelineData
from realtime.sinks.timeline_figure import png
from tests.core.fakes import voice
from tests.realtime.consent.agreeing import agreed
from tests.realtime.feed.feedside import asynchronous, serving, until
from tests.realtime.runs.test_serve import MICROPHONE, Networks, all_told, send_sound, sender

SESSIONS = 10
OF_A_SESSION = (ServedSession, LiveSession, Engine, WorkerThreads, IngestSource, TimelineSink, ConsentGate)


def handles():
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0


def alive():
    gc.collect()
    kinds = [type(thing) for thing in gc.get_objects() if type(thing) in OF_A_SESSION]
    return {kind.__name__: kinds.count(kind) for kind in OF_A_SESSION}


def figures():
    gc.collect()
    return sum(type(thing) is Figure for thing in gc.get_objects())


async def one_session(feed, sessions):
    async with sender(feed, MICROPHONE) as client:
        reading = asyncio.create_task(all_told(client))
        await send_sound(client, voice(0.5, [(0.1, 0.4)]))
        await client.finish()
        events = await reading
    await until(lambda: not sessions.running and not feed._context.channels.names and not feed._clients)
    return events[-1].reason


@asynchronous
async def test_of_sessions_that_are_over_no_object_handle_or_thread_stays(hello, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("realtime.sinks.timeline_figure.png", lambda data: drawn.append(data.end_s) or b"png")
    config = ServeConfig.from_mapping(
        {"run": {"out": str(tmp_path / "runs")}, "sessions": {"linger_s": 0.0}}, where="test"
    )
    permission = agreed(ledger=Ledger(tmp_path / "consent.jsonl"))
    sessions = Sessions(config, Networks(), hello, permission)
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        assert await one_session(feed, sessions) == "finished"  # what is loaded once
        drawn.clear()
        opened, running = handles(), threading.active_count()
        for _ in range(SESSIONS):
            assert await one_session(feed, sessions) == "finished"
        assert len(drawn) == SESSIONS
        drawn.clear()
        await until(lambda: handles() <= opened and threading.active_count() <= running)
        kept = alive()
        kept["ConsentGate"] -= 1  # the server's own
        assert max(kept.values()) <= 1, kept  # of the last one, whose connection may still be closing


def test_of_pictures_that_are_drawn_no_figure_and_no_handle_stays(hello):
    data = TimelineData(hello)
    png(data)  # fonts are loaded once
    before = figures(), handles()
    for _ in range(3):
        assert png(data).startswith(b"\x89PNG")
    assert (figures(), handles()) == before


@asynchronous
async def test_who_withdraws_for_all_still_reaches_a_session_that_can_only_be_read(hello, tmp_path):
    permission = agreed(ledger=Ledger(tmp_path / "consent.jsonl"))
    sessions = Sessions(ServeConfig(), Networks(), hello, permission)
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with sender(feed, MICROPHONE) as client:
            reading = asyncio.create_task(all_told(client))
            await send_sound(client, voice(0.5, []))
            await client.finish()
            await reading
        await until(lambda: not sessions.running)
        history = feed._context.channels.get("s1")._history
        assert history.snapshot()
        permission.withdraw("terminal")
        await until(lambda: not history.snapshot())
    assert [entry.decision for entry in permission.ledger.entries()].count("withdrawn") == 2
