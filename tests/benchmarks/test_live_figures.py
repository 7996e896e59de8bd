"""bench live: figures from what a client saw."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.live import trend_text
from benchmarks.live_figures import Observed, figures, percentiles, trend, warm_up_of, words_apart
from benchmarks.output import busy_note

ZERO_S = 1_700_000_000.0


def estimate(t1_s, late_s, *, final, voice_s=None, person="me"):
    event = {
        "type": "estimate",
        "id": f"u{t1_s}",
        "person": person,
        "t1_s": t1_s,
        "final": final,
        "abstained": False,
        "stages": {"voice_s": voice_s},
    }
    return (ZERO_S + (voice_s if final else t1_s) + late_s, event)


@pytest.fixture
def observed():
    """Two minutes: rolling estimates 0.3 s late, growing by 12 ms a minute; a final every 5 s, 0.4 s late."""
    run = Observed(ZERO_S - 4.0, ZERO_S - 1.0, peak_rss_mb=512.0, cpu_s=60.0)
    hello = {"type": "hello", "started_at": "2023-11-14T22:13:20+00:00"}
    run.messages = [(ZERO_S, hello)]
    for k in range(1, 480):
        t1_s = k / 4
        run.messages.append(estimate(t1_s, 0.3 + 0.012 * t1_s / 60, final=False))
        run.memory.append((ZERO_S + t1_s, 400.0 + t1_s / 3600 * 3))
        if k % 20 == 0:
            run.messages.append(estimate(t1_s, 0.4, final=True, voice_s=t1_s + 0.5))
    words = {"type": "transcript", "utterance": "u1", "t0_s": 2.0, "text": "", "pending": "so"}
    run.messages.append((ZERO_S + 3.6, words))
    run.messages.append((ZERO_S + 3.9, {**words, "text": "so it"}))
    gap = {"type": "status", "code": "gap", "value": None}
    step = {"type": "status", "code": "load_step", "value": "fewer_faces"}
    end = {"type": "end", "faults": ["camera: 3 pictures were left out."]}
    run.messages += [(ZERO_S + 50, gap), (ZERO_S + 60, step), (ZERO_S + 120, end)]
    return run


def test_the_figures_of_a_run_have_the_promised_keys_and_are_what_they_say(observed):
    found = figures(observed, pause_s=0.5)
    assert found["speech_end_to_final_ms"] == {"p50": 400.0, "p95": 400.0, "p99": 400.0, "count": 23}
    assert found["estimate_age_ms"]["p50"] == pytest.approx(312, abs=2)
    assert found["first_partial_ms"] == {"p50": 1600.0, "p95": 1600.0, "p99": 1600.0, "count": 1}
    assert found["lag_slope_ms_per_min"] == pytest.approx(12.0, rel=0.02)
    assert found["memory_growth_mb_per_h"] == pytest.approx(3.0, rel=0.02)
    assert found["drops"] == {"gaps": 1, "faults": ["camera: 3 pictures were left out."]}
    assert found["load_steps"] == ["fewer_faces"]
    assert (found["hang_over_ms"], found["peak_rss_mb"], found["rolling_hz"]) == (500, 512.0, 4.0)
    assert found["start_ms"] == {"to_connection": 3000, "to_stream": 4000, "to_first_estimate": 4550}
    assert found["cpu_s_per_s"] == 0.5


def test_of_nothing_there_is_no_percentile_and_no_trend():
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None, "count": 0}
    assert trend([(float(t), 1.0) for t in range(25)], per_s=60.0) is None, "five blocks of 5 s are too few"


def test_a_trend_is_deaf_to_outliers():
    rng = np.random.default_rng(0)
    points = [(float(t), 2.0 * t + (1e4 if rng.random() < 0.1 else 0.0)) for t in range(300)]
    found = trend(points, per_s=1.0)
    assert found.slope == pytest.approx(2.0, rel=0.01)
    assert found.low <= 2.0 <= found.high


def test_the_warm_up_is_no_part_of_a_trend_and_told_on_its_own(observed):
    """In a short run memory grows while caches fill; as a trend of hours that would be hundreds of MB."""
    assert warm_up_of(observed) == 30.0
    observed.memory = [(ZERO_S + t, 400.0 + 2.0 * min(t, 25) + t / 3600 * 3) for t in range(120)]
    found = figures(observed, pause_s=0.5)
    assert (found["warm_up_s"], found["warm_up_mb"]) == (30.0, 50.0)
    assert found["memory_growth_mb_per_h"] == pytest.approx(3.0, rel=0.02)
    low, high = found["memory_growth_interval"]
    assert low <= found["memory_growth_mb_per_h"] <= high < 5.0


@pytest.mark.parametrize(("length_s", "warm_up_s"), [(20.0, 15.0), (120.0, 30.0), (3600.0, 120.0)])
def test_a_quarter_of_a_run_is_warm_up_within_limits(length_s, warm_up_s):
    run = Observed(ZERO_S)
    run.messages = [(ZERO_S, {"type": "hello", "started_at": "2023-11-14T22:13:20+00:00"})]
    run.messages.append((ZERO_S + length_s, {"type": "end"}))
    assert warm_up_of(run) == warm_up_s


def test_noise_in_a_short_run_is_no_trend_and_the_interval_says_so():
    rng = np.random.default_rng(1)
    points = [(t / 4, 300.0 + float(rng.normal(0, 40))) for t in range(180)]  # 45 s
    found = trend(points, per_s=60.0)
    assert found.low < 0.0 < found.high
    run = {"lag_slope_ms_per_min": found.slope, "lag_slope_interval": [found.low, found.high]}
    assert trend_text(run, "lag_slope", "ms_per_min").endswith("(too short to tell)")
    sure = {"lag_slope_ms_per_min": 0.1, "lag_slope_interval": [0.0, 0.2]}
    assert trend_text(sure, "lag_slope", "ms_per_min") == "lag slope 0.1 ms/min, 95 % within 0.0 to 0.2"
    nothing = {"lag_slope_ms_per_min": None, "lag_slope_interval": None}
    assert trend_text(nothing, "lag_slope", "ms_per_min") == "lag slope: the run is too short to tell"


def test_figures_say_when_the_machine_was_busy():
    assert busy_note(0.3, 2) is None
    assert busy_note(None, 2) is None
    assert busy_note(3.1, 2) == (
        "The machine was busy before (load 3.1 on 2 cores): on an idle one figures are better."
    )


@pytest.mark.parametrize(
    ("a", "b", "rate"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b c d", "a x c d", 0.25),
        ("a b c d", "a b", 0.5),
        ("a b", "a b c", 0.5),
    ],
)
def test_the_word_error_rate_counts_changes_per_word(a, b, rate):
    assert words_apart(a.split(), b.split()) == rate
