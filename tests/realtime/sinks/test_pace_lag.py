"""How far a run is behind its pace."""

from __future__ import annotations

import pytest

from core.events import Status
from core.testing import FakeClock
from realtime.sinks.pace_lag import PaceLag


@pytest.mark.parametrize(("pace", "behind_s"), [(1.0, 6.0), (2.0, 8.0), (0.25, -6.0), (None, None)])
def test_a_run_is_as_late_as_its_events_are_short_of_the_pace(hello, pace, behind_s):
    clock = FakeClock()
    lag = PaceLag(pace, clock)
    clock.advance(100.0)  # what passes before the run does not count
    lag.observe(hello)
    clock.advance(10.0)
    lag.observe(Status(4.0, "gap", "info", "A gap."))
    lag.observe(Status(3.0, "gap", "info", "An older one."))
    assert lag.behind_s == behind_s
    assert (lag.stream_s, lag.elapsed_s) == (4.0, 10.0)


def test_another_run_begins_anew(hello):
    clock = FakeClock()
    lag = PaceLag(1.0, clock)
    lag.observe(hello)
    clock.advance(50.0)
    assert lag.behind_s == 50.0
    lag.observe(hello)
    assert lag.behind_s == 0.0
