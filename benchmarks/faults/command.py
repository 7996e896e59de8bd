"""`bench faults`: each fault of a device, a clock or the machine, made for real and read by a client."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from benchmarks.faults.registry import Fault
    from benchmarks.faults.run import FaultyRun
    from benchmarks.faults.testbed import Testbed

_DRIFTS: Final = {"clock_fast": 200.0, "clock_slow": -200.0}
_OTHERS: Final = (*_DRIFTS, "wall_clock", "load")
_NOTICED_WITHIN_S: Final = 6.0
_BACK_WITHIN_S: Final = 15.0
_START_S: Final = 60.0
_CALM_S: Final = 3.0

Results = dict[str, dict[str, Any]]


def faults(
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="This one; repeatable.")] = None,
    whisper: Annotated[str, typer.Option(help="Recogniser; a small one leaves room.")] = "tiny.en",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key of the run.")
    ] = None,
    drift_seconds: Annotated[float, typer.Option(help="How long a drifting clock is heard.")] = 75.0,
    picture: Annotated[Path | None, typer.Option(help="Draw the runs into this file.")] = None,
    document: Annotated[Path | None, typer.Option(help="Write table and messages, as Markdown.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Break everything that a live run rests on, one thing after the other, and say how it takes it.

    A sound server, a camera and a screen of its own are pulled out, frozen and killed under the real command
    while speech is played. Exit code 1: a wanted bound is broken.
    """
    from benchmarks.faults.registry import RUNS
    from benchmarks.faults.report import emit, summary

    chosen = _chosen(only or [])
    load_before = os.getloadavg()[0]
    observed: dict[str, Any] = {}
    results: Results = {}
    words = ["--whisper", whisper, "--language", "en"]
    words += [word for setting in set_ or [] for word in ("--set", setting)]
    for run in RUNS:
        results |= _devices(run, chosen, words, observed)
    results |= _clocks_and_load(chosen, words, drift_seconds, observed)
    figures = {
        **summary(results, observed, (load_before, os.getloadavg()[0])),
        "whisper": whisper,
        "settings": set_ or [],
    }
    emit(figures, observed, picture=picture, document=document, out=out, as_json=as_json)
    if any(result["broken"] for result in figures["faults"].values()):
        raise typer.Exit(1)


def _chosen(only: list[str]) -> set[str]:
    from benchmarks.faults.registry import FAULTS
    from core.errors import ConfigError

    known = [fault.name for fault in FAULTS] + list(_OTHERS)
    for name in only:
        if name not in known:
            raise ConfigError(
                f"there is no fault {name!r}.", where="--only", fix=f"One of: {', '.join(known)}."
            )
    return set(only or known)


def _devices(name: str, chosen: set[str], words: list[str], observed: dict[str, Any]) -> Results:
    """All chosen faults of devices under one run."""
    from benchmarks.faults.registry import FAULTS, RUNS
    from benchmarks.faults.run import FaultyRun
    from benchmarks.faults.testbed import make_testbed
    from realtime.cli.demo import build_demo

    scheme, wanted = RUNS[name], [fault for fault in FAULTS if fault.run == name and fault.name in chosen]
    if not wanted:
        return {}
    with tempfile.TemporaryDirectory() as folder, make_testbed(Path(folder), build_demo(), scheme) as testbed:
        devices = ["--camera", f"{scheme}://127.0.0.1:{testbed.camera.port}/x"]
        if scheme == "http":
            devices += ["--loopback", "speaker", "--screen", "0"]
        environment = {**testbed.sound.environment, "DISPLAY": f":{testbed.display.number}"}
        run = FaultyRun([*words, *devices], environment)
        testbed.run = run
        times: list[tuple[Fault, Any]] = []
        with run:
            run.wait_until_calm(_CALM_S, _START_S)
            times += [(fault, _run_fault(fault, testbed, run)) for fault in wanted]
    return _check_run(run, times, name, observed)


def _run_fault(fault: Fault, testbed: Testbed, run: FaultyRun) -> Any:  # noqa: ANN401
    """Make the fault, wait until it is noticed, let it last, mend it, and wait until all is well."""
    from benchmarks.faults.checks import Times

    def told(code: str) -> Callable[[dict[str, Any]], bool]:
        return lambda e: e["type"] == "status" and e["code"] == code and e["stream"] in fault.streams

    since, fault_s = run.mark, time.time()
    fault.inject(testbed)
    if fault.cure is None:
        cure_s = fault_s
    else:
        if not fault.asleep:
            run.wait_for(told("modality_missing"), _NOTICED_WITHIN_S, since)
        time.sleep(fault.hold_s)
        cure_s = time.time()
        fault.cure(testbed)
    if fault.asleep or fault.cure is None:
        run.wait_for(told("modality_missing"), _NOTICED_WITHIN_S, since)
    run.wait_until_calm(_CALM_S, _BACK_WITHIN_S)
    return Times(fault_s, cure_s, time.time())


def _check_run(
    run: FaultyRun, times: list[tuple[Fault, Any]], name: str, observed: dict[str, Any]
) -> Results:
    from benchmarks.faults.checks import check_fault, finals_lost, sound_lost

    observed[name] = run.observed
    results = {fault.name: {"run": name, **check_fault(fault, when, run.observed)} for fault, when in times}
    lost = [f"no final estimate of {utterance}" for utterance in finals_lost(run.observed)]
    for result in results.values():
        result["run_ended_in_s"] = run.ended_in_s
    unheard = [] if any(fault.makes_up for fault, _ in times) else sound_lost(run.observed)
    if lost or unheard:  # the run's own faults are told with its last one
        results[list(results)[-1]]["broken"] += [*lost, *unheard]
    return results


def _clocks_and_load(chosen: set[str], words: list[str], drift_s: float, observed: dict[str, Any]) -> Results:
    from benchmarks.faults.checks import finals_lost
    from benchmarks.faults.load import load
    from benchmarks.faults.testbed import make_testbed
    from benchmarks.faults.time import drift, wall_clock
    from realtime.cli.demo import build_demo

    runs: dict[str, Callable[[Testbed], dict[str, Any]]] = {
        name: lambda w, ppm=ppm: drift(w.sound, w.folder, words, ppm, drift_s)
        for name, ppm in _DRIFTS.items()
    }
    runs["wall_clock"] = lambda w: wall_clock(w.sound, words)
    runs["load"] = lambda w: load(w, words)
    results: Results = {}
    for name in (name for name in runs if name in chosen):
        with (
            tempfile.TemporaryDirectory() as folder,
            make_testbed(Path(folder), build_demo(), "http") as testbed,
        ):
            result = runs[name](testbed)
        observed[name] = result.pop("observed")
        lost = [f"no final estimate of {utterance}" for utterance in finals_lost(observed[name])]
        result["broken"] += [sentence for sentence in lost if sentence not in result["broken"]]
        results[name] = {"run": name, **result, "run_ended_in_s": result.pop("ended_in_s")}
    return results
