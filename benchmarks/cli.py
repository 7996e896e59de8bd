"""The verb bench: what this machine can do, as a table or as JSON."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.av import av
from benchmarks.competitors.command import peers
from benchmarks.desktop import desktop
from benchmarks.encoders import encoders
from benchmarks.faults.command import faults
from benchmarks.feed import feed
from benchmarks.fusion import fusion
from benchmarks.live import live
from benchmarks.output import emit
from benchmarks.quiet import quiet
from benchmarks.soak import soak
from benchmarks.speakers import speakers
from realtime.consent.ledger import STATE_VARIABLE
from realtime.environment import variable

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(live)
app.command()(peers)
app.command()(faults)
app.command()(quiet)
app.command()(soak)
app.command()(speakers)
app.command()(av)
app.command()(desktop)
app.command()(feed)
app.command()(fusion)
app.command()(encoders)

_ROOT: Final = Path(__file__).resolve().parents[1]


@app.callback()
def bench(context: typer.Context) -> None:
    """Measure speed and memory on this machine."""
    context.with_resource(_ledger_of_its_own())


@contextmanager
def _ledger_of_its_own() -> Iterator[None]:
    """Nobody consents to anything when sound from a file is played: the user's ledger stays as it is."""
    with tempfile.TemporaryDirectory() as folder, variable(STATE_VARIABLE, folder):
        yield


@app.command()
def replay(
    file: Annotated[Path | None, typer.Argument(help="A recording; else the demo recording.")] = None,
    whisper: Annotated[str | None, typer.Option(help='Recogniser: "base" (default), "tiny.en"...')] = None,
    language: Annotated[str | None, typer.Option(help='What is spoken, such as "en".')] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Folder of a trained checkpoint.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file, see configs/replay.yaml.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key.")] = None,
    seconds: Annotated[float, typer.Option(help="Play it in a row for at least this long.")] = 60.0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs; every figure is the median.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Replay a recording at pace max, everything switched on, and say how fast that was."""
    from benchmarks.machine import commit, machine
    from realtime.config import resolve

    options = {
        "whisper.size": whisper,
        "whisper.language": language,
        "checkpoint": checkpoint.resolve() if checkpoint is not None else None,
        "source.pace": "max",
        "feed.enabled": False,
    }
    resolved = resolve(config, options, set_ or [])
    recording, rounds = _recording(file, seconds)
    _prepare(resolved.checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.yaml"
        settings.write_text(resolved.to_yaml(), encoding="utf-8")
        runs = [_measured(recording, rounds, settings) for _ in range(repeat)]
    figures = {
        **_median(runs),
        "whisper": resolved.whisper.size,
        "recording": recording.name,
        "repeats": repeat,
        "machine": machine(),
        "commit": commit(),
        "config": resolved.model_dump(mode="json"),
    }
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def _recording(file: Path | None, seconds: float) -> tuple[Path, int]:
    """The recording, and how often it fits into `seconds`."""
    from core.media.recording import RecordingSource
    from realtime.cli.demo import build_demo

    path = file if file is not None else build_demo()
    with RecordingSource(path) as source:
        length_s = source.duration_s or seconds
    return path, max(1, math.ceil(seconds / max(length_s, 0.1)))


def _prepare(checkpoint: Path | None) -> None:
    """Export the networks beforehand: it happens once per machine and is no part of a run."""
    from core.backends.preparation import checkpoint_folder, prepare

    prepare(checkpoint_folder(checkpoint), lambda sentence: typer.echo(sentence, err=True))


def _measured(recording: Path, rounds: int, settings: Path) -> dict[str, Any]:
    from core.errors import EmotrackError

    words = [sys.executable, "-m", "benchmarks.replay", str(recording.resolve()), str(rounds), str(settings)]
    done = subprocess.run(words, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise EmotrackError("the measured run failed; what it said stands above.", where=str(recording))
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _median(runs: list[Any]) -> Any:  # noqa: ANN401
    """Figure by figure; what is no figure is taken from the first run."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: _median([run[key] for run in runs if key in run]) for key in first}
    if isinstance(first, int | float) and not isinstance(first, bool):
        return _rounded(statistics.median(runs))
    return first


def _rounded(value: float) -> float:
    return value if value == 0 else round(value, max(0, 3 - math.floor(math.log10(abs(value)))))


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{figures['recording']}, whisper {figures['whisper']}, pace max")
    for name in ("stage", "count", "run p50", "run p95", "wait p50", "wait p95", "total"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, row in figures["stages"].items():
        times = [row.get(f"{part}_{p}_ms") for part in ("run", "wait") for p in ("p50", "p95")]
        cells = ["" if value is None else f"{value:.1f} ms" for value in times]
        table.add_row(stage, str(round(row["count"])), *cells, f"{row['total_s']:.1f} s")
    console.print(table)
    start, here = figures["start_up"], figures["machine"]
    times = {name: f"{value:.1f} s" for name, value in start.items() if value is not None}
    played = f"{figures['stream_s']:.1f} s in {figures['wall_s']:.1f} s, cpu {figures['cpu_s']:.1f} s"
    busy = ", ".join(f"{lane} {share:.0%}" for lane, share in figures["lanes"].items())
    console.print(f"[bold]{figures['times_real_time']:.2f} x real time[/bold]: {played}")
    console.print(f"lanes at work: {busy}; peak memory {figures['peak_rss_mb']:.0f} MB")
    console.print("start-up:", ", ".join(f"{name.removesuffix('_s')} {text}" for name, text in times.items()))
    load = f"load {here['load_average'][0]}" if here["load_average"] else "load unknown"
    console.print(f"{here['cpu']}, {here['cores']} cores, {load}, commit {figures['commit']}")
