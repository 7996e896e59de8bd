"""The session: from hello to end, whatever the source does, with fake workers and a fake clock."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import pytest

from core.errors import SourceError
from core.events import EmotionEstimate, End, Hello, Transcript, Utterance
from core.inputs import AudioChunk, VideoFrame
from core.testing import FakeClock, rechunk
from core.work import Failed, Work, WorkResult
from realtime.session.replay import MAX_BACKLOG, ReplaySession
from realtime.session.worker_threads import WorkerThreads
from realtime.sources.memory import MemorySource
from realtime.sources.pacing import Pace
from tests.core import fakes
from tests.core.conversations import BOTH, engine
from tests.core.fakes import chunks, frames, lines, merged, play, voice
from tests.core.laws import check

DURATION_S = 6.0


class ListSink:
    """Keeps what it is given."""

    def __init__(self):
        self.events, self.seqs = [], []

    def write(self, event, seq):
        self.events.append(event)
        self.seqs.append(seq)

    def close(self):
        pass


class PatientWorkers:
    """Stands for `WorkerThreads` without threads: orders are answered while the session waits."""

    def __init__(self, clock, slowness_s=0.0, compute=fakes.compute):
        self.clock, self.slowness_s, self.compute = clock, slowness_s, compute
        self.queue: deque[tuple[Work, float]] = deque()
        self.waits: list[float | None] = []

    def submit(self, work):
        self.queue.append((work, self.clock() + self.slowness_s))

    def result(self, timeout_s=0.0):
        self.waits.append(timeout_s)
        limit_s = np.inf if timeout_s is None else timeout_s
        if not self.queue or self.queue[0][1] > self.clock() + limit_s:
            assert timeout_s is not None, "the session would wait for ever"
            self.clock.advance(timeout_s)
            return None
        work, ready_s = self.queue.popleft()
        self.clock.advance(max(0.0, ready_s - self.clock()))
        return WorkResult(work.id, self.compute(work))


def conversation():
    sound = chunks(voice(DURATION_S, [(0.5, 2.0), (3.0, 4.5)]))
    return merged(sound, frames(0.0, DURATION_S, 1, (60, 0, 0)))


def run(source, hello, threads=None, *, pace="max", interrupted=None, clock=None):
    clock = clock or FakeClock()
    sink = ListSink()
    session = ReplaySession(
        engine(source.streams),
        threads or PatientWorkers(clock),
        sink,
        Pace.parse(pace),
        interrupted,
        clock,
    )
    end = session.run(source, hello)
    assert sink.events[-1] is end
    assert sink.seqs == list(range(len(sink.events)))
    return sink.events, end


def test_hello_comes_first_the_end_last_and_in_between_what_the_engine_says(hello):
    events, end = run(MemorySource(conversation()), hello)
    assert isinstance(events[0], Hello)
    assert isinstance(events[-1], End)
    assert not [e for e in events[1:-1] if isinstance(e, Hello | End)]
    check(events)
    expected = play(engine(), [*MemorySource(conversation()).inputs()])
    assert lines(events[1:-1]) == lines(expected)
    assert (end.reason, end.faults, end.utterances, end.finals) == ("finished", (), 2, 2)
    assert end.estimates == len([e for e in events if isinstance(e, EmotionEstimate)])


@pytest.mark.parametrize("seed", [1, 2])
def test_on_real_threads_the_events_are_the_same_however_the_input_is_cut(hello, seed):
    expected, _ = run(MemorySource(conversation()), hello)
    threads = WorkerThreads(fakes.WORKERS)
    try:
        pieces = list(rechunk(conversation(), np.random.default_rng(seed)))
        events, _ = run(MemorySource(pieces, streams=BOTH), hello, threads)
    finally:
        threads.close()
    assert lines(events) == lines(expected)


def test_in_real_time_inputs_are_given_when_they_are_due(hello):
    clock = FakeClock()
    events, _ = run(MemorySource(conversation()), hello, pace="realtime", clock=clock)
    assert clock.now_s == pytest.approx(DURATION_S, abs=0.01)
    assert lines(events) == lines(run(MemorySource(conversation()), hello)[0])


def test_workers_slower_than_the_stream_delay_the_run_and_change_nothing(hello):
    clock = FakeClock()
    threads = PatientWorkers(clock, slowness_s=0.8)
    events, _ = run(MemorySource(conversation()), hello, threads, pace="realtime", clock=clock)
    assert clock.now_s > DURATION_S
    assert lines(events) == lines(run(MemorySource(conversation()), hello)[0])


def test_an_interrupt_in_the_middle_ends_the_run_in_order(hello):
    interrupted = threading.Event()

    class Interrupting(MemorySource):
        def inputs(self):
            for item in super().inputs():
                if isinstance(item, VideoFrame) and item.t_s >= 1.5:
                    interrupted.set()
                yield item

    events, end = run(Interrupting(conversation()), hello, interrupted=interrupted)
    assert end.reason == "interrupted"
    assert end.t_s < 2.5
    check(events)
    closed = [e for e in events if isinstance(e, Utterance) and e.final]
    assert [u.ended_by for u in closed] == ["end"]
    assert closed[0].t1_s == pytest.approx(1.5, abs=0.11)


def test_an_interrupt_before_anything_was_read_ends_at_once(hello):
    interrupted = threading.Event()
    interrupted.set()
    events, end = run(MemorySource(conversation()), hello, interrupted=interrupted)
    assert [type(e) for e in events] == [Hello, End]
    assert (end.reason, end.estimates, end.faults) == ("interrupted", 0, ())


def test_a_source_that_fails_half_way_keeps_what_was_read_and_says_why(hello):
    class Breaking(MemorySource):
        def inputs(self):
            for item in super().inputs():
                if isinstance(item, AudioChunk) and item.start_sample >= 32_000:
                    raise SourceError("cannot be read any further.", where="clip.mp4")
                yield item

    source = Breaking(conversation(), faults=["two pictures were damaged."])
    events, end = run(source, hello)
    assert end.reason == "failed"
    assert end.faults == ("two pictures were damaged.", "clip.mp4: cannot be read any further.")
    check(events)
    assert [e.ended_by for e in events if isinstance(e, Utterance) and e.final] == ["end"]
    assert [e.final for e in events if isinstance(e, Transcript)][-1]


def test_faults_of_the_networks_are_told_at_the_end_once_each(hello):
    def broken(work):
        return Failed("encode_text: out of order") if work.kind == "encode_text" else fakes.compute(work)

    clock = FakeClock()
    _, end = run(MemorySource(conversation()), hello, PatientWorkers(clock, compute=broken), clock=clock)
    assert end.faults == ("encode_text: out of order",)
    assert end.reason == "finished"


def test_while_the_engine_waits_the_source_is_held_back_and_nothing_is_dropped(hello):
    given, answered, ahead = [], [], []

    class Counting(MemorySource):
        def inputs(self):
            for item in super().inputs():
                given.append(item)
                ahead.append(session._engine.backlog)
                yield item

    class OnlyWhenAsked(PatientWorkers):
        """Answers only a session that waits as long as it takes."""

        def result(self, timeout_s=0.0):
            if timeout_s is not None:
                return None
            answered.append(len(given))
            return super().result(timeout_s)

    inputs = merged(chunks(voice(40.0, [(1.0, 2.0)])), frames(0.0, 40.0, 1))
    source, sink, clock = Counting(inputs), ListSink(), FakeClock()
    session = ReplaySession(engine(), OnlyWhenAsked(clock), sink, Pace(None), clock=clock)
    session.run(source, hello)
    assert max(ahead) <= MAX_BACKLOG + 8
    assert answered[0] < len(given)
    assert len(given) == len(inputs) + 2
    assert lines(sink.events[1:-1]) == lines(play(engine(), [*MemorySource(inputs).inputs()]))
