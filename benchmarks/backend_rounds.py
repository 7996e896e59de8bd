"""Backends against each other, in one process and interleaved: what else the machine does hits all alike.

    python -m benchmarks.backend_rounds '{"checkpoint": ..., "jobs": {"fusion": ["fusion"]}, ...}'

prints one line of JSON. A job is one or more networks, run one after the other; its time is their sum.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Jobs = dict[str, list[str]]

WARM_UPS: Final = 3


def measure(checkpoint: Path, jobs: Jobs, threads: int, rounds: int, names: list[str]) -> dict[str, Any]:
    """Run every backend `rounds` times.

    Args:
        checkpoint: folder; exported already.
        jobs: name -> networks.
        threads: within one network.
        rounds: each runs every job of every backend once.
        names: of the backends.

    Returns:
        "backends": name -> job -> p50_ms and p95_ms, "max_delta_p" and "precision"; "absent": name -> why.
    """
    from core.backends.artifacts import PARITY_FILE, export_folder
    from core.backends.base import Unusable
    from core.backends.loading import Loaded, Place, load_backend
    from core.backends.onnx import OnnxNetwork
    from core.backends.parity import compare, load_cases
    from core.backends.registry import backend
    from core.spec import read_spec

    spec = read_spec(checkpoint)
    place = Place(spec, checkpoint, export_folder(spec))
    loaded: dict[str, Loaded] = {}
    absent: dict[str, str] = {}
    for name in names:
        try:
            loaded[name] = load_backend(place, backend(name), threads=threads)
        except Unusable as error:
            absent[name] = str(error)
    cases = load_cases(place.export / PARITY_FILE)
    used = {network for networks in jobs.values() for network in networks}
    calls = {
        (name, job): [(found.runners[network], cases[network][0].inputs) for network in networks]  # type: ignore[index]
        for name, found in loaded.items()
        for job, networks in jobs.items()
    }
    times_ms = interleaved(calls, rounds, time.perf_counter)
    judge = OnnxNetwork(place.export / "fusion.onnx")
    figures: dict[str, Any] = {}
    for name, found in loaded.items():
        parity = compare(spec, cases, {n: r for n, r in found.runners.items() if n in used}, judge)
        figures[name] = {
            "jobs": {job: spread(times_ms[name, job]) for job in jobs},
            "max_delta_p": max(finding.delta_p for finding in parity.values()),
            "precision": found.precision,
        }
    return {"backends": figures, "absent": absent}


def interleaved(
    calls: Mapping[tuple[str, str], list[tuple[Callable[..., Any], Any]]],
    rounds: int,
    clock: Callable[[], float],
) -> dict[tuple[str, str], list[float]]:
    """Time each call once per round, in an order that moves on by one each round; milliseconds."""
    order = list(calls)
    times_ms: dict[tuple[str, str], list[float]] = {key: [] for key in order}
    gc.collect()
    gc.disable()
    try:
        for turn in range(-WARM_UPS, rounds):
            first = turn % len(order) if order else 0
            for key in order[first:] + order[:first]:
                begun_s = clock()
                for run, inputs in calls[key]:
                    run(*inputs)
                if turn >= 0:
                    times_ms[key].append((clock() - begun_s) * 1000)
    finally:
        gc.enable()
    return times_ms


def spread(values_ms: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    ordered = sorted(values_ms)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"p50_ms": round(statistics.median(ordered), 3), "p95_ms": round(p95, 3)}


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    asked = json.loads(sys.argv[1])
    asked["checkpoint"] = Path(asked["checkpoint"])
    print(json.dumps(measure(**asked)))
