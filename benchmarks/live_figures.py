"""From what a client of the feed saw, and when, to the figures of a live run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

WARM_UP_S: Final = (15.0, 120.0)
"""Least and most that counts as warm-up, in between a quarter of the run: caches fill."""

BLOCK_S: Final = 5.0
"""Trends are taken from medians of so long: values within it depend on each other."""

MIN_BLOCKS: Final = 6
_CONFIDENCE: Final = 0.95


@dataclass(slots=True)
class Observed:
    """One run as a client saw it.

    Attributes:
        messages: (wall-clock second of arrival, event as the feed wrote it), in order.
        memory: (wall-clock second, resident MiB) of the process, once a second.
        peak_rss_mb: the most memory it ever held.
        cpu_s: processor time that it used.
        launched_s: wall-clock second at which the process was started.
        connected_s: ... and at which the client was let in.
    """

    launched_s: float
    connected_s: float = 0.0
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    handles: list[tuple[float, int]] = field(default_factory=list)
    peak_rss_mb: float = 0.0
    cpu_s: float = 0.0

    def of(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        """The messages of one type."""
        return [(at_s, event) for at_s, event in self.messages if event["type"] == kind]

    @property
    def zero_s(self) -> float:
        """Wall-clock second of stream second 0."""
        return datetime.fromisoformat(self.of("hello")[0][1]["started_at"]).timestamp()


def figures(observed: Observed, pause_s: float) -> dict[str, Any]:
    """The figures of one run.

    Args:
        observed: the run.
        pause_s: the silence that ends a turn, which a speaker waits for before anything is decided.

    Returns:
        `speech_end_to_final_ms`, `estimate_age_ms` and `first_partial_ms` as percentiles,
        `lag_slope_ms_per_min` and `memory_growth_mb_per_h` after the warm-up, each with its 95 % interval
        (`..._interval`) and how much memory the warm-up took (`warm_up_mb`), `drops`, `peak_rss_mb`, and what
        explains them. Of nothing, a percentile is None; of a run that is too short, a trend is None.
    """
    zero_s = observed.zero_s
    estimates = observed.of("estimate")
    rolling = [(at_s, e) for at_s, e in estimates if not e["final"]]
    finals = [(at_s, e) for at_s, e in estimates if e["final"]]
    ages = [(at_s, 1000 * (at_s - zero_s - e["t1_s"])) for at_s, e in rolling]
    warm_up_s = warm_up_of(observed)
    lag = trend([point for point in ages if point[0] - zero_s >= warm_up_s], per_s=60.0)
    memory = trend([point for point in observed.memory if point[0] - zero_s >= warm_up_s], per_s=3600.0)
    return {
        "speech_end_to_final_ms": percentiles(
            1000 * (at_s - zero_s - e["stages"]["voice_s"]) for at_s, e in finals if e["stages"]["voice_s"]
        ),
        "hang_over_ms": round(1000 * pause_s),
        "estimate_age_ms": percentiles(age for _, age in ages),
        "first_partial_ms": percentiles(_first_partials(observed)),
        "warm_up_s": round(warm_up_s, 1),
        "warm_up_mb": _grown(observed, warm_up_s),
        "lag_slope_ms_per_min": None if lag is None else lag.slope,
        "lag_slope_interval": None if lag is None else [lag.low, lag.high],
        "rolling_hz": _rate(rolling),
        "drops": _drops(observed),
        "load_steps": [e["value"] for _, e in observed.of("status") if e["code"] == "load_step"],
        "utterances": len({e["id"] for _, e in finals}),
        "finals_abstained": sum(e["abstained"] for _, e in finals),
        "start_ms": _start(observed),
        "peak_rss_mb": round(observed.peak_rss_mb, 1),
        "memory_growth_mb_per_h": None if memory is None else memory.slope,
        "memory_growth_interval": None if memory is None else [memory.low, memory.high],
        "cpu_s_per_s": _cpu(observed),
    }


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99, and how many values there were."""
    found = list(values)
    if not found:
        return {"p50": None, "p95": None, "p99": None, "count": 0}
    p50, p95, p99 = (round(float(v), 1) for v in np.percentile(found, [50, 95, 99]))
    return {"p50": p50, "p95": p95, "p99": p99, "count": len(found)}


