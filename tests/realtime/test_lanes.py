"""Lanes: the order of the answers, failures, timings, and an end without a thread left behind."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict

import pytest

from core.errors import ModelError
from core.testing import FakeClock
from core.work import Failed, Hypothesis, Work
from realtime.workers.lanes import LANES, Lanes

KINDS = tuple(LANES)


def order(number: int, kind: str = "transcribe", payload=None) -> Work:
    return Work(number, kind, payload if payload is not None else number, 0.0, 1.0)


def answer(payload) -> Hypothesis:
    return Hypothesis(str(payload), (), "", final=False)


def results(lanes: Lanes, count: int):
    return [lanes.result(None) for _ in range(count)]


@pytest.fixture
def lanes_of():
    made = []

    def make(*arguments, **options) -> Lanes:
        made.append(Lanes(*arguments, **options))
        return made[-1]

    yield make
    for lanes in made:
        lanes.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("lane-")]


def test_each_lane_answers_in_the_order_of_its_orders(lanes_of):
    lanes = lanes_of(dict.fromkeys(KINDS, answer))
    for number in range(60):
        lanes.submit(order(number, KINDS[number % len(KINDS)]))
    answered = defaultdict(list)
    for result in results(lanes, 60):
        answered[LANES[KINDS[result.id % len(KINDS)]]].append(result.id)
        assert result.outcome.utterance == str(result.id)
    assert sum(map(len, answered.values())) == 60
    assert all(ids == sorted(ids) for ids in answered.values())


def test_a_slow_lane_does_not_hold_up_the_others(lanes_of):
    release = threading.Event()
    lanes = lanes_of({"transcribe": lambda p: (release.wait(10), answer(p))[1], "faces": answer})
    lanes.submit(order(1, "transcribe"))
    lanes.submit(order(2, "faces"))
    assert lanes.result(10).id == 2
    release.set()
    assert lanes.result(10).id == 1


def test_a_worker_that_raises_gives_a_failure_and_the_lane_goes_on(lanes_of, caplog):
    def worker(payload):
        if payload == 1:
            raise ModelError("is broken.", where="net.onnx", fix="Mend it.")
        if payload == 2:
            raise ZeroDivisionError("secret words of somebody")
        return answer(payload)

    lanes = lanes_of({"transcribe": worker})
    with caplog.at_level(logging.ERROR):
        for number in (1, 2, 3):
            lanes.submit(order(number))
        first, second, third = (result.outcome for result in results(lanes, 3))
    assert first == Failed("transcribe: net.onnx: is broken. Mend it.")
    assert second == Failed("transcribe: ZeroDivisionError")
    assert isinstance(third, Hypothesis)
    assert "order 2" in caplog.text


def test_a_kind_that_nobody_computes_fails_politely(lanes_of):
    lanes = lanes_of({})
    lanes.submit(order(1, "fuse"))
    assert lanes.result(None).outcome == Failed("fuse: nothing is set up to compute this")


def test_asking_for_a_result_does_not_wait_unless_told_to(lanes_of):
    lanes = lanes_of({})
    assert lanes.result() is None
    assert lanes.result(0.0) is None
    assert lanes.result(0.001) is None


def test_timings_tell_waiting_from_running(lanes_of):
    clock = FakeClock()
    inside, go_on = threading.Event(), threading.Event()

    def worker(payload):
        inside.set()
        assert go_on.wait(10)
        return answer(payload)

    lanes = lanes_of({"transcribe": worker}, clock=clock)
    lanes.submit(order(1))
    assert inside.wait(10)
    lanes.submit(order(2))
    clock.advance(2.0)
    go_on.set()
    results(lanes, 2)
    assert list(lanes.timings.wait_ms["transcribe"]) == [0.0, 2000.0]
    assert list(lanes.timings.run_ms["transcribe"]) == [2000.0, 0.0]


def test_closing_finishes_the_order_at_hand_and_drops_the_rest():
    done, inside, go_on = [], threading.Event(), threading.Event()

    def worker(payload):
        inside.set()
        assert go_on.wait(10)
        done.append(payload)
        return answer(payload)

    lanes = Lanes({"transcribe": worker})
    for number in range(5):
        lanes.submit(order(number))
    assert inside.wait(10)
    closing = threading.Thread(target=lanes.close)
    closing.start()
    while not lanes._closing.is_set():
        threading.Event().wait(0.001)
    go_on.set()
    closing.join(10)
    assert done == [0]
    lanes.close()  # again: nothing happens
    assert not [t for t in threading.enumerate() if t.name.startswith("lane-")]
