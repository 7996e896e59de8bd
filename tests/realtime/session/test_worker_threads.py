"""Worker threads: the order of the answers, failures, timings, and an end without a thread left behind."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict

import numpy as np
import pytest

from core.errors import ModelError
from core.testing import FakeClock
from core.work import Failed, Hypothesis, Transcribe, Work
from realtime.session.worker_threads import LANES, WorkerThreads

KINDS = tuple(LANES)


def order(number: int, kind: str = "transcribe", payload=None) -> Work:
    return Work(number, kind, payload if payload is not None else number, 0.0, 1.0)


def answer(payload) -> Hypothesis:
    return Hypothesis(str(payload), (), "", final=False)


def results(threads: WorkerThreads, count: int):
    return [threads.result(None) for _ in range(count)]


@pytest.fixture
def lanes_of():
    made = []

    def make(*arguments, **options) -> WorkerThreads:
        made.append(WorkerThreads(*arguments, **options))
        return made[-1]

    yield make
    for threads in made:
        threads.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("lane-")]


def test_each_lane_answers_in_the_order_of_its_orders(lanes_of):
    threads = lanes_of(dict.fromkeys(KINDS, answer))
    for number in range(60):
        threads.submit(order(number, KINDS[number % len(KINDS)]))
    answered = defaultdict(list)
    for result in results(threads, 60):
        answered[LANES[KINDS[result.id % len(KINDS)]]].append(result.id)
        assert result.outcome.utterance == str(result.id)
    assert sum(map(len, answered.values())) == 60
    assert all(ids == sorted(ids) for ids in answered.values())


def test_a_slow_lane_does_not_hold_up_the_others(lanes_of):
    release = threading.Event()
    threads = lanes_of({"transcribe": lambda p: (release.wait(10), answer(p))[1], "faces": answer})
    threads.submit(order(1, "transcribe"))
    threads.submit(order(2, "faces"))
    assert threads.result(10).id == 2
    release.set()
    assert threads.result(10).id == 1


def test_a_worker_that_raises_gives_a_failure_and_the_lane_goes_on(lanes_of, caplog):
    def worker(payload):
        if payload == 1:
            raise ModelError("is broken.", where="net.onnx", fix="Mend it.")
        if payload == 2:
            raise ZeroDivisionError("secret words of somebody")
        return answer(payload)

    threads = lanes_of({"transcribe": worker})
    with caplog.at_level(logging.ERROR):
        for number in (1, 2, 3):
            threads.submit(order(number))
        first, second, third = (result.outcome for result in results(threads, 3))
    assert first == Failed("transcribe: net.onnx: is broken. Mend it.")
    assert second == Failed("transcribe: ZeroDivisionError")
    assert isinstance(third, Hypothesis)
    assert "order 2" in caplog.text


def test_a_kind_that_nobody_computes_fails_politely(lanes_of):
    threads = lanes_of({})
    threads.submit(order(1, "fuse"))
    assert threads.result(None).outcome == Failed("fuse: nothing is set up to compute this")


def test_asking_for_a_result_does_not_wait_unless_told_to(lanes_of):
    threads = lanes_of({})
    assert threads.result() is None
    assert threads.result(0.0) is None
    assert threads.result(0.001) is None


def test_timings_tell_waiting_from_running(lanes_of):
    clock = FakeClock()
    inside, go_on = threading.Event(), threading.Event()

    def worker(payload):
        inside.set()
        assert go_on.wait(10)
        return answer(payload)

    threads = lanes_of({"transcribe": worker}, clock=clock)
    threads.submit(order(1))
    assert inside.wait(10)
    threads.submit(order(2))
    clock.advance(2.0)
    go_on.set()
    results(threads, 2)
    assert list(threads.timings.wait_ms["transcribe"]) == [0.0, 2000.0]
    assert list(threads.timings.run_ms["transcribe"]) == [2000.0, 0.0]


def test_closing_finishes_the_order_at_hand_and_drops_the_rest():
    done, inside, go_on = [], threading.Event(), threading.Event()

    def worker(payload):
        inside.set()
        assert go_on.wait(10)
        done.append(payload)
        return answer(payload)

    threads = WorkerThreads({"transcribe": worker})
    for number in range(5):
        threads.submit(order(number))
    assert inside.wait(10)
    closing = threading.Thread(target=threads.close)
    closing.start()
    while not threads._closing.is_set():
        threading.Event().wait(0.001)
    go_on.set()
    closing.join(10)
    assert done == [0]
    threads.close()  # again: nothing happens
    assert not [t for t in threading.enumerate() if t.name.startswith("lane-")]


# --- live --------------------------------------------------------------------------------------------


def speech(number: int, *, final: bool) -> Work:
    return order(number, "transcribe", Transcribe(f"u{number}", 0, np.zeros(1, np.float32), final))


class Gate:
    """A worker that is busy until it is let go, order by order."""

    def __init__(self):
        self.inside, self.go_on, self.done = threading.Semaphore(0), threading.Semaphore(0), []

    def __call__(self, payload):
        self.inside.release()
        assert self.go_on.acquire(timeout=10)
        self.done.append(payload.utterance)
        return answer(payload)


@pytest.mark.parametrize(("finals_first", "done"), [(True, ["u1", "u3", "u4", "u2"]), (False, None)])
def test_live_final_words_go_before_partial_ones_that_wait(lanes_of, finals_first, done):
    gate = Gate()
    threads = lanes_of({"transcribe": gate}, finals_first=finals_first)
    threads.submit(speech(1, final=False))
    assert gate.inside.acquire(timeout=10)
    for number, final in ((2, False), (3, True), (4, True)):
        threads.submit(speech(number, final=final))
    gate.go_on.release(4)
    results(threads, 4)
    assert gate.done == (done or ["u1", "u2", "u3", "u4"])


def test_the_age_of_a_lane_is_that_of_its_oldest_order_waiting_or_not(lanes_of):
    clock, gate = FakeClock(), Gate()
    threads = lanes_of({"transcribe": gate}, clock=clock)
    assert set(threads.ages_s()) == set(LANES.values())
    assert not any(threads.ages_s().values())
    threads.submit(speech(1, final=True))
    clock.advance(2.0)
    threads.submit(speech(2, final=True))
    clock.advance(1.0)
    assert threads.ages_s() == {"words": 3.0, "sight": 0.0, "sound": 0.0}
    gate.go_on.release(2)
    results(threads, 2)
    assert not any(threads.ages_s().values())


def test_orders_that_are_given_up_are_dropped_and_a_late_answer_is_not_delivered(lanes_of):
    clock, gate = FakeClock(), Gate()
    threads = lanes_of({"transcribe": gate}, clock=clock)
    threads.submit(speech(1, final=True))
    assert gate.inside.acquire(timeout=10)
    threads.submit(speech(2, final=True))
    clock.advance(20.0)
    threads.submit(speech(3, final=True))
    assert threads.give_up(10.0) == [1, 2]
    assert threads.give_up(10.0) == []
    gate.go_on.release(2)
    assert threads.result(10).id == 3
    assert gate.done == ["u1", "u3"]


def test_a_worker_that_hangs_is_given_up_and_one_that_is_slow_or_busy_is_not(lanes_of):
    clock, slow, hung = FakeClock(), Gate(), Gate()
    threads = lanes_of({"transcribe": slow, "faces": hung, "fuse": answer}, clock=clock)
    threads.submit(speech(1, final=True))
    assert slow.inside.acquire(timeout=10)
    clock.advance(4.0)  # that slow it is
    slow.go_on.release()
    assert threads.result(10).id == 1
    for number in (2, 3):
        threads.submit(speech(number, final=True))
    threads.submit(Work(4, "faces", speech(4, final=True).payload, 0.0, 1.0))
    assert slow.inside.acquire(timeout=10)
    assert hung.inside.acquire(timeout=10)
    clock.advance(5.1)
    assert threads.give_up_hung(5.0) == [4]
    clock.advance(6.8)  # 11.9 s: less than three times as slow as it was
    assert threads.give_up_hung(5.0) == []
    clock.advance(0.2)
    assert threads.give_up_hung(5.0) == [2, 3]
    for gate in (slow, hung):
        gate.go_on.release(2)


def test_results_are_delivered_at_once_with_the_time_at_which_they_were_done(lanes_of):
    delivered, come = [], threading.Event()

    def deliver(result):
        delivered.append((result.id, result.done_s))
        come.set()

    threads = lanes_of({"fuse": answer}, deliver=deliver, stamp=lambda: 12.5)
    threads.submit(order(1, "fuse"))
    assert come.wait(10)
    assert delivered == [(1, 12.5)]
    assert threads.result() is None


def test_closing_does_not_wait_for_ever_for_a_computation_that_hangs():
    gate = Gate()
    threads = WorkerThreads({"transcribe": gate})
    threads.submit(speech(1, final=True))
    assert gate.inside.acquire(timeout=10)
    threads.close(timeout_s=0.01)
    gate.go_on.release()


def test_lanes_that_hang_are_waited_for_together_not_one_after_the_other():
    now_s, given_s = [100.0], []

    class Hanging:
        def join(self, timeout_s):
            given_s.append(timeout_s)
            now_s[0] += timeout_s

    threads = WorkerThreads({}, lambda: now_s[0])
    lanes, threads._threads = threads._threads, [Hanging() for _ in set(LANES.values())]
    threads.close(timeout_s=2.0)
    assert given_s == [2.0, 0.0, 0.0]
    for lane in lanes:
        lane.join()
