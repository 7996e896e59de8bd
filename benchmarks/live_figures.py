"""From what a client of the feed saw, and when, to the figures of a live run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

STEADY_S: Final = 15.0
"""What came in the first seconds is the start; trends are taken from what followed."""


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
        `lag_slope_ms_per_min`, `drops`, `peak_rss_mb`, and what explains them. Of nothing, a percentile is
        None.
    """
    zero_s = observed.zero_s
    estimates = observed.of("estimate")
    rolling = [(at_s, e) for at_s, e in estimates if not e["final"]]
    finals = [(at_s, e) for at_s, e in estimates if e["final"]]
    ages = [(at_s, 1000 * (at_s - zero_s - e["t1_s"])) for at_s, e in rolling]
    return {
        "speech_end_to_final_ms": percentiles(
            1000 * (at_s - zero_s - e["stages"]["voice_s"]) for at_s, e in finals if e["stages"]["voice_s"]
        ),
        "hang_over_ms": round(1000 * pause_s),
        "estimate_age_ms": percentiles(age for _, age in ages),
        "first_partial_ms": percentiles(_first_partials(observed)),
        "lag_slope_ms_per_min": slope(_steady(ages), per_s=60.0),
        "rolling_hz": _rate(rolling),
        "drops": _drops(observed),
        "load_steps": [e["value"] for _, e in observed.of("status") if e["code"] == "load_step"],
        "utterances": len({e["id"] for _, e in finals}),
        "finals_abstained": sum(e["abstained"] for _, e in finals),
        "start_ms": _start(observed),
        "peak_rss_mb": round(observed.peak_rss_mb, 1),
        "memory_growth_mb_per_h": slope(_steady(observed.memory), per_s=3600.0),
        "cpu_s_per_s": _cpu(observed),
    }


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99, and how many values there were."""
    found = list(values)
    if not found:
        return {"p50": None, "p95": None, "p99": None, "count": 0}
    p50, p95, p99 = (round(float(v), 1) for v in np.percentile(found, [50, 95, 99]))
    return {"p50": p50, "p95": p95, "p99": p99, "count": len(found)}


def slope(points: Sequence[tuple[float, float]], *, per_s: float) -> float | None:
    """How fast a value grows, per `per_s` seconds: the median of slopes (Theil, Sen), deaf to outliers."""
    if len(points) < 10:
        return None
    chosen = np.asarray(points)[np.linspace(0, len(points) - 1, min(len(points), 400)).astype(int)]
    i, j = np.triu_indices(len(chosen), 1)
    apart_s = chosen[j, 0] - chosen[i, 0]
    slopes = (chosen[j, 1] - chosen[i, 1])[apart_s > 0] / apart_s[apart_s > 0]
    return round(float(np.median(slopes)) * per_s, 3) if len(slopes) else None


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


def _steady(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [point for point in points if points and point[0] - points[0][0] >= STEADY_S]


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
