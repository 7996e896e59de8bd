"""A server of sessions: what is sent gives what its replay gives; places are counted; ends are in order."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.config import EngineConfig
from core.config_base import read_yaml
from core.errors import ConfigError, FeedError, ModelError
from core.events import EmotionEstimate, End, Hello, Status, StreamInfo, Transcript
from core.resources import shipped
from core.work import Transcribe
from core.workers.whisper import Decoded, Encoded
from core.workers.whisper_words import Piece
from realtime.config import ServeConfig, SessionsConfig, WhisperConfig, resolve_as
from realtime.consent.ledger import Ledger
from realtime.feed.client import FeedClient
from realtime.feed.client_messages import Ingest, IngestStream
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.ingest_client import IngestClient
from realtime.runs.build import smaller_transcriber_of
from realtime.runs.serve import run_serve
from realtime.runs.serve_networks import SharedNetworks, once, one_at_a_time
from realtime.runs.serve_sessions import Sessions
from realtime.runs.whisper_fallback import fallback_config
from realtime.session.replay import ReplaySession
from realtime.session.worker_threads import WorkerThreads
from realtime.sources.memory import MemorySource
from realtime.sources.pacing import Pace
from tests.core import fakes
from tests.core.conversations import engine
from tests.core.fakes import chunks, voice
from tests.realtime.consent.agreeing import agreed
from tests.realtime.feed.feedside import asynchronous, connected, serving, until
from tests.realtime.live import ListSink

MICROPHONE = IngestStream("audio", "audio", 16_000, "p1")
CAMERA = IngestStream("video", "video", None, "p1")
BLOCK = 1600


class Networks:
    """Fakes in place of networks."""

    spec = fakes.spec()
    falls_back = False
    speakers = None

    def __init__(self, workers=None):
        self._workers = workers or fakes.WORKERS

    @property
    def voice(self):
        return fakes.ScriptedVoice()

    def workers(self):
        return dict(self._workers)


@asynccontextmanager
async def sessions_served(hello, workers=None, **settings):
    config = ServeConfig(sessions=SessionsConfig(**{"linger_s": 0.0, "capacity": 2, **settings}))
    sessions = Sessions(config, Networks(workers), hello, agreed())
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        try:
            yield feed, sessions
        finally:
            await sessions.close()


def sender(feed, *streams):
    return IngestClient(feed.ingest_url, feed.tokens.ingest, Ingest("a test", streams))


async def send_sound(client, samples, start_s=0.0):
    levels = np.round(samples * 32_767).astype(np.int16)
    for place in range(0, len(levels), BLOCK):
        await client.sound(0, levels[place : place + BLOCK], start_s + place / 16_000)


async def all_told(client):
    return [told.event async for told in client]


def finals(events):
    return [e for e in events if isinstance(e, EmotionEstimate) and e.final]


def replayed(inputs, streams, hello):
    """What a replay of the same inputs says."""
    sink = ListSink()
    threads = WorkerThreads(fakes.WORKERS)
    try:
        ReplaySession(engine(streams, EngineConfig()), threads, sink, Pace(None)).run(
            MemorySource(inputs, streams=streams), hello
        )
    finally:
        threads.close()
    return sink.events


@asynchronous
async def test_what_is_sent_gives_the_finals_of_its_replay(hello):
    sound = voice(5.0, [(0.5, 2.0), (3.0, 4.2)])
    streams = (StreamInfo("audio", "audio", "p1"),)
    expected = finals(replayed(chunks(sound), streams, hello))
    async with sessions_served(hello) as (feed, _), sender(feed, MICROPHONE) as client:
        reading = asyncio.create_task(all_told(client))
        await send_sound(client, sound)
        await client.finish()
        events = await reading
        assert client.identified.session == "s1"
        assert client.acks[0].dropped == 0
    assert isinstance(events[0], Hello)
    assert (events[0].source, events[0].streams) == ("a test", streams)
    assert isinstance(events[-1], End)
    assert events[-1].reason == "finished"
    got = finals(events)
    assert len(got) == len(expected) == 2
    for mine, theirs in zip(got, expected, strict=True):
        assert (mine.id, mine.person, mine.modalities) == (theirs.id, theirs.person, theirs.modalities)
        assert (mine.t0_s, mine.t1_s) == pytest.approx((theirs.t0_s, theirs.t1_s), abs=0.1)
        assert mine.probabilities == pytest.approx(theirs.probabilities, abs=0.1)
    assert [e.text for e in events if isinstance(e, Transcript) and e.final]


@asynchronous
async def test_pictures_and_sound_are_one_session_that_viewers_follow_and_may_mark(hello):
    def see(order):
        assert order.image.shape == (48, 64, 3)
        assert order.image.mean() == pytest.approx(order.image[0, 0, 0], abs=2)
        picture = fakes.picture(1, (60, 0, 0))
        return fakes.detect(
            replace(order, image=picture, previous=None if order.previous is None else picture)
        )

    workers = {**fakes.WORKERS, "faces": see}
    async with sessions_served(hello, workers, linger_s=60.0) as (feed, sessions):
        async with sender(feed, MICROPHONE, CAMERA) as client:
            reading = asyncio.create_task(all_told(client))
            sound = voice(2.0, [(0.2, 1.5)])
            for number in range(20):
                await send_sound(client, sound[number * BLOCK :][:BLOCK], number / 10)
                image = np.full((48, 64, 3), 100 + number, np.uint8)
                await client.picture(1, cv2.imencode(".jpg", image)[1].tobytes(), number / 10)
                lane = sessions._running["s1"]._source._states[1]
                # more than 4 are not kept
                await until(lambda lane=lane, number=number: lane.number == number and len(lane.pictures) < 3)
            async with FeedClient(feed.url, feed.tokens.control) as viewer:
                watching = asyncio.create_task(anext(aiter(viewer)))
                assert isinstance((await watching).event, Hello)
                assert viewer.identified.session == "s1"
            await client.finish()
            events = await reading
        assert sessions.running == ()
        assert feed._context.channels.names == ("s1",)  # it can still be read
    assert any("visual" in e.modalities for e in events if isinstance(e, EmotionEstimate))
    assert events[-1].reason == "finished"


@asynchronous
async def test_no_more_sessions_than_there_are_places_and_a_place_is_free_again_at_the_end(hello):
    async with sessions_served(hello, capacity=1) as (feed, sessions):
        async with sender(feed, MICROPHONE) as client:
            reading = asyncio.create_task(all_told(client))
            with pytest.raises(Refusal) as caught:
                await sender(feed, MICROPHONE).__aenter__()
            assert caught.value.code is CloseCode.TRY_AGAIN_LATER
            await send_sound(client, voice(0.3, []))
            await client.finish()
            await reading
        await until(lambda: not sessions.running)
        async with sender(feed, MICROPHONE) as client:
            assert client.identified.session == "s2"
        await until(lambda: not sessions.running)  # its connection is lost, so it ends


@asynchronous
async def test_sessions_at_the_same_time_do_not_hear_each_other(hello):
    async with (
        sessions_served(hello) as (feed, _),
        sender(feed, MICROPHONE) as one,
        sender(feed, MICROPHONE) as other,
    ):
        reading = [asyncio.create_task(all_told(each)) for each in (one, other)]
        await send_sound(one, voice(2.0, [(0.3, 1.2)]))
        await send_sound(other, voice(2.0, []))
        for each in (one, other):
            await each.finish()
        first, second = [await task for task in reading]
    assert (first[-1].finals, second[-1].finals) == (1, 0)


@asynchronous
async def test_a_worker_that_breaks_costs_a_modality_and_a_bad_frame_its_own_session_only(hello):
    def broken(order):
        raise ZeroDivisionError

    async with sessions_served(hello, {**fakes.WORKERS, "transcribe": broken}) as (feed, sessions):
        async with sender(feed, MICROPHONE) as good, sender(feed, MICROPHONE) as bad:
            reading = [asyncio.create_task(all_told(each)) for each in (good, bad)]
            await bad._send_message(b"\x09" * 20)
            with pytest.raises(Refusal, match="another version") as caught:
                await reading[1]
            assert caught.value.code is CloseCode.BAD_MESSAGE
            await send_sound(good, voice(2.0, [(0.3, 1.2)]))
            await good.finish()
            events = await reading[0]
        await until(lambda: not sessions.running)
    assert events[-1].finals == 1
    assert "model_fault" in {e.code for e in events if isinstance(e, Status)}


@asynchronous
async def test_when_the_server_ends_sessions_end_in_order(hello):
    async with sessions_served(hello) as (feed, sessions), sender(feed, MICROPHONE) as client:
        reading = asyncio.create_task(all_told(client))
        await send_sound(client, voice(1.0, [(0.1, 1.0)]))
        await until(lambda: feed._context.channels.get("s1").run is not None)
        await sessions.close()
        events = await reading
    assert isinstance(events[-1], End)
    assert events[-1].reason == "interrupted"


@pytest.mark.parametrize(
    ("streams", "field"),
    [
        ([{"name": "a", "kind": "audio"}], "identify.ingest.streams.0.rate_hz"),
        ([{"name": "a", "kind": "video", "rate_hz": 8000}], "identify.ingest.streams.0.rate_hz"),
        ([{"name": "a", "kind": "video"}, {"name": "a", "kind": "video"}], "identify.ingest.streams"),
        ([], "identify.ingest.streams"),
        ([{"name": "a", "kind": "video"}] * 5, "identify.ingest.streams"),
    ],
)
@asynchronous
async def test_streams_that_make_no_sense_are_refused_by_the_name_of_their_field(hello, streams, field):
    async with sessions_served(hello) as (feed, sessions), connected(feed, feed.ingest_url) as client:
        said = {"type": "identify", "protocol": "1.0", "token": feed.tokens.ingest}
        await client.say(json.dumps({**said, "ingest": {"source": "x", "streams": streams}}))
        assert (await client.hear())["field"].endswith(field)
        assert await client.code() == CloseCode.BAD_MESSAGE
        assert sessions.running == ()


@asynchronous
async def test_the_files_of_each_session_are_kept_apart_when_asked_for(hello, tmp_path):
    config = ServeConfig.from_mapping(
        {"run": {"out": str(tmp_path)}, "sessions": {"linger_s": 0.0}}, where="test"
    )
    sessions = Sessions(config, Networks(), hello, agreed())
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with sender(feed, MICROPHONE) as client:
            reading = asyncio.create_task(all_told(client))
            await send_sound(client, voice(0.5, []))
            await client.finish()
            await reading
        await until(lambda: not sessions.running)
    assert next(tmp_path.glob("*-s1/events.jsonl")).read_text().count("\n") >= 2


def test_computations_of_several_sessions_wait_for_each_other():
    inside, most = [], []

    def run(order):
        inside.append(order)
        most.append(len(inside))
        threading.Event().wait(0.002)
        inside.pop()
        return order

    guarded = one_at_a_time(run)
    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


def test_what_many_threads_ask_for_is_made_once_and_after_a_failure_again():
    made = []

    def make():
        made.append(len(made))
        if len(made) == 1:
            raise ModelError("the disk was busy.")
        threading.Event().wait(0.01)
        return object()

    get = once(make)
    with pytest.raises(ModelError):
        get()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: get(), range(8)))
    assert len(set(map(id, found))) == 1
    assert len(made) == 2


class FakeWhisper:
    """Says its name where it hears a voice."""

    languages = frozenset({"en"})

    def __init__(self, name):
        self.name = name

    def encode(self, samples, context_s):
        return Encoded(None, len(samples) / 16_000)

    def language_probabilities(self, encoded):
        return {"en": 1.0}

    def decode(self, encoded, language, **_):
        return Decoded(self.name, (1,), -0.1, 0.0, True)

    def align(self, encoded, decoded, language):
        return (Piece(decoded.text, 0.5, 1.0, 0.9),)


def test_sessions_share_one_smaller_recogniser_that_is_loaded_when_the_first_falls_back_to_it():
    loaded = []

    def load():
        loaded.append("small")
        return FakeWhisper("small")

    config = ServeConfig.from_mapping({"whisper": {"language": "en", "smaller": "tiny.en"}}, where="test")
    config = config.model_copy(update={"engine": config.engine.model_copy(update={"purpose": "workplace"})})
    networks = SharedNetworks(
        fakes.spec(), config, {}, FakeWhisper("large"), fakes.ScriptedVoice(), once(load)
    )
    sessions = [networks.workers()["transcribe"] for _ in range(2)]
    samples = voice(2.0, [(0.3, 1.6)])

    def said(session, *, small):
        order = Transcribe("u1", 0, samples, final=True, small=small)
        return [word.text for word in session(order).words]

    assert [said(session, small=False) for session in sessions] == [["large"]] * 2
    assert not loaded
    assert [said(session, small=True) for session in sessions] == [["small"]] * 2
    assert loaded == ["small"]


@pytest.mark.parametrize(
    ("given", "taken"), [(None, None), ("en", "en"), ("de,en", "en"), ("de", None), ("en,de,es", "en")]
)
def test_a_smaller_recogniser_takes_those_of_the_languages_that_it_knows(given, taken):
    class English:
        languages = frozenset({"en"})

    small = smaller_transcriber_of(English(), WhisperConfig(language=given), None)
    assert small.current_language == taken


@pytest.mark.parametrize(("pulled", "size", "usable"), [(True, "base", True), (False, "base", False)])
def test_there_is_a_smaller_recogniser_only_where_one_was_pulled_and_it_is_another_one(
    monkeypatch, pulled, size, usable
):
    monkeypatch.setattr("realtime.runs.whisper_fallback.is_ready", lambda weight: pulled)
    config = ServeConfig.from_mapping({"whisper": {"size": size, "language": "en"}}, where="test")
    smaller = fallback_config(config)
    assert (smaller is not None) is usable
    assert smaller is None or (smaller.size, smaller.language) == ("tiny.en", "en")
    assert fallback_config(ServeConfig.from_mapping({"whisper": {"size": "tiny.en"}}, where="test")) is None
    assert fallback_config(ServeConfig.from_mapping({"whisper": {"smaller": None}}, where="test")) is None


def test_the_shipped_file_shows_every_key_with_its_default_and_begins_with_its_command():
    text = shipped("configs/serve.yaml").read_text(encoding="utf-8")
    assert read_yaml(text) == ServeConfig().model_dump(mode="json")
    assert text.partition("\n")[0] == "# emotrack serve --config configs/serve.yaml"


def test_places_are_one_for_every_two_cores_unless_said_otherwise(monkeypatch):
    for cores, places in ((1, 1), (2, 1), (3, 1), (8, 4), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert SessionsConfig().places == places
    assert SessionsConfig(capacity=7).places == 7


@asynchronous
async def test_consent_that_is_withdrawn_ends_the_session_and_leaves_neither_file_nor_memory(hello, tmp_path):
    config = ServeConfig.from_mapping(
        {"run": {"out": str(tmp_path / "run")}, "sessions": {"capacity": 2, "linger_s": 60.0}}, where="test"
    )
    permission = agreed(ledger=Ledger(tmp_path / "consent.jsonl"))
    sessions = Sessions(config, Networks(), replace(hello, capturing=True), permission)
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        async with sender(feed, MICROPHONE) as client:
            reading = asyncio.create_task(all_told(client))
            await send_sound(client, voice(1.0, [(0.2, 0.9)]))
            await until(lambda: any(path.stat().st_size for path in tmp_path.glob("run/*-s1/events.jsonl")))
            sessions._running["s1"].control.withdraw()
            events = await reading
        await until(lambda: not sessions.running)
        channel = feed._context.channels.get("s1")
        assert [message.kind for message in channel._history.snapshot()] == []
        assert permission.state == "given"  # another client may still send
        await asyncio.to_thread(permission.withdraw, "terminal")
        with pytest.raises(Refusal, match="nobody has agreed"):
            await sender(feed, MICROPHONE).__aenter__()
    assert [(e.code, e.value) for e in events if isinstance(e, Status)][-2:] == [
        ("capture", "off"),
        ("consent", "withdrawn"),
    ]
    assert not list(tmp_path.glob("run/*"))
    assert [e.decision for e in permission.ledger.entries()] == ["given", "given", "withdrawn", "withdrawn"]


@pytest.mark.parametrize("setting", ["engine.deterministic=true", "feed.enabled=false"])
def test_a_server_that_could_serve_nothing_says_so_at_once(setting):
    with pytest.raises(ConfigError):
        run_serve(resolve_as(ServeConfig, None, {}, [setting]))


def test_a_client_that_is_not_connected_says_so():
    client = IngestClient("ws://127.0.0.1:9/v1/ingest", "t", Ingest("x", (MICROPHONE,)))
    with pytest.raises(FeedError):
        asyncio.run(client.finish())
    with pytest.raises(FeedError, match="cannot be reached"):
        asyncio.run(client.__aenter__())
