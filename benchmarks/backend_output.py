"""Options and output that the benches of backends share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.output import write_json

Checkpoint = Annotated[Path | None, typer.Option(help="Folder of a trained checkpoint; else the default.")]
Rounds = Annotated[int, typer.Option(min=1, help="Interleaved rounds per number of threads.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")]
Picture = Annotated[Path | None, typer.Option(help="Draw a picture into this PNG or SVG file.")]


def report_progress(sentence: str) -> None:
    """Say on standard error what is being done."""
    typer.echo(sentence, err=True)


def emit(figures: dict[str, Any], job: str, *, as_json: bool, out: Path | None, picture: Path | None) -> None:
    """Print the figures, and write file and picture if asked to."""
    text = write_json(figures, out)
    if picture is not None:
        from benchmarks.backend_picture import draw

        draw(figures, job, picture)
    if as_json:
        typer.echo(text)
    else:
        show(figures)


def show(figures: dict[str, Any]) -> None:
    """A table for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    here = figures["machine"]
    table = Table(title=f"{here['cpu']}, {here['cores']} cores, load {(here['load_average'] or ['?'])[0]}")
    for name in ("backend", "threads", "job", "p50", "p95", "of eager", "delta p", "start-up", "memory"):
        table.add_column(name, justify="left" if name in ("backend", "job") else "right")
    for name, row in figures["backends"].items():
        for threads, jobs in row["threads"].items():
            for job, times in jobs.items():
                once = threads == "1" and job == next(iter(jobs))
                start = f"{row['startup_s']:.2f} s" if once else ""
                memory = f"{row['rss_mb']:.0f} MB" if once else ""
                delta = f"{row['max_delta_p']:.1e}" if once else ""
                p50, p95 = (f"{times[key]:.2f} ms" for key in ("p50_ms", "p95_ms"))
                table.add_row(name, threads, job, p50, p95, f"{times['ratio']:.2f}", delta, start, memory)
    console.print(table)
    for name, why in figures["absent"].items():
        console.print(f"{name}: {why}", soft_wrap=True, highlight=False)
    for row in figures.get("contention", []):
        setting = f"{row['backend']}, {row['network_threads']} + {row['whisper_threads']} threads"
        times = f"p50 {row['p50_ms']:.1f} ms, p95 {row['p95_ms']:.1f} ms"
        console.print(f"{setting}, {row['wait_policy']}: {times}, whisper x {row['whisper_times_real_time']}")
