"""`bench feed`: how many viewers the feed carries, how late and at what cost, beside two plain servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.feed_client import BIN_MS
from benchmarks.feed_server import FINAL_EVERY, Plan
from benchmarks.output import emit

PEERS: Final = ("broadcast", "send loop")
_TARGETS: Final = {"viewers": 1000, "p99_ms": 150.0, "kb_per_viewer": 40.0, "finals_lost": 0}
"""At 10 Hz on two cores, with the viewers on the same machine."""
_ROOT: Final = Path(__file__).resolve().parents[1]
_WARM_S: Final = 1.0
_BUFFER_BYTES: Final = 64 * 1024
_SMALL_BUFFER_BYTES: Final = 16 * 1024


def feed(
    viewers: Annotated[list[int] | None, typer.Option(help="How many; repeatable (1, 100, 1000).")] = None,
    hz: Annotated[float, typer.Option(help="Estimates per second.")] = 10.0,
    seconds: Annotated[float, typer.Option(help="Length of each run.")] = 8.0,
    storm: Annotated[int, typer.Option(help="Viewers that lose the feed together and come back.")] = 500,
    processes: Annotated[int, typer.Option(min=1, help="Processes that the viewers share.")] = 2,
    peers: Annotated[bool, typer.Option(help="Measure plain servers beside ours.")] = True,
    picture: Annotated[Path | None, typer.Option(help="Draw the delays into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Serve many viewers in real time: delay, memory, a stalled viewer, a storm of reconnections."""
    from benchmarks.machine import commit, machine

    counts = viewers or [1, 100, 1000]
    subjects = ("emotrack", *PEERS) if peers else ("emotrack",)
    storms = dict.fromkeys(subjects, 0) | {"emotrack": storm}  # nobody can resume with the others
    found = {name: _of(name, counts, hz, seconds, storms[name], processes) for name in subjects}
    ours = found.pop("emotrack")
    figures = {
        **{key: ours["runs"][-1][key] for key in _TARGETS},
        "p50_ms": ours["runs"][-1]["p50_ms"],
        **ours,
        "peers": found,
        "hz": hz,
        "seconds": seconds,
        "targets": _TARGETS,
        "machine": machine(),
        "commit": commit(),
    }
    if picture is not None:
        from benchmarks.feed_picture import draw

        draw(figures, picture)
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def _of(
    name: str, counts: list[int], hz: float, seconds: float, storm: int, processes: int
) -> dict[str, Any]:
    """Everything about one subject."""
    runs = [
        _measured(Plan(name, count, hz, seconds, _BUFFER_BYTES), processes) for count in sorted(set(counts))
    ]
    crowd = min(100, max(counts))
    calm, stalled = (
        _measured(Plan(name, crowd, 2 * hz, seconds, _SMALL_BUFFER_BYTES), processes, stalled=lazy)
        for lazy in (False, True)
    )
    found: dict[str, Any] = {"runs": runs, "stalled": {"without": calm, "with": stalled}}
    if storm:
        plan = Plan(name, storm, hz, seconds, _BUFFER_BYTES)
        found["storm"] = _measured(plan, processes, storm=True)
    return found


def _measured(plan: Plan, processes: int, *, stalled: bool = False, storm: bool = False) -> dict[str, Any]:
    """One run: a server, and processes full of viewers."""
    processes = min(processes, plan.viewers)
    with _started("benchmarks.feed_server", asdict(plan)) as server:
        place = _heard(server)
        shares = [plan.viewers // processes + (i < plan.viewers % processes) for i in range(processes)]
        asked = [
            {**place, "count": share, "stalled": stalled and i == 0, "warm_s": _WARM_S}
            for i, share in enumerate(shares)
        ]
        with _all_started(asked) as clients:
            for client in clients:
                _heard(client)
            _tell([*clients, server], "go")
            if storm:
                time.sleep(plan.seconds / 2)
                _tell(clients, "storm")
            costs = _heard(server)
            _tell(clients, "end")
            seen = [_heard(client) for client in clients]
            _tell([server], "end")
    return {"viewers": plan.viewers, **_delays(seen), **_losses(plan, seen), **_rounded(costs), **_back(seen)}


@dataclass(frozen=True, slots=True)
class _Quantiles:
    """Of a histogram."""

    bins: Counter[int]

    def at(self, share: float) -> float | None:
        """The delay in milliseconds that this share of the estimates stayed below."""
        left = share * sum(self.bins.values())
        for number, count in sorted(self.bins.items()):
            left -= count
            if left <= 0:
                return round((number + 1) * BIN_MS, 2)
        return None


def _delays(seen: list[dict[str, Any]]) -> dict[str, Any]:
    bins: Counter[int] = Counter()
    for each in seen:
        bins.update({int(number): count for number, count in each["delays"].items()})
    quantiles = _Quantiles(bins)
    named = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: quantiles.at(share) for name, share in named.items()}


def _losses(plan: Plan, seen: list[dict[str, Any]]) -> dict[str, Any]:
    said = round(plan.seconds * plan.hz)
    finals = said // FINAL_EVERY
    counted = [count for each in seen for count in each["finals"]]
    return {
        "finals_lost": sum(max(0, finals - count) for count in counted),
        "finals_twice": sum(max(0, count - finals) for count in counted),
        "left_out": plan.viewers * said - sum(each["events"] for each in seen),
    }


def _back(seen: list[dict[str, Any]]) -> dict[str, Any]:
    longest_s = max(each["back_s"] for each in seen)
    return {"all_back_s": round(longest_s, 2)} if longest_s else {}


def _rounded(costs: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in costs.items()}


# -- processes ----------------------------------------------------------------------------------------


@contextmanager
def _started(module: str, arguments: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(arguments)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _all_started(asked: list[dict[str, Any]]) -> Iterator[list[subprocess.Popen[str]]]:
    if not asked:
        yield []
        return
    with _started("benchmarks.feed_client", asked[0]) as first, _all_started(asked[1:]) as others:
        yield [first, *others]


def _heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    from core.errors import EmotrackError

    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EmotrackError("a measured process failed; what it said stands above.")
    said: dict[str, Any] = json.loads(line)
    return said


def _tell(processes: list[subprocess.Popen[str]], word: str) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(word + "\n")
        process.stdin.flush()


# -- for people ---------------------------------------------------------------------------------------


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{figures['hz']:g} Hz, {figures['seconds']:g} s each")
    for name in ("server", "what", "viewers", "p50", "p99", "max", "KB each", "cpu", "lost"):
        table.add_column(name, justify="left" if name in {"server", "what"} else "right", no_wrap=True)
    for server, found in {"emotrack": figures, **figures["peers"]}.items():
        rows = [("", run) for run in found["runs"]]
        rows += [(f"{name} stall", run) for name, run in found["stalled"].items()]
        rows += [("storm", found["storm"])] if "storm" in found else []
        for what, run in rows:
            delays = [_ms(run[key]) for key in ("p50_ms", "p99_ms", "max_ms")]
            cost = [f"{run['kb_per_viewer']:.0f}", f"{run['cpu_share']:.0%}", str(run["finals_lost"])]
            table.add_row(server, what, str(run["viewers"]), *delays, *cost)
    console = Console()
    console.print(table)
    here = figures["machine"]
    load = f"load {here['load_average'][0]}" if here["load_average"] else "load unknown"
    console.print("delays in ms, from said to received; lost: final estimates that a viewer never received")
    console.print(f"{here['cpu']}, {here['cores']} cores, {load}, commit {figures['commit']}")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
