"""Recorded runs: exact, readable after a crash, and the same when they are had again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.load_shedding import QueueAges
from core.errors import SinkError, SourceError
from core.events import End
from core.inputs import AudioChunk, ClockState, DeviceState, EndOfStream, Gap, Tick, VideoFrame
from core.work import Failed, Work, WorkResult
from realtime.consent.session_files import SessionFiles
from realtime.recording import recorder as recorder_module
from realtime.recording.codec import pack, unpack
from realtime.recording.header import (
    engine_from,
    header_of,
    hello_from,
    smaller_whisper_from,
    streams_from,
)
from realtime.recording.recorded_inputs import RecordedRun, RecordedSource, is_recorded_run
from realtime.recording.recorder import FILE_NAME, Recorder
from realtime.session import live
from realtime.session.rerun import Rerun
from realtime.sources.pacing import Pace
from tests.core import fakes
from tests.core.conversations import BOTH, LIVE, engine
from tests.core.fakes import chunks, frames, lines, merged, voice
from tests.realtime.live import ListSink, ScriptedSource, session_of

ROOT = Path(__file__).resolve().parents[3]
STREAMS = [{"name": "me", "kind": "audio"}, {"name": "camera", "kind": "video"}]
HEADER = {"streams": json.dumps(STREAMS), "engine": "", "spec": "", "hello": ""}
SPANS = [(0.5, 2.0), (3.0, 4.5)]


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(live, "TICK_S", 0.002)


def alike(a, b) -> bool:
    """Whether two values hold the same, arrays included."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(
            alike(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__
        )
    return a == b


def orders() -> list[Work]:
    """Orders of every kind, from a fake conversation."""
    player = fakes.Player(engine())
    player.feed(merged(chunks(voice(4.0, [(0.5, 2.5)])), frames(0.0, 4.0, 2, (60, 0, 0))))
    found = {work.kind: work for work in player.orders}
    assert len(found) == 6
    return list(found.values())


# --- records -----------------------------------------------------------------------------------------


def test_results_of_every_kind_come_back_exactly_as_they_were():
    for number, work in enumerate(orders()):
        result = WorkResult(number, fakes.compute(work), 1.5)
        assert alike(unpack(pack(result)), result), work.kind


@pytest.mark.parametrize(
    "item",
    [
        Gap("me", 1.25, 2.5, "unplugged"),
        Tick(0.1 + 0.2),
        EndOfStream("me", 9.0),
        QueueAges(3.0, {"words": 0.123456789, "sight": 0.0}),
        DeviceState("me", 1.0, False, "busy", "Another program uses it: café ☕"),
        ClockState("me", 5.0, -12.5, 0.003, 0.02),
        WorkResult(7, Failed("fuse: no"), None),
    ],
)
def test_every_other_input_comes_back_exactly(item):
    assert alike(unpack(pack(item)), item)


@given(st.lists(st.integers(-32_768, 32_767), max_size=700), st.integers(0, 2**40))
@settings(max_examples=30, deadline=None)
def test_sound_of_sixteen_bits_comes_back_bit_by_bit(levels, start):
    chunk = AudioChunk("me", start, (np.array(levels, np.float32) / 32_768).astype(np.float32))
    assert alike(unpack(pack(chunk)), chunk)


def test_a_picture_comes_back_as_good_as_a_jpeg():
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = (200, 40, 10)
    back = unpack(pack(VideoFrame("camera", 0.5, image)))
    assert (back.stream, back.t_s, back.image.shape) == ("camera", 0.5, image.shape)
    assert back.image[10, 5] == pytest.approx(image[10, 5], abs=8)
    assert back.image.flags.c_contiguous


@given(st.binary(max_size=80) | st.integers(0, 60).map(lambda n: pack(Gap("me", 0.0, 1.0, "x"))[:n]))
@settings(max_examples=80, deadline=None)
def test_foreign_bytes_are_refused_and_run_no_code(data):
    with pytest.raises(SourceError):
        unpack(data)


@pytest.mark.parametrize(
    "text",
    [
        b'{"":"Popen","args":"rm"}',
        b'{"":"Gap"}',
        b'{"":"Word","text":"a","t0_s":0,"t1_s":1,"probability":1}',
        b'{"":"AudioChunk","stream":"a","start_sample":0,"samples":{"sound":["int16",[4000000000]]}}',
        b'{"":"AudioChunk","stream":"a","start_sample":0,"samples":{"array":["object",[1]]}}',
        b'{"":"VideoFrame","stream":"a","t_s":0,"image":{"jpeg":["uint8",[0]]}}',
    ],
)
def test_a_record_that_claims_too_much_or_something_else_is_refused(text):
    with pytest.raises(SourceError):
        unpack(len(text).to_bytes(4, "little") + text)


