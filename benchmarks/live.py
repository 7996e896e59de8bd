"""`bench live`: real speech into a virtual microphone, and what a client of the feed sees of it when."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from benchmarks.output import emit

if TYPE_CHECKING:
    from benchmarks.live_figures import Observed

_TARGETS: Final = {
    "speech_end_to_final_ms": {"p50": 500.0, "p95": 1000.0},
    "estimate_age_ms": {"p95": 1000.0},
    "lag_slope_ms_per_min": 1.0,
    "memory_growth_mb_per_h": 5.0,
}
"""On two cores without a graphics card, with Whisper base."""

_HALF_MINUTE_S: Final = 30.0


def live(
    file: Annotated[Path | None, typer.Argument(help="Speech; else the demo recording.")] = None,
    whisper: Annotated[list[str] | None, typer.Option(help="Recogniser; repeatable (base).")] = None,
    language: Annotated[str | None, typer.Option(help='What is spoken, such as "en".')] = "en",
    checkpoint: Annotated[Path | None, typer.Option(help="Folder of a trained checkpoint.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key.")] = None,
    seconds: Annotated[float, typer.Option(help="Length of a run.")] = 120.0,
    soak: Annotated[float | None, typer.Option(metavar="MINUTES", help="One long run instead.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw age and memory into this file.")] = None,
    paced: Annotated[bool, typer.Option("--paced", help="Without a microphone.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Say how many words a replay of what was heard has otherwise.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Play speech to the real command in real time and say how late everything comes.

    Each recogniser is started twice: with its files out of the system's cache, then with them in it.
    """
    from benchmarks.machine import commit, machine
    from realtime.cli.demo import build_demo

    recording = (file if file is not None else build_demo()).resolve()
    length_s = seconds if soak is None else soak * 60.0
    words = _words(language, checkpoint, set_ or [])
    runs = {
        size: _measured(
            Setup(recording, [*words, "--whisper", size], size, length_s, paced, compare), picture
        )
        for size in whisper or ["base"]
    }
    figures = {
        "runs": runs,
        "targets": _TARGETS,
        "recording": recording.name,
        "through": "paced recording" if paced else "virtual microphone",
        "machine": machine(),
        "commit": commit(),
    }
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def _words(language: str | None, checkpoint: Path | None, settings: list[str]) -> list[str]:
    words = [] if language is None else ["--language", language]
    if checkpoint is not None:
        words += ["--checkpoint", str(checkpoint.resolve())]
    return [*words, *(word for setting in settings for word in ("--set", setting))]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is run: a recording, options of the command, size of the recogniser, seconds, and how."""

    recording: Path
    words: list[str]
    size: str
    seconds: float
    paced: bool
    compare: bool


def _measured(setup: Setup, picture: Path | None) -> dict[str, Any]:
    """A short cold start, then the run that is measured."""
    from benchmarks.live_figures import figures
    from realtime.config import LiveConfig

    pause_s = LiveConfig().engine.voice.end_pause_s
    _forget_files(setup.size)
    cold, _ = _observed(replace(setup, seconds=min(setup.seconds, _HALF_MINUTE_S), compare=False))
    observed, unlike = _observed(setup)
    if picture is not None:
        _draw(observed, picture.with_stem(f"{picture.stem}-{setup.size}"))
    found = figures(observed, pause_s)
    found["start_cold_ms"], found["start_warm_ms"] = figures(cold, pause_s)["start_ms"], found.pop("start_ms")
    return {**found, "words_unlike_replay": unlike}


def _observed(setup: Setup) -> tuple[Observed, float | None]:
    """One run, and how many of its words a replay has otherwise, if that is asked for."""
    from benchmarks.live_run import observe
    from benchmarks.live_words import words_unlike_replay

    with (
        tempfile.TemporaryDirectory() as folder,
        _heard(setup.recording, setup.seconds, paced=setup.paced) as (options, environment),
    ):
        record = ["--record", folder] if setup.compare else []
        observed = observe([*options, *setup.words, *record], setup.seconds, environment)
        if not setup.compare:
            return observed, None
        events = [event for _, event in observed.messages]
        return observed, words_unlike_replay(Path(folder), setup.words, events)


@contextmanager
def _heard(recording: Path, seconds: float, *, paced: bool) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Options and environment of a process that hears the recording for at least so long."""
    from benchmarks.sound_server import SoundServer

    with tempfile.TemporaryDirectory() as folder:
        if paced:
            looped = Path(folder) / "looped.wav"
            _write_looped(recording, looped, seconds + _HALF_MINUTE_S)
            yield ["--play", str(looped)], dict(os.environ)
            return
        raw = Path(folder) / "speech.raw"
        _write_looped(recording, raw, seconds + 2 * _HALF_MINUTE_S)
        with SoundServer(Path(folder)) as server:
            server.play(raw)
            yield ["--microphone", "default", "--no", "camera", "--consent", "bench"], server.environment


