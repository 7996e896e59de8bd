"""What every run does with an input: events are numbered, jobs are submitted at once, streams end once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, Status, StreamInfo
from core.inputs import EndOfStream, Gap, Tick
from core.work import Work, WorkResult
from realtime.session.loop import SessionLoop
from tests.core import fakes
from tests.core.conversations import engine
from tests.core.fakes import chunks, ended, frames, voice
from tests.realtime.live import ListSink

AUDIO, VIDEO = StreamInfo("audio", "audio", "p1"), StreamInfo("video", "video")


def loop_of(*streams: StreamInfo) -> tuple[SessionLoop, list[Work], ListSink]:
    jobs, sink = [], ListSink()
    return SessionLoop(engine(streams), jobs.append, sink, streams), jobs, sink


def test_an_item_of_a_stream_that_has_ended_or_is_unknown_is_told_apart():
    loop, _, _ = loop_of(AUDIO)
    assert loop.note(Gap("audio", 0.0, 1.0, "muted"))
    assert not loop.note(Gap("elsewhere", 0.0, 1.0, "muted"))
    assert loop.note(EndOfStream("audio", 1.0))
    assert not loop.note(EndOfStream("audio", 1.0))
    assert loop.note(Tick(5.0)), "a tick belongs to no stream"


@given(st.lists(st.tuples(st.sampled_from(["audio", "video"]), st.floats(0.0, 1_000.0)), max_size=20))
def test_streams_without_an_end_are_ended_where_the_farthest_has_come(seen):
    loop, _, _ = loop_of(AUDIO, VIDEO)
    for stream, t_s in seen:
        loop.note(Gap(stream, 0.0, t_s, "muted"))
    end_s = max((t_s for _, t_s in seen), default=0.0)
    assert loop.unended() == [EndOfStream("audio", end_s), EndOfStream("video", end_s)]
    loop.note(EndOfStream("audio", end_s))
    assert [ending.stream for ending in loop.unended()] == ["video"]


def test_jobs_are_submitted_and_events_numbered_without_holes_and_counted():
    loop, jobs, sink = loop_of(VIDEO)
    loop.emit(Status(0.0, "weights", "error", "broken"))
    for item in ended(frames(0.0, 1.0, 1), "video", 1.0):
        loop.carry(item)
    assert jobs, "pictures are sent to be searched for faces"
    assert {job.kind for job in jobs} == {"faces"}
    assert sink.seqs == list(range(len(sink.events)))
    end = loop.end("interrupted", ["the source failed"])
    assert (end.reason, end.faults) == ("interrupted", ("the source failed", "broken"))
    assert end not in sink.events, "it is written by whoever asked for it"


@pytest.mark.parametrize(("at_s", "sent_s"), [(None, None), (1_000.0, 1_000.0)])
def test_estimates_are_stamped_where_there_is_a_clock(at_s, sent_s):
    loop, jobs, sink = loop_of(AUDIO)
    for item in ended(chunks(voice(4.0, [(0.5, 3.0)])), "audio", 4.0):
        loop.carry(item, at_s)
    while jobs:
        job = jobs.pop(0)
        loop.carry(WorkResult(job.id, fakes.compute(job)), at_s)
    stamps = {event.stages.sent_s for event in sink.events if isinstance(event, EmotionEstimate)}
    assert stamps == {sent_s}