# --- files -------------------------------------------------------------------------------------------


def record(folder: Path, hello, inputs, faults=None):
    """A live run on fakes, recorded."""
    source, sink = ScriptedSource(inputs), ListSink()
    tape = Recorder(
        folder, header_of(LIVE, fakes.spec(), hello), (faults if faults is not None else []).append
    )
    session = session_of(source, sink, tape=tape)
    end = session.run(hello)
    session.threads.close()
    tape.finish(end)
    return sink.events


def conversation():
    return merged(chunks(voice(6.0, SPANS), size=512), frames(0.0, 6.0, 1, (60, 0, 0)))


def again(folder: Path):
    recorded = RecordedRun(folder)
    config, spec = engine_from(recorded.header)
    assert spec == fakes.spec()
    sink = ListSink()
    hello = hello_from(recorded.header)
    Rerun(engine(hello.streams, config), sink, Pace(None)).run(recorded, hello)
    return sink.events


def test_a_recorded_run_is_had_again_with_the_same_events_stamps_and_ticks_included(hello, tmp_path):
    said = record(tmp_path, hello, conversation())
    assert is_recorded_run(tmp_path)
    assert lines(again(tmp_path)[1:]) == lines(said[1:])
    assert lines(again(tmp_path)) == lines(again(tmp_path))


@pytest.mark.parametrize("smaller", [True, False])
def test_the_header_says_whether_there_was_a_smaller_recogniser(hello, smaller):
    header = header_of(LIVE, fakes.spec(), hello, smaller_whisper=smaller)
    assert smaller_whisper_from(header) is smaller
    assert engine_from(header) == (LIVE, fakes.spec())


@pytest.mark.parametrize("smaller", [True, False])
def test_a_run_that_was_recorded_with_it_in_its_configuration_is_still_read(hello, smaller):
    header = header_of(LIVE, fakes.spec(), hello)
    del header["smaller_whisper"]
    values = json.loads(header["engine"])
    values["load"]["small_whisper"] = smaller
    header["engine"] = json.dumps(values)
    assert smaller_whisper_from(header) is smaller
    assert engine_from(header) == (LIVE, fakes.spec())


def test_it_is_also_a_recording_like_any_other(hello, tmp_path):
    inputs = conversation()
    record(tmp_path, hello, inputs)
    with RecordedSource(tmp_path) as source:
        assert source.streams == streams_from(RecordedRun(tmp_path).header) == BOTH
        given = list(source.inputs())
        assert source.faults == []
    heard = np.concatenate([i.samples for i in given if isinstance(i, AudioChunk)])
    assert len(heard) == 6 * 16_000
    assert sum(isinstance(i, EndOfStream) for i in given) == 2


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A recording's bytes."""
    folder = tmp_path_factory.mktemp("whole")
    tape = Recorder(folder, HEADER, lambda error: None)
    for k in range(200):
        tape.write(k / 10, AudioChunk("me", 1_600 * k, np.full(1_600, k / 256, np.float32)))
    tape.finish(End(20.0, "finished", 0, 0, 0))
    return (folder / FILE_NAME).read_bytes()


