"""One measured run of the real session at pace max, in a process of its own.

    python -m benchmarks.replay FILE ROUNDS CONFIG.yaml

prints one line of JSON. The process is new, so its start-up and its memory are the run's own.
"""

from __future__ import annotations

import time

_STARTED_S = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator, Mapping  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final  # noqa: E402

SHARES: Final = ("words", "sight", "sound")


class FirstEstimate:
    """A sink that notes when the first estimate came, and how many of each type there were."""

    def __init__(self) -> None:
        self.first_estimate_s: float | None = None
        self.counts: dict[str, int] = {}

    def write(self, event: Any, seq: int) -> None:  # noqa: ANN401
        """Count one event."""
        self.counts[event.type] = self.counts.get(event.type, 0) + 1
        if event.type == "estimate" and self.first_estimate_s is None:
            self.first_estimate_s = time.perf_counter() - _STARTED_S

    def close(self) -> None:
        """Nothing is held."""


class Stopwatch:
    """Sums the time spent in calls."""

    def __init__(self) -> None:
        self.calls_ms: list[float] = []

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured."""

        def measured(*arguments: object) -> Any:  # noqa: ANN401
            begun = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.calls_ms.append((time.perf_counter() - begun) * 1000)

        return measured

    def stepped(self, items: Iterator[Any]) -> Iterator[Any]:
        """The iterator, each step measured."""
        step = self.timed(lambda: next(items, None))
        while (item := step()) is not None:
            yield item


def measure(path: Path, rounds: int, config_path: Path) -> dict[str, Any]:
    """Run once.

    Args:
        path: a recording.
        rounds: how often it is played in a row.
        config_path: YAML of a `ReplayConfig`; feed and run folder are left out.

    Returns:
        The figures of `benchmarks.cli` less those that concern all runs.
    """
    from benchmarks.looping_source import LoopingSource
    from benchmarks.machine import cpu_s, peak_rss_mb
    from core.backends.preparation import checkpoint_folder, prepare
    from core.media.recording import RecordingSource
    from realtime.config import ReplayConfig
    from realtime.runs.build import build_engine, hello, load_worker_threads
    from realtime.runs.face_pictures import FacePictures
    from realtime.session.replay import ReplaySession
    from realtime.sources.pacing import Pace

    imported_s = time.perf_counter() - _STARTED_S
    config = ReplayConfig.from_yaml(config_path)
    spec, export = prepare(checkpoint_folder(config.checkpoint), lambda _: None)
    threads = load_worker_threads(spec, export, config, FacePictures())
    sink, decoding, deciding = FirstEstimate(), Stopwatch(), Stopwatch()
    try:
        with LoopingSource(RecordingSource(path), rounds) as source:
            engine = build_engine(config.engine, spec, source)
            loaded_s = time.perf_counter() - _STARTED_S
            engine.push = deciding.timed(engine.push)  # type: ignore[method-assign]
            inputs = source.inputs
            source.inputs = lambda: decoding.stepped(inputs())  # type: ignore[method-assign]
            cpu_before_s, begun_s = cpu_s(), time.perf_counter()
            end = ReplaySession(engine, threads, sink, Pace(None)).run(source, hello(spec, config, source))
            wall_s, used_s = time.perf_counter() - begun_s, cpu_s() - cpu_before_s
    finally:
        threads.close()
    return {
        "stream_s": end.t_s,
        "wall_s": wall_s,
        "times_real_time": end.t_s / wall_s,
        "cpu_s": used_s,
        "cores_in_real_time": used_s / end.t_s,
        "peak_rss_mb": peak_rss_mb(),
        "start_up": {
            "imports_s": imported_s,
            "load_s": loaded_s - imported_s,
            "first_estimate_s": sink.first_estimate_s,
        },
        "stages": _stages(threads.timings.run_ms, threads.timings.wait_ms, decoding, deciding),
        "lanes": _lane_shares(threads.timings.run_ms, wall_s),
        "events": sink.counts,
        "faults": list(end.faults),
    }


def _stages(
    run_ms: Mapping[str, list[float]],
    wait_ms: Mapping[str, list[float]],
    decoding: Stopwatch,
    deciding: Stopwatch,
) -> dict[str, dict[str, float]]:
    """Per kind of work; "decode" and "engine" are the session's own thread, per input."""
    found: dict[str, dict[str, float]] = {
        kind: {**_spread("run", run_ms[kind]), **_spread("wait", wait_ms[kind])} for kind in sorted(run_ms)
    }
    found["decode"] = _spread("run", decoding.calls_ms)
    found["engine"] = _spread("run", deciding.calls_ms)
    return found


def _spread(name: str, values_ms: list[float]) -> dict[str, float]:
    import numpy as np

    p50, p95 = np.percentile(values_ms, [50, 95])
    spread = {f"{name}_p50_ms": float(p50), f"{name}_p95_ms": float(p95)}
    if name == "run":
        spread |= {"count": len(values_ms), "total_s": sum(values_ms) / 1000}
    return spread


def _lane_shares(run_ms: Mapping[str, list[float]], wall_s: float) -> dict[str, float]:
    """Part of the run for which each lane was at work."""
    from realtime.session.worker_threads import LANES

    busy_s = dict.fromkeys(SHARES, 0.0)
    for kind, values in run_ms.items():
        busy_s[LANES[kind]] += sum(values) / 1000  # type: ignore[index]
    return {lane: seconds / wall_s for lane, seconds in busy_s.items()}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
