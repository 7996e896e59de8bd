"""The merge: what is released, in which order, and what it waits for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.timeline import NEVER, EndItem, GapItem, HopItem, Rank, ResultItem, Timeline, microseconds
from core.inputs import Gap
from core.work import Failed

RANKS = {Rank.AUDIO: "a", Rank.VIDEO: "v", Rank.GAP: "g", Rank.HOP: "h", Rank.END: "e"}


def timeline(*streams: str, deterministic: bool = True) -> Timeline:
    return Timeline(deterministic, dict.fromkeys(streams, -1))


def released(line: Timeline) -> list:
    items = []
    while (item := line.release()) is not None:
        items.append(item)
    return items


def hop(number: int) -> HopItem:
    return HopItem(number)


def test_nothing_is_released_before_every_stream_has_come_so_far():
    line = timeline("a", "b")
    line.deliver(100, Rank.HOP, hop(1))
    line.reach("a", 200)
    assert released(line) == []
    line.reach("b", 99)
    assert released(line) == []
    line.reach("b", 101)
    assert released(line) == [hop(1)]
    assert line.now_us == 100


def test_at_the_time_that_a_stream_has_reached_only_sound_is_complete():
    line = timeline("a")
    line.reach("a", 100)
    for rank in (Rank.HOP, Rank.VIDEO, Rank.AUDIO):
        line.deliver(100, rank, hop(rank), stream="a")
    assert released(line) == [hop(Rank.AUDIO)]
    line.reach("a", 101)
    assert released(line) == [hop(Rank.VIDEO), hop(Rank.HOP)]


def test_a_stream_that_has_ended_holds_nobody_up():
    line = timeline("a", "b")
    line.deliver(50, Rank.END, EndItem("a"), stream="a")
    line.reach("a", NEVER)
    line.reach("b", 60)
    assert released(line) == [EndItem("a")]


def test_on_one_microsecond_ranks_decide_then_streams_then_the_order_of_delivery():
    line = timeline("a", "b")
    line.deliver(10, Rank.HOP, hop(0))
    line.deliver(10, Rank.AUDIO, hop(3), stream="b")
    line.deliver(10, Rank.AUDIO, hop(1), stream="a")
    line.deliver(10, Rank.AUDIO, hop(2), stream="a")
    line.reach("a", 11)
    line.reach("b", 11)
    assert [item.number for item in released(line)] == [1, 2, 3, 0]


def test_a_deterministic_timeline_holds_at_an_order_until_it_is_answered():
    line = timeline("a")
    line.expect(7, 50)
    line.deliver(40, Rank.HOP, hop(1))
    line.deliver(60, Rank.HOP, hop(2))
    line.reach("a", NEVER)
    assert released(line) == [hop(1)]
    assert (line.outstanding, line.backlog) == (1, 1)
    assert line.arrive(7, Failed("x"))
    answer, later = released(line)
    assert isinstance(answer, ResultItem)
    assert (answer.work_id, later, line.now_us) == (7, hop(2), 60)
    assert line.outstanding == 0


def test_a_result_that_comes_early_waits_for_its_time():
    line = timeline("a")
    line.expect(1, 500)
    assert line.arrive(1, Failed("x"))
    line.reach("a", 400)
    assert released(line) == []
    line.reach("a", 501)
    (item,) = released(line)
    assert isinstance(item, ResultItem)
    assert line.now_us == 500


def test_a_live_timeline_takes_results_at_once_and_waits_for_none():
    line = timeline("a", deterministic=False)
    line.expect(1, 50)
    line.deliver(60, Rank.HOP, hop(1))
    line.reach("a", 100)
    assert released(line) == [hop(1)]
    assert line.arrive(1, Failed("x"))
    (item,) = released(line)
    assert isinstance(item, ResultItem)
    assert line.now_us == 60


def test_a_foreign_or_repeated_result_is_not_taken():
    line = timeline("a")
    line.expect(1, 50)
    assert not line.arrive(2, Failed("x"))
    assert line.arrive(1, Failed("x"))
    assert not line.arrive(1, Failed("x"))


def test_time_never_goes_back_even_when_something_comes_late():
    line = timeline("a", deterministic=False)
    line.deliver(100, Rank.HOP, hop(1))
    line.reach("a", 200)
    released(line)
    line.deliver(50, Rank.GAP, GapItem(Gap("a", 0.00005, 0.00006, "late")), stream="a")
    assert len(released(line)) == 1
    assert line.now_us == 100


@settings(max_examples=60, deadline=None)
@given(
    streams=st.lists(
        st.lists(st.tuples(st.integers(0, 40), st.sampled_from(sorted(RANKS))), max_size=8).map(sorted),
        min_size=1,
        max_size=3,
    ),
    seed=st.integers(0, 1000),
)
def test_any_interleaving_of_the_streams_is_released_in_the_same_order(streams, seed):
    def run(order: list[int]) -> list:
        line = timeline(*(str(i) for i in range(len(streams))))
        rest = [list(items) for items in streams]
        found = []
        for index in order:
            t_us, rank = rest[index].pop(0)
            number = 100 * index + len(rest[index])
            line.deliver(t_us, Rank(rank), hop(number), stream=str(index))
            line.reach(str(index), t_us - (rank == Rank.AUDIO))
            found += released(line)
        for index in range(len(streams)):
            line.reach(str(index), NEVER)
        return found + released(line)

    labels = [i for i, items in enumerate(streams) for _ in items]
    shuffled = np.random.default_rng(seed).permutation(labels).tolist()
    assert run(shuffled) == run(labels)


@pytest.mark.parametrize(
    ("t_s", "t_us"), [(0.0, 0), (1 / 3, 333_333), (0.0000005, 0), (12345.678901, 12_345_678_901)]
)
def test_times_become_whole_microseconds(t_s, t_us):
    assert microseconds(t_s) == t_us