def test_a_recording_that_is_cut_off_anywhere_is_read_up_to_its_last_whole_chunk(whole, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(whole)
    everything = [entry.item for entry in RecordedRun(tmp_path).inputs()]
    assert len(everything) == 200
    lengths = []
    for size in np.linspace(400, len(whole) - 1, 40).astype(int):
        (tmp_path / FILE_NAME).write_bytes(whole[:size])
        run = RecordedRun(tmp_path)
        items = [entry.item for entry in run.inputs()]
        lengths.append(len(items))
        assert all(map(alike, items, everything))
        assert run.end is None or len(items) == 200
    assert lengths == sorted(lengths)
    assert lengths[-1] >= 190


def test_bytes_that_were_changed_are_noticed(whole, tmp_path):
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    (tmp_path / FILE_NAME).write_bytes(bytes(damaged))
    items = [entry.item for entry in RecordedRun(tmp_path).inputs()]
    assert len(items) < 200
    assert all(isinstance(item, AudioChunk) for item in items)


def test_something_else_is_no_recorded_run(tmp_path):
    assert not is_recorded_run(tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        RecordedRun(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"no recording at all")
    with pytest.raises(SourceError, match="holds no recorded run"):
        RecordedRun(tmp_path)


KILLED = """
import json
import os, sys, time
import numpy as np
from core.inputs import AudioChunk
from pathlib import Path
from realtime.recording.recorder import Recorder
tape = Recorder(Path(sys.argv[1]), json.loads(sys.argv[2]), print)
rng = np.random.default_rng(0)
for k in range(300):
    samples = (rng.integers(-9000, 9000, 1600) / 32768).astype(np.float32)
    tape.write(k / 10, AudioChunk("me", 1600 * k, samples))
while not tape._queue.empty():
    time.sleep(0.01)
print("written", flush=True)
time.sleep(60)
"""


def test_a_run_that_is_killed_can_be_read_to_within_a_second_of_its_end(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(HEADER)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    run = RecordedRun(tmp_path)
    entries = list(run.inputs())
    assert entries[-1].at_s >= 29.9 - 1.1
    assert run.end is None


def test_a_killed_run_is_had_again_up_to_there_and_ended_in_order(hello, tmp_path):
    said = record(tmp_path, hello, conversation())
    data = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(data[: len(data) // 2])
    events = again(tmp_path)
    end = events[-1]
    assert isinstance(end, End)
    assert (end.reason, end.faults[0]) == (
        "failed",
        "the recording breaks off: the run was not ended in order.",
    )
    shared = lines(said[1:10])
    assert lines(events[1:10]) == shared


def test_a_disk_that_is_full_ends_the_recording_and_not_the_run(hello, tmp_path, monkeypatch):
    faults = []

    def full(self, at_s, item):
        raise OSError(28, "the disk is full")

    monkeypatch.setattr(Recorder, "_write", full)
    events = record(tmp_path, hello, conversation(), faults)
    assert isinstance(events[-1], End)
    assert events[-1].finals == 2
    (fault,) = faults
    assert isinstance(fault, SinkError)
    assert "full" in str(fault)


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot be written"):
        Recorder(tmp_path / "file" / "run", {}, print)


def test_when_the_disk_is_slow_pictures_are_left_out_and_sound_is_not(tmp_path):
    tape = Recorder(tmp_path, HEADER, lambda error: None)
    image = np.zeros((600, 800, 3), np.uint8)
    for k in range(400):
        tape.write(k / 10, VideoFrame("camera", k / 10, image))
        tape.write(k / 10, AudioChunk("me", 160 * k, np.zeros(160, np.float32)))
    tape.close()
    items = [entry.item for entry in RecordedRun(tmp_path).inputs()]
    pictures = sum(isinstance(item, VideoFrame) for item in items)
    assert sum(isinstance(item, AudioChunk) for item in items) == 400
    assert pictures == 400 - tape.lost_pictures
    assert tape.lost_pictures > 0


def test_a_recording_that_is_given_up_writes_nothing_of_what_waits_and_takes_no_room(tmp_path, monkeypatch):
    """Whoever withdraws waits for one input at most, however much lies before the disk."""
    packed, begun, go_on = [], threading.Event(), threading.Event()

    def slowly(item, **options):
        packed.append(item)
        if len(packed) == 3:
            begun.set()
            go_on.wait(20)
        return pack(item, **options)

    monkeypatch.setattr(recorder_module, "pack", slowly)
    tape = Recorder(tmp_path, HEADER, lambda error: None)
    for k in range(1000):
        tape.write(k / 10, AudioChunk("me", 1600 * k, np.zeros(1600, np.float32)))
    begun.wait(20)
    giving_up = threading.Thread(target=tape.discard)
    giving_up.start()
    while not tape._discarded:
        threading.Event().wait(0.001)
    go_on.set()
    giving_up.join(20)
    assert not giving_up.is_alive()
    assert len(packed) == 3
    assert (tmp_path / FILE_NAME).stat().st_size < 40_000
    assert tape.failure is None


def test_a_large_tape_that_is_given_up_is_deleted_without_writing_or_syncing_any_of_it(tmp_path, monkeypatch):
    for slow in ("fsync", "fdatasync", "sync"):
        monkeypatch.setattr(os, slow, lambda *_: pytest.fail("deleting waits for the disk"))
    tape, files = Recorder(tmp_path / "run", HEADER, pytest.fail), SessionFiles()
    path = tmp_path / "run" / FILE_NAME
    files.file(path)
    os.truncate(path, 100_000_000)
    tape.discard()
    assert path.stat().st_size == 0  # what waits for the disk is dropped before the name is
    assert files.purge() == []
    assert not path.parent.exists()
    assert (files.deleted, tape.failure) == (1, None)
