"""`bench desktop`: how soon the window shows an estimate, and what it costs beside the engine."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.output import emit

_ROOT: Final = Path(__file__).resolve().parents[1]
_START_S: Final = 120.0
_SETTLED_S: Final = 5.0
"""So long after its first estimate a run is left alone before it is measured."""

_END_S: Final = 30.0
_TARGETS: Final = {"first_estimate_ms": 10_000, "window_cores": 0.05}


def desktop(
    starts: Annotated[int, typer.Option(min=1, help="How often it is started; times are medians.")] = 3,
    seconds: Annotated[float, typer.Option(help="For how long the last start is watched.")] = 60.0,
    whisper: Annotated[str, typer.Option(help="Recogniser.")] = "base",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Open the desktop tracker on a virtual microphone, a network camera and a screen without a monitor.

    Needs PulseAudio, Xvfb and the extra `desktop`.
    """
    from benchmarks.faults.testbed import make_testbed
    from benchmarks.machine import commit, machine
    from realtime.cli.demo import build_demo

    runs = []
    with tempfile.TemporaryDirectory() as folder, make_testbed(Path(folder), build_demo(), "http") as testbed:
        environment = testbed.sound.environment | {"DISPLAY": f":{testbed.display.number}"}
        environment |= {"QT_QPA_PLATFORM": "xcb", "XDG_RUNTIME_DIR": folder}
        settings = Path(folder) / "desktop.yaml"
        camera = f"http://127.0.0.1:{testbed.camera.port}/x"
        settings.write_text(f'sources: {{camera: "{camera}"}}\nwhisper: {{size: {whisper}}}\n', "utf-8")
        for number in range(1, starts + 1):
            runs.append(_run(settings, environment, seconds if number == starts else 0.0))
    figures: dict[str, Any] = {
        **{key: statistics.median(run[key] for run in runs) for key in ("window_ms", "first_estimate_ms")},
        "first_estimate_ms_of_starts": [run["first_estimate_ms"] for run in runs],
        **runs[-1]["cost"],
    }
    figures |= {"targets": _TARGETS, "whisper": whisper, "seconds": seconds}
    figures |= {"machine": machine(), "commit": commit()}
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def _run(settings: Path, environment: dict[str, str], seconds: float) -> dict[str, Any]:
    """One start; times in milliseconds from it. Its costs are measured where it lasts."""
    begun_s = time.monotonic()
    with _window(settings, environment, seconds) as process:
        window_ms, _ = _shown(process, "window", begun_s)
        first_ms, told = _shown(process, "estimate", begun_s)
        cost = _cost(process.pid, told["engine"], seconds) if seconds > 0 else {}
    return {"window_ms": window_ms, "first_estimate_ms": first_ms, "cost": cost}


@contextmanager
def _window(settings: Path, environment: dict[str, str], seconds: float) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "benchmarks.desktop_window", "--config", str(settings)]
    process = subprocess.Popen(words, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    alarm = threading.Timer(_START_S + seconds, process.kill)
    alarm.start()
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)
    finally:
        alarm.cancel()
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _shown(process: subprocess.Popen[str], what: str, begun_s: float) -> tuple[float, dict[str, Any]]:
    """When the window has shown it first, and what the window said then."""
    from core.errors import EmotrackError

    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["shown"] == what:
            return round(1000 * (time.monotonic() - begun_s), 1), told
    raise EmotrackError(f"the window ended before its first {what}; what it said stands above.")


def _cost(window: int, engine: int, seconds: float) -> dict[str, Any]:
    """Processor time per second and memory of both processes, each without the other."""
    from benchmarks.process_tree import cpu_s, own_cpu_s, proportional_mb, resident_mb

    time.sleep(_SETTLED_S)
    before, begun_s = (own_cpu_s(window), cpu_s(engine)), time.monotonic()
    time.sleep(seconds)
    lasted_s = time.monotonic() - begun_s
    after = (own_cpu_s(window), cpu_s(engine))
    window_cores, engine_cores = ((b - a) / lasted_s for a, b in zip(before, after, strict=True))
    return {
        "window_cores": round(window_cores, 4),
        "engine_cores": round(engine_cores, 3),
        "window_mb": round(proportional_mb(window), 1),
        "engine_mb": round(resident_mb(engine), 1),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _show(figures: dict[str, Any]) -> None:
    window_s, first_s = figures["window_ms"] / 1000, figures["first_estimate_ms"] / 1000
    typer.echo(f"window after {window_s:.1f} s, first estimate after {first_s:.1f} s")
    for name in ("window", "engine"):
        cores, memory = figures[f"{name}_cores"], figures[f"{name}_mb"]
        typer.echo(f"{name}: {100 * cores:.1f} % of a core, {memory:.0f} MB")
