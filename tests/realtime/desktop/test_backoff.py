"""An engine that fails is started again after pauses that grow, and not for ever."""

from __future__ import annotations

from realtime.desktop.engine_process import WELL_S, Backoff


def test_pauses_grow_and_then_it_is_given_up() -> None:
    restarts = Backoff()
    assert [restarts.pause_s(5.0) for _ in range(5)] == [1.0, 2.0, 4.0, None, None]


def test_who_has_run_well_fails_for_the_first_time_again() -> None:
    restarts = Backoff()
    assert [restarts.pause_s(ran_s) for ran_s in (1.0, 1.0, WELL_S, 1.0)] == [1.0, 2.0, 1.0, 2.0]


def test_a_start_by_hand_counts_from_the_beginning() -> None:
    restarts = Backoff()
    for _ in range(4):
        restarts.pause_s(1.0)
    restarts.reset()
    assert restarts.pause_s(1.0) == 1.0
