"""The verb `models`: list, pull, verify and locate the third-party weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from core.errors import WeightsError
from core.weights import Step, cache_root, catalogue, fetch, find, is_ready, locate, verify

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Third-party weights.")

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="See `emotrack models list`.")]


@app.command("list")
def list_weights() -> None:
    """Show every weight: role, licence, size, and whether it is on this machine."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "role", "needed for", "licence"):
        table.add_column(heading)
    table.add_column("size", justify="right")
    table.add_column("here")
    for weight in catalogue():
        here = "[green]yes" if is_ready(weight) else "[dim]no"
        table.add_row(weight.name, weight.role, weight.group, weight.licence, _megabytes(weight.size), here)
    console = Console()
    console.print(table)
    console.print(f"[dim]cache: {cache_root() / 'weights'}", soft_wrap=True)


@app.command()
def pull(
    names: Names = None,
    every: Annotated[bool, typer.Option("--all", help="Every weight of the list.")] = False,
    whisper: Annotated[
        str | None, typer.Option(metavar="SIZE", help='Recogniser: "base", "tiny.en", "base.en", "small".')
    ] = None,
    from_dir: Annotated[Path | None, typer.Option("--from", help="Look into this folder first.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use no network.")] = False,
) -> None:
    """Fetch weights into the cache and check them. Without a name: what `emotrack replay` needs."""
    console = Console(stderr=True)
    failures: list[WeightsError] = []
    with _logged(console), _bars(console) as bars:
        for name in _chosen(names or [], every=every, whisper=whisper):
            task = bars.add_task(name, total=None)
            try:
                fetch(name, from_dir=from_dir, offline=offline, progress=_shown(bars, task))
            except WeightsError as error:
                bars.update(task, visible=False)
                failures.append(error)
            else:
                size = find(name).size
                bars.update(task, description=f"[green]{name}", total=size, completed=size)
    for failure in failures:
        typer.echo(f"emotrack: {failure}", err=True)
    if failures:
        raise typer.Exit(WeightsError.exit_code)


@app.command("verify")
def verify_weights(names: Names = None) -> None:
    """Hash every byte. Without a name: all weights that are on this machine."""
    sound = True
    for name in names or [weight.name for weight in catalogue()]:
        report = verify(name)
        if not names and set(report.files.values()) == {"absent"}:
            continue
        sound = sound and report.ok
        for file, state in report.files.items():
            typer.echo(f"{state:8} {report.folder / file}")
    if not sound:
        raise WeightsError(
            "a weight is absent or damaged.",
            where=str(cache_root() / "weights"),
            fix="Run `emotrack models pull NAME`; it replaces what is wrong.",
        )


@app.command()
def path(
    name: Annotated[str | None, typer.Argument(help="A weight; else the cache's folder.")] = None,
) -> None:
    """Print the folder of a weight that is on this machine."""
    typer.echo(str(locate(name) if name else cache_root() / "weights"))


def _chosen(names: list[str], *, every: bool, whisper: str | None) -> list[str]:
    if every:
        return [weight.name for weight in catalogue()]
    chosen = [find(name).name for name in names]
    if not names:
        chosen = [weight.name for weight in catalogue() if weight.group == "replay"]
        if whisper:
            chosen = [name for name in chosen if not name.startswith("whisper-")]
    if whisper:
        chosen.append(find(f"whisper-{whisper}").name)
    return list(dict.fromkeys(chosen))


@contextmanager
def _bars(console: Console) -> Iterator[Bars]:
    with Bars(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        yield bars


def _shown(bars: Bars, task: TaskID) -> Callable[[Step], None]:
    def show(step: Step) -> None:
        # A package's size is not known in advance: its bar pulses.
        description = f"{step.weight} [dim]{step.item}"
        bars.update(task, description=description, completed=step.done_bytes, total=step.total_bytes)

    return show


class _Lines(logging.Handler):
    """Shows log lines above the bars, unwrapped."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        self._console.print(record.getMessage(), style="dim", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _logged(console: Console) -> Iterator[None]:
    logger = logging.getLogger("core.weights")
    handler = _Lines(console)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