def _write_looped(recording: Path, target: Path, seconds: float) -> None:
    """The recording's sound over and over with a second of silence in between, as 48 kHz float or WAV."""
    import numpy as np

    from benchmarks.sound_file import read_mono
    from benchmarks.sound_server import RATE_HZ

    once = np.concatenate([read_mono(recording, RATE_HZ), np.zeros(RATE_HZ, np.float32)])
    looped = np.tile(once, 1 + int(seconds * RATE_HZ / len(once)))
    if target.suffix == ".raw":
        looped.astype("<f4").tofile(target)
        return
    import wave

    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(looped, -1, 1) * 32767).astype("<i2").tobytes())


def _forget_files(size: str) -> None:
    """Ask the system to drop the weights from its file cache, so that the next start is a cold one."""
    from core.weights import cache_root

    folders = [cache_root() / "weights" / f"whisper-{size}", cache_root() / "exports"]
    for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _draw(observed: Observed, path: Path) -> None:
    """Age of the rolling estimates and memory over the run."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    zero_s = observed.zero_s
    rolling = [(at_s, e) for at_s, e in observed.of("estimate") if not e["final"]]
    figure, (age, memory) = plt.subplots(2, 1, sharex=True, figsize=(10, 5), constrained_layout=True)
    minutes = [(at_s - zero_s) / 60 for at_s, _ in rolling]
    age.plot(minutes, [1000 * (at_s - zero_s - e["t1_s"]) for at_s, e in rolling], ".", markersize=2)
    age.set_ylabel("age of estimates [ms]")
    memory.plot([(at_s - zero_s) / 60 for at_s, _ in observed.memory], [mb for _, mb in observed.memory])
    memory.set_ylabel("memory [MiB]")
    memory.set_xlabel("minutes")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{figures['recording']} through a {figures['through']}, milliseconds")
    for name in ("whisper", "figure", "p50", "p95", "p99"):
        table.add_column(name, justify="left" if name in ("whisper", "figure") else "right")
    for size, run in figures["runs"].items():
        for name in ("speech_end_to_final_ms", "estimate_age_ms", "first_partial_ms"):
            cells = ["-" if run[name][p] is None else f"{run[name][p]:.0f}" for p in ("p50", "p95", "p99")]
            table.add_row(size, name.removesuffix("_ms"), *cells)
    console = Console()
    console.print(table)
    for size, run in figures["runs"].items():
        trends = "; ".join(
            trend_text(run, name, unit)
            for name, unit in (("lag_slope", "ms_per_min"), ("memory_growth", "mb_per_h"))
        )
        warm = f"the first {run['warm_up_s']:.0f} s are warm-up ({run['warm_up_mb']} MB)"
        steps = run["load_steps"] or "none"
        load = f"peak {run['peak_rss_mb']} MB, {run['cpu_s_per_s']} cores, load steps {steps}"
        console.print(
            f"{size}: hang-over {run['hang_over_ms']} ms before the decision; {trends}; {warm}; {load}"
        )


def trend_text(run: dict[str, Any], name: str, unit: str) -> str:
    """A trend with its interval in words; whether the run was long enough to tell it from its target."""
    label, unit_text = name.replace("_", " "), unit.replace("_per_", "/").replace("mb", "MB")
    key, limits = f"{name}_{unit}", run[f"{name}_interval"]
    if limits is None:
        return f"{label}: the run is too short to tell"
    low, high = limits
    unsure = " (too short to tell)" if low <= _TARGETS[key] < high else ""
    return f"{label} {run[key]} {unit_text}, 95 % within {low} to {high}{unsure}"
