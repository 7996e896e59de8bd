"""What `bench fusion` and `bench encoders` share: preparing backends, running processes, joining figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from benchmarks.backend_rounds import Jobs

_ROOT: Final = Path(__file__).resolve().parents[1]

SLOW_TO_COMPILE: Final = ("aoti",)
"""Takes minutes: it takes part when it was compiled before."""

THREADS: Final = (1, 2)


def compare_backends(
    checkpoint: Path | None, jobs: Jobs, main_job: str, rounds: int, report_progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measure every backend that this machine can run.

    Args:
        checkpoint: its folder; None = the default one.
        jobs: name -> networks.
        main_job: the one whose figures stand at the top of each backend's.
        rounds: interleaved, per number of threads.
        report_progress: told what is being done.

    Returns:
        "backends" -> name -> ratio (to eager's median), p50_ms, p95_ms (one row, one thread), max_delta_p,
        startup_s, rss_mb, precision, and "threads" -> number -> job -> figures; "absent" -> name -> why;
        "machine", "commit", "rounds".
    """
    from benchmarks.machine import commit, machine
    from core.backends.preparation import checkpoint_folder, prepare
    from core.backends.registry import BACKENDS

    folder = checkpoint_folder(checkpoint).resolve()
    prepare(folder, report_progress)
    compile_missing(folder, report_progress)
    runs = {}
    for threads in THREADS:
        report_progress(f"{rounds} rounds, {threads} thread{'s' if threads > 1 else ''} each.")
        asked = {"checkpoint": str(folder), "jobs": jobs, "threads": threads, "rounds": rounds}
        asked["names"] = list(BACKENDS)
        runs[threads] = process("benchmarks.backend_rounds", [json.dumps(asked)], threads)
    used = list(dict.fromkeys(jobs[main_job]))
    starts = {}
    for name in runs[1]["backends"]:
        report_progress(f"Start-up of {name}.")
        starts[name] = process("benchmarks.backend_startup", [str(folder), name, *used], 1)
    return {
        "backends": {name: joined(name, runs, starts[name], main_job) for name in runs[1]["backends"]},
        "absent": runs[1]["absent"],
        "rounds": rounds,
        "machine": machine(),
        "commit": commit(),
    }


def joined(name: str, runs: dict[int, Any], start: dict[str, Any], main_job: str) -> dict[str, Any]:
    """All figures of one backend."""
    by_threads: dict[str, Any] = {}
    for threads, run in runs.items():
        if name in run["backends"]:
            eager = run["backends"]["eager"]["jobs"]
            by_threads[str(threads)] = {
                job: {"ratio": round(figures["p50_ms"] / eager[job]["p50_ms"], 3), **figures}
                for job, figures in run["backends"][name]["jobs"].items()
            }
    one = runs[1]["backends"][name]
    return {
        **by_threads["1"][main_job],
        "max_delta_p": one["max_delta_p"],
        **start,
        "precision": one["precision"],
        "threads": by_threads,
    }


def compile_missing(checkpoint: Path, report_progress: Callable[[str], None]) -> None:
    """Compile for every backend that this machine can run and that nobody compiled yet."""
    from core.backends.artifacts import export_folder
    from core.backends.compiled import compiled_folder
    from core.backends.compiling import compile_networks
    from core.backends.registry import BACKENDS, backend
    from core.backends.source import Source
    from core.errors import EmotrackError
    from core.spec import read_spec

    spec = read_spec(checkpoint)
    for name in BACKENDS:
        chosen = backend(name)
        if chosen.runs != "artifact" or name in SLOW_TO_COMPILE or chosen.probe() is not None:
            continue
        if any(compiled_folder(spec, chosen, p).is_dir() for p in chosen.precisions):
            continue
        report_progress(f"Compiling for {name}.")
        try:
            compile_networks(Source(spec, checkpoint, export_folder(spec)), chosen)
        except EmotrackError as error:  # the others can still be compared
            report_progress(str(error))


def under_contention(
    checkpoint: Path | None, names: Iterable[str], seconds: float, report_progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One hop beside Whisper, for wait policies and numbers of threads."""
    from core.backends.preparation import checkpoint_folder

    folder = checkpoint_folder(checkpoint).resolve()
    cores = os.cpu_count() or 2
    found = []
    for name in names:
        for policy in ("ACTIVE", "PASSIVE"):
            for threads, whisper_threads in ((1, max(1, cores - 1)), (1, cores), (2, cores)):
                report_progress(f"{name}, {policy.lower()} waiting, {threads} and {whisper_threads} threads.")
                words = [str(folder), name, str(threads), str(whisper_threads), str(seconds)]
                figures = process("benchmarks.contention", words, None, OMP_WAIT_POLICY=policy)
                row = {"backend": name, "network_threads": threads, "whisper_threads": whisper_threads}
                found.append({**row, **figures})
    return found


def process(module: str, words: list[str], threads: int | None, **environment: str) -> Any:  # noqa: ANN401
    """Run a module of ours in a fresh process and read the JSON that it prints last.

    Raises:
        EmotrackError: it failed.
    """
    from core.errors import EmotrackError

    env = {**os.environ, **environment}
    env.pop("OMP_NUM_THREADS", None)
    if threads is not None:
        env["OMP_NUM_THREADS"] = str(threads)
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=_ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EmotrackError("the measured process failed; what it said stands above.", where=module)
    return json.loads(done.stdout.strip().splitlines()[-1])
