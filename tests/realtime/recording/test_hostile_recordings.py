"""Recordings that are damaged or made to harm: an error or an end in order, at once, whatever is in them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from core.errors import SourceError
from core.events import End
from core.inputs import DeviceState, EndOfStream, Gap, Tick
from core.work import Failed, WorkResult
from realtime.recording.codec import pack, unpack
from realtime.recording.header import engine_from, header_of, hello_from, purpose_from, streams_from
from realtime.recording.recorded_inputs import RecordedRun
from realtime.recording.recorder import Recorder
from realtime.session.rerun import Rerun
from realtime.sources.pacing import Pace
from tests.core import fakes
from tests.core.conversations import BOTH, LIVE, engine
from tests.core.fakes import chunks, voice
from tests.realtime.live import ListSink


def tape(folder, hello, *items):
    """A recording with three good seconds of sound, and then `items`, each (second, input)."""
    hello = replace(hello, streams=BOTH)
    recorder = Recorder(folder, header_of(LIVE, fakes.spec(), hello), [].append)
    for chunk in chunks(voice(3.0, [(0.5, 2.0)]), stream="audio"):
        recorder.write(chunk.end_sample / 16_000, chunk)
    for at_s, item in items:
        recorder.write(at_s, item)
    recorder.finish(End(3.0, "finished", 0, 0, 0, ()))
    return RecordedRun(folder), hello


@pytest.mark.parametrize(
    ("at_s", "item", "said"),
    [
        (3.0, Tick(1e12), "a Tick that came at 3.0 s speaks of 1e+12 s"),
        (3.0, Tick(math.inf), "speaks of inf s"),
        (3.0, Tick(math.nan), "speaks of nan s"),
        (3.0, Gap("audio", 3.0, 1e9, "muted"), "a Gap that came at 3.0 s speaks of 1e+09 s"),
        (3.0, Gap("audio", -1e9, 3.0, "muted"), "speaks of -1e+09 s"),
        (3.0, EndOfStream("audio", 1e300), "speaks of 1e+300 s"),
        (3.0, DeviceState("nobody", 3.0, True, "", ""), "there is no stream 'nobody'"),
        (3.0, WorkResult(1, Failed("x"), 1e9), "speaks of 1e+09 s"),
        (2e5, Tick(2e5), "an input is said to have come at 200000 s"),
    ],
)
def test_a_time_or_a_stream_that_cannot_be_ends_the_rerun_in_order_and_keeps_what_was_said(
    at_s, item, said, hello, tmp_path
):
    recorded, hello = tape(tmp_path, hello, (at_s, item), (3.1, Tick(3.1)))
    sink = ListSink()
    end = Rerun(engine(BOTH, LIVE), sink, Pace(None)).run(recorded, hello)
    assert (end.reason, len(end.faults)) == ("failed", 1)
    assert said in end.faults[0]
    assert sink.events[-1] is end
    assert end.t_s < 4.0


@pytest.mark.parametrize(
    "text",
    [
        '{"":"Tick","t_s":"soon"}',
        '{"":"Tick","t_s":true}',
        '{"":"Gap","stream":["audio"],"t0_s":0.0,"t1_s":1.0,"reason":"x"}',
        '{"":"WorkResult","id":1,"outcome":"done","done_s":null}',
        '{"":"WorkResult","id":1,"outcome":{"":"Faces","t_s":0.0,"detections":[1],"scene_change":false}}',
        "[" * 50_000,
    ],
)
def test_a_field_that_holds_something_else_is_refused(text):
    data = text.encode()
    with pytest.raises(SourceError, match="a record cannot be read"):
        unpack(len(data).to_bytes(4, "little") + data)


def test_what_a_run_records_fits():
    for item in (Tick(1.0), Tick(1), WorkResult(1, Failed("x")), Gap("audio", 0.0, 1.0, "muted")):
        assert repr(unpack(pack(item))) == repr(item)


@pytest.mark.parametrize("read", [streams_from, purpose_from, engine_from, hello_from])
@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "1", '[{"name":["x"]}]', ""])
def test_a_header_that_is_no_header_is_refused(read, text, hello):
    header = header_of(LIVE, fakes.spec(), hello)
    damaged = dict.fromkeys(header, text)
    if (read, text) in ((purpose_from, "{}"), (streams_from, "[]")):
        assert read(damaged) in ("personal", ())  # runs of before there were purposes; a run without streams
        return
    with pytest.raises(SourceError, match="header is damaged"):
        read(damaged)


def test_a_header_with_an_engine_that_would_never_end_is_refused(hello):
    header = header_of(LIVE, fakes.spec(), hello)
    engine_values = json.loads(header["engine"])
    engine_values["estimates"]["hop_s"] = 1e-9
    with pytest.raises(SourceError, match="hop_s"):
        engine_from({**header, "engine": json.dumps(engine_values)})