@dataclass(frozen=True, slots=True)
class Trend:
    """How fast a value grows, with the bounds of its 95 % interval."""

    slope: float
    low: float
    high: float


def trend(points: Sequence[tuple[float, float]], *, per_s: float) -> Trend | None:
    """How fast a value grows: median of slopes (Theil, Sen) between the medians of blocks of `BLOCK_S`.

    Args:
        points: (second, value), in order.
        per_s: the slope is of so long.

    Returns:
        None when there are fewer than `MIN_BLOCKS` blocks: no slope can be told from chance then.
    """
    from scipy.stats import theilslopes

    blocks: dict[int, list[tuple[float, float]]] = {}
    for at_s, value in points:
        blocks.setdefault(int((at_s - points[0][0]) // BLOCK_S), []).append((at_s, value))
    if len(blocks) < MIN_BLOCKS:
        return None
    medians = np.array([np.median(block, axis=0) for block in blocks.values()])
    found = theilslopes(medians[:, 1], medians[:, 0], alpha=_CONFIDENCE)
    slope, low, high = (round(float(value) * per_s, 3) for value in (found[0], found[2], found[3]))
    return Trend(slope, low, high)


def warm_up_of(observed: Observed) -> float:
    """Seconds of stream time that count as warm-up: a quarter of the run, within `WARM_UP_S`."""
    length_s = observed.messages[-1][0] - observed.zero_s
    return min(max(length_s / 4, WARM_UP_S[0]), WARM_UP_S[1])


def _grown(observed: Observed, warm_up_s: float) -> float | None:
    """How much memory the warm-up took, in MiB."""
    warm = [mb for at_s, mb in observed.memory if 0 <= at_s - observed.zero_s <= warm_up_s]
    return round(warm[-1] - warm[0], 1) if warm else None


def words_apart(a: Sequence[str], b: Sequence[str]) -> float:
    """Word error rate of `b` against `a`: words to change, leave out or put in, per word of `a`."""
    costs = np.arange(len(b) + 1)
    for word in a:
        before, costs = costs, np.empty_like(costs)
        costs[0] = before[0] + 1
        for k, other in enumerate(b):
            costs[k + 1] = min(before[k] + (word != other), before[k + 1] + 1, costs[k] + 1)
    return float(costs[-1]) / max(1, len(a))


def _first_partials(observed: Observed) -> Iterable[float]:
    """From the first sound of an utterance to its first words at the client."""
    seen: set[str] = set()
    for at_s, event in observed.of("transcript"):
        if event["utterance"] not in seen and (event["text"] or event["pending"]):
            seen.add(event["utterance"])
            yield 1000 * (at_s - observed.zero_s - event["t0_s"])


def _rate(rolling: Sequence[tuple[float, dict[str, Any]]]) -> float | None:
    """Rolling estimates per second while they come, the busiest person's."""
    per_person: dict[str, list[float]] = {}
    for at_s, event in rolling:
        per_person.setdefault(event["person"], []).append(at_s)
    gaps = [b - a for times in per_person.values() for a, b in itertools.pairwise(times)]
    return round(1 / float(np.median(gaps)), 2) if gaps and np.median(gaps) > 0 else None


def _drops(observed: Observed) -> dict[str, Any]:
    """What did not get through: holes in the streams, and what the run itself says at its end."""
    gaps = [e for _, e in observed.of("status") if e["code"] == "gap"]
    faults = [fault for _, end in observed.of("end") for fault in end["faults"]]
    return {"gaps": len(gaps), "faults": faults}


def _start(observed: Observed) -> dict[str, float | None]:
    hello = observed.of("hello")
    estimates = observed.of("estimate")
    return {
        "to_connection": round(1000 * (observed.connected_s - observed.launched_s)),
        "to_stream": round(1000 * (observed.zero_s - observed.launched_s)) if hello else None,
        "to_first_estimate": round(1000 * (estimates[0][0] - observed.launched_s)) if estimates else None,
    }


def _cpu(observed: Observed) -> float | None:
    if not observed.messages:
        return None
    length_s = observed.messages[-1][0] - observed.zero_s
    return round(observed.cpu_s / length_s, 3) if length_s > 0 else None
