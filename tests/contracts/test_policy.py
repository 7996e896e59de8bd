"""Where a purpose withholds voice and face, no flag, file, message or recording gives them back."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

import emotrack
from core.config import EngineConfig
from core.config_base import read_yaml
from core.engine.engine import Engine
from core.errors import PolicyError
from core.events import EmotionEstimate, StreamInfo
from realtime.config import ServeConfig, resolve, resolve_as
from realtime.feed.client import FeedClient
from realtime.feed.client_messages import Ingest, IngestStream, Mute
from realtime.feed.ingest_client import IngestClient
from realtime.recording.header import header_of
from realtime.recording.recorder import FILE_NAME, Recorder
from realtime.runs.serve import open_sessions
from realtime.runs.serve_networks import SharedNetworks
from realtime.session.live import LiveSession
from realtime.sources.memory import MemorySource
from tests.core import fakes
from tests.core.conversations import BOTH
from tests.core.fakes import chunks, ended, frames, merged, voice
from tests.realtime.consent.agreeing import agreed
from tests.realtime.consent.machine import Machine, install
from tests.realtime.feed.feedside import asynchronous, serving, until

CLOSED = ("workplace", "education")
FORBIDDEN = {"faces", "encode_visual", "encode_audio"}


@pytest.fixture
def machine(monkeypatch, tmp_path) -> Machine:
    """Fake devices and networks; a recording with pictures, even for those who want none."""
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path / "state"))
    sound = ended(chunks(voice(3.0, [(0.3, 2.0)])), "audio", 3.0)
    inputs = merged(sound, ended(frames(0.0, 3.0, 2, (60, 0, 0)), "video", 3.0))

    def recording(path, **_):
        return MemorySource(inputs, streams=BOTH, name=Path(path).name)

    monkeypatch.setattr("realtime.runs.replay.RecordingSource", recording)
    monkeypatch.setattr("core.media.recording.RecordingSource", recording)
    return install(monkeypatch)


def run(*words: str) -> int:
    return emotrack.main([*words, "--no-feed", "--no-console"])


def checked(machine: Machine, *, words: bool = True) -> None:
    """No forbidden order, nobody who could have carried one out, no eye open."""
    assert machine.engines, "nothing ran"
    assert not machine.orders & FORBIDDEN
    assert not machine.workers & FORBIDDEN
    assert not {"camera", "screen"} & set(machine.opened)
    if words:
        assert {"transcribe", "encode_text", "fuse"} <= machine.orders


def events_in(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]


def purposed(way: str, purpose: str, folder: Path) -> list[str]:
    """The words that name a purpose, in one of the ways there are."""
    file = folder / "purpose.yaml"
    file.write_text(f"engine: {{purpose: {purpose}}}\n")
    return {
        "option": ["--purpose", purpose],
        "set": ["--set", f"engine.purpose={purpose}"],
        "set whole": ["--set", f"engine={{purpose: {purpose}}}"],
        "file": ["--config", str(file)],
    }[way]


WAYS = ("option", "set", "file")


# --- every verb --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("purpose", CLOSED)
def test_a_replay_for_it_leaves_words_alone_and_every_export_says_so(machine, tmp_path, way, purpose):
    words = [*purposed(way, purpose, tmp_path), "--pace", "max", "--out", str(tmp_path / "run")]
    assert run("replay", "x.mp4", *words) == 0
    checked(machine)
    hello, *rest = events_in(tmp_path / "run")
    assert (hello["purpose"], set(hello["withheld"])) == (purpose, {"audio", "visual"})
    assert "Art. 5(1)(f)" in hello["withheld"]["visual"]
    estimates = [event for event in rest if event["type"] == "estimate"]
    assert {tuple(e["modalities"]) for e in estimates if not e["abstained"]} == {("text",)}
    assert {e["missing"]["visual"] for e in estimates} == {f"withheld: purpose {purpose}"}
    note = f"\nNOTE purpose: {purpose}; withheld: audio, visual\n"
    assert note in (tmp_path / "run" / "transcript.vtt").read_text("utf-8")
    kept = read_yaml((tmp_path / "run" / "config.yaml").read_text("utf-8"))
    assert kept["engine"]["purpose"] == purpose


@pytest.mark.parametrize(("way", "purpose"), [*zip(WAYS, (*CLOSED, "workplace"), strict=True)])
def test_a_live_run_for_it_opens_no_camera_and_no_screen(machine, tmp_path, way, purpose):
    eyes = ["--camera", "0", "--screen", "0", "--set", "sources.camera=default"]
    words = [*purposed(way, purpose, tmp_path), *eyes, "--consent", "Ada", "--seconds", "2.5"]
    tape = tmp_path / "tape"
    assert run("live", *words, "--record", str(tape)) == 0
    checked(machine)
    assert machine.opened == ["mic"]
    assert {stream.kind for engine in machine.engines for stream in engine.state.vision.values()} == set()


def test_a_camera_alone_is_refused_with_the_reason(machine, capsys):
    words = ["--no", "microphone", "--camera", "0", "--purpose", "workplace", "--consent", "Ada"]
    assert run("live", *words) == PolicyError.exit_code == 11
    assert "Art. 5(1)(f)" in capsys.readouterr().err
    assert machine.opened == []


def test_a_recording_played_in_place_of_devices_is_no_way_around(machine, monkeypatch):
    monkeypatch.setattr("realtime.runs.live.PacedSource", _Playing)
    assert run("live", "--play", "x.mp4", "--purpose", "education") == 0
    checked(machine)


class _Playing(MemorySource):
    """A recording that plays by itself, as fast as it is read."""

    def __init__(self, source: MemorySource) -> None:
        super().__init__(source.inputs(), streams=source.streams)

    def now_s(self) -> float:
        return 3.0

    def behind_s(self) -> float:
        return 0.0

    def stop(self) -> None:
        pass


@asynchronous
async def test_clients_that_send_pictures_and_ask_for_them_back_get_words(machine_async):
    machine, config = machine_async
    spec = fakes.spec()
    networks = SharedNetworks.load(spec, Path(), config)
    sessions = open_sessions(config, spec, networks, agreed("workplace"))
    streams = (IngestStream("mic", "audio", 16_000, "p1"), IngestStream("cam", "video", None, "p1"))
    picture = cv2.imencode(".jpg", np.full((48, 64, 3), 128, np.uint8))[1].tobytes()
    async with serving(ingest=sessions) as feed:
        sessions.feed = feed
        sent = IngestClient(feed.ingest_url, feed.tokens.ingest, Ingest("a test", streams))
        async with sent as client:
            told = asyncio.create_task(_all(client))
            levels = np.round(voice(3.0, [(0.3, 2.0)]) * 32_767).astype(np.int16)
            for place in range(0, len(levels), 1600):
                await client.sound(0, levels[place : place + 1600], place / 16_000)
                await client.picture(1, picture, place / 16_000)
            async with FeedClient(feed.url, feed.tokens.control) as viewer:
                seen: list[object] = []
                followed = asyncio.create_task(_all(viewer, seen))
                await until(lambda: seen)  # its run has begun
                for modality in ("visual", "audio"):
                    assert (await viewer.request(Mute(1, modality, muted=False))).ok
                await client.finish()
                events = await told
                followed.cancel()
                with suppress(asyncio.CancelledError):
                    await followed
        await sessions.close()
    checked(machine)
    assert (events[0].purpose, events[0].capturing) == ("workplace", True)
    used = {e.modalities for e in events if isinstance(e, EmotionEstimate) and not e.abstained}
    assert used == {("text",)}


async def _all(client, seen=None):
    events = [] if seen is None else seen
    async for told in client:
        events.append(told.event)
    return events


@pytest.fixture
def machine_async(machine):
    return machine, resolve_as(ServeConfig, None, {"engine.purpose": "workplace"}, ["sessions.linger_s=0"])


# --- contradictions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stricter", WAYS)
@pytest.mark.parametrize("laxer", [*WAYS, "set whole"])
@pytest.mark.parametrize("other", ["personal", "media", "education"])
def test_a_purpose_once_named_is_not_replaced_by_another_however_it_is_named(
    monkeypatch, capsys, tmp_path, stricter, laxer, other
):
    """Whatever comes later, or would win elsewhere: it is refused, or the stricter one holds."""
    ran = []
    for verb in ("replay", "live", "serve"):
        monkeypatch.setattr(f"realtime.runs.{verb}.run_{verb}", lambda *a, **_: ran.append(a) or 0)
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
    named = [purposed(stricter, "workplace", first), purposed(laxer, other, second)]
    if stricter == laxer == "file":
        return  # there is one file; another one is another choice
    for words in (named, named[::-1]):
        for verb in (["replay", "x.mp4"], ["live"], ["serve"]):
            ran.clear()
            done = emotrack.main([*verb, *words[0], *words[1]])
            assert (done == PolicyError.exit_code) == (not ran)
            assert "cannot take its place" in capsys.readouterr().err or ran
            purposes = {part.engine.purpose for run in ran for part in run if hasattr(part, "engine")}
            assert purposes <= {"workplace"}
            assert not purposes or other != "education"


def test_emptying_the_engines_settings_is_no_way_out():
    with pytest.raises(PolicyError):
        resolve(None, {"engine.purpose": "workplace"}, ["engine={}"])
    assert resolve(None, {"engine.purpose": "workplace"}, ["engine.faces.rate_hz=2"]).engine.purpose == (
        "workplace"
    )


# --- recordings --------------------------------------------------------------------------------------


def record(folder: Path, purpose: str) -> None:
    """A live run with a camera, recorded by somebody who changed the program so that it could."""
    config = EngineConfig(purpose=purpose, deterministic=False)
    spec = fakes.spec()
    streams = (StreamInfo("audio", "audio"), StreamInfo("video", "video"))
    from realtime.config import ReplayConfig
    from realtime.runs.build import hello

    source = MemorySource([], streams=streams)
    greeting = hello(spec, ReplayConfig(engine=EngineConfig(purpose=purpose)), source)
    recorder = Recorder(folder, header_of(config, spec, greeting), lambda error: pytest.fail(str(error)))
    player = fakes.Player(Engine(EngineConfig(deterministic=False), spec, fakes.ScriptedVoice(), streams))
    push = player.push

    def keep(item):
        recorder.write(1.0, item)
        push(item)

    player.push = keep
    sound = ended(chunks(voice(3.0, [(0.3, 2.0)])), "audio", 3.0)
    player.feed(merged(sound, ended(frames(0.0, 3.0, 2, (60, 0, 0)), "video", 3.0)))
    player.finish()
    recorder.close()


@pytest.mark.parametrize("name", ["", FILE_NAME])
@pytest.mark.parametrize("words", [[], ["--purpose", "workplace"]])
def test_a_run_recorded_at_work_stays_one_even_if_it_holds_faces(machine, tmp_path, name, words):
    record(tmp_path / "tape", "workplace")
    machine.orders.clear()
    machine.engines.clear()
    out = ["--pace", "max", "--out", str(tmp_path / "run")]
    run("replay", str(tmp_path / "tape" / name), *words, *out)
    checked(machine, words=bool(name))
    hello, *rest = events_in(tmp_path / "run")
    assert hello["purpose"] == "workplace"
    assert all(not e["peers"].keys() & {"audio", "visual"} for e in rest if e["type"] == "estimate")


def test_a_run_recorded_at_work_cannot_be_had_for_another_purpose(machine, tmp_path):
    record(tmp_path / "tape", "workplace")
    for name in ("", FILE_NAME):
        done = run("replay", str(tmp_path / "tape" / name), "--purpose", "research", "--pace", "max")
        assert done == PolicyError.exit_code


def test_a_private_recording_is_tracked_anew_at_work_without_its_recorded_results(machine, tmp_path):
    record(tmp_path / "tape", "personal")
    machine.orders.clear()
    machine.engines.clear()
    words = ["--purpose", "workplace", "--pace", "max", "--out", str(tmp_path / "run")]
    assert run("replay", str(tmp_path / "tape"), *words) == 0
    checked(machine)
    assert {e["type"] for e in events_in(tmp_path / "run")} >= {"hello", "estimate", "end"}


# --- who embeds the engine ---------------------------------------------------------------------------


def test_pictures_reach_no_recording_at_work(hello):
    from tests.realtime.live import ListSink

    kept = []

    class Tape:
        def write(self, at_s, item):
            kept.append(type(item).__name__)

    engine = Engine(
        EngineConfig(purpose="workplace", deterministic=False), fakes.spec(), fakes.ScriptedVoice(), BOTH
    )
    inputs = merged(
        ended(chunks(voice(2.0, [(0.3, 1.5)])), "audio", 2.0), ended(frames(0.0, 2.0, 1), "video", 2.0)
    )
    from realtime.session.worker_threads import WorkerThreads

    session = LiveSession(
        _Playing(MemorySource(inputs, streams=BOTH)),
        engine,
        lambda deliver, stamp: WorkerThreads(fakes.WORKERS, deliver=deliver, stamp=stamp),
        ListSink(),
        tape=Tape(),
    )
    try:
        session.run(hello)
    finally:
        session.threads.close()
    assert "AudioChunk" in kept
    assert "VideoFrame" not in kept


def test_every_order_goes_over_the_one_desk_that_refuses():
    """Nobody else makes orders: so the desk is the one place that decides."""
    root = Path(emotrack.__file__).parent
    makers = [
        path.relative_to(root).as_posix()
        for path in [*(root / "core").rglob("*.py"), *(root / "realtime").rglob("*.py")]
        if " Work(" in path.read_text(encoding="utf-8") or "(Work(" in path.read_text(encoding="utf-8")
    ]
    assert makers == ["core/engine/scheduler.py"]
