"""`bench av`: how far sound and picture lie apart after everything, against what the feed publishes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from benchmarks.output import emit

if TYPE_CHECKING:
    from core.engine.engine import Input

_SOURCE: Final = "beeper"
_LOUD: Final = 0.1
_WHITE: Final = 150.0
_QUIET_S: Final = 0.5
"""So long nothing is to be heard or seen before a beep or a flash counts as a new one."""


def av(
    seconds: Annotated[float, typer.Option(help="Length of a run.")] = 40.0,
    latency: Annotated[
        list[float] | None, typer.Option(help="sources.camera_latency_s of a run; repeatable (0.03 and 0).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Show a flash and play a beep at the same time, to the real command, and look where they are put.

    Exit code 1: the offset lies outside the published bound.
    """
    from benchmarks.machine import commit, machine

    runs = {str(latency_s): _measured(latency_s, seconds) for latency_s in latency or [0.03, 0.0]}
    figures = {"by_camera_latency_s": runs, "machine": machine(), "commit": commit()}
    emit(figures, out=out, as_json=as_json, show=lambda: _show(runs))
    if not all(run["within_bound"] for run in runs.values()):
        raise typer.Exit(1)


def _show(runs: dict[str, dict[str, Any]]) -> None:
    for latency_s, run in runs.items():
        typer.echo(f"camera_latency_s {latency_s}: {run}")


def onsets(points: Iterable[tuple[float, bool]], quiet_s: float = _QUIET_S) -> list[float]:
    """When something begins: times at which it is there, and was not for `quiet_s` before."""
    found, last_s = [], None
    for t_s, there in points:
        if there and (last_s is None or t_s - last_s > quiet_s):
            found.append(t_s)
        if there:
            last_s = t_s
    return found


def apart_ms(flashes: Sequence[float], beeps: Sequence[float], period_s: float) -> list[float]:
    """Flash less beep of each pair that belongs together, in milliseconds."""
    pairs = [(flash, beep) for flash in flashes for beep in beeps if abs(flash - beep) < period_s / 2]
    return [1000 * (flash - beep) for flash, beep in pairs]


def _measured(latency_s: float, seconds: float) -> dict[str, Any]:
    import numpy as np

    from benchmarks.camera_server import CameraServer, mjpeg
    from benchmarks.faults.run import FaultyRun
    from benchmarks.faults.sound import FaultySound
    from benchmarks.flash_clip import PERIOD_S, Projector, read_clip, write_clip
    from realtime.recording.recorded_inputs import RecordedRun

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sound").mkdir()
        write_clip(folder / "flash.mkv")
        nothing = np.zeros(48_000, np.float32)
        with FaultySound(folder / "sound", nothing, nothing) as server:
            pipe = folder / "beeps.pipe"
            server.add_pipe(_SOURCE, pipe)
            with (
                Projector(pipe, *read_clip(folder / "flash.mkv")) as projector,
                CameraServer(mjpeg, projector.picture, due=projector.wait) as camera,
            ):
                words = ["--microphone", _SOURCE, "--camera", f"http://127.0.0.1:{camera.port}/x"]
                words += ["--whisper", "tiny.en", "--language", "en", "--record", str(folder / "recorded")]
                words += ["--set", f"sources.camera_latency_s={latency_s}", "--set", "sources.camera_hz=60"]
                with FaultyRun(words, server.environment) as run:
                    run.wait_until_calm(1.0, 60.0)
                    time.sleep(seconds)
        heard = [item.item for item in RecordedRun(folder / "recorded").inputs()]
    flashes, beeps = _seen(heard), _heard(heard)
    return _compared(apart_ms(flashes, beeps, PERIOD_S), heard)


def _seen(items: list[Input]) -> list[float]:
    from core.inputs import VideoFrame

    frames = [item for item in items if isinstance(item, VideoFrame)]
    return onsets((frame.t_s, float(frame.image.mean()) > _WHITE) for frame in frames)


def _heard(items: list[Input]) -> list[float]:
    import numpy as np

    from core.inputs import SAMPLE_RATE, AudioChunk

    loud = [
        (chunk.start_sample + int(at)) / SAMPLE_RATE
        for chunk in items
        if isinstance(chunk, AudioChunk)
        for at in np.flatnonzero(np.abs(chunk.samples) > _LOUD)
    ]
    return onsets((t_s, True) for t_s in loud)


def _compared(apart: list[float], items: list[Input]) -> dict[str, Any]:
    """What was detected, what was published, and whether the one lies within the bound of the other."""
    import numpy as np

    from core.inputs import ClockState

    clocks = [item for item in items if isinstance(item, ClockState)]
    if not apart or {clock.stream for clock in clocks} != {"me", "camera"}:
        return {"pairs": len(apart), "within_bound": False}

    def told_ms(stream: str, name: str) -> float:
        return 1000 * float(np.median([getattr(c, name) for c in clocks if c.stream == stream]))

    detected = float(np.median(apart))
    published = told_ms("camera", "offset_s") - told_ms("me", "offset_s")
    bound = told_ms("camera", "uncertainty_s") + told_ms("me", "uncertainty_s")
    return {
        "pairs": len(apart),
        "detected_ms": round(detected, 1),
        "detected_p5_p95_ms": [round(float(v), 1) for v in np.percentile(apart, [5, 95])],
        "published_ms": round(published, 1),
        "bound_ms": round(bound, 1),
        "within_bound": abs(detected - published) <= bound,
    }
