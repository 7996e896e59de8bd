"""The verb compile: the checkpoint's networks, lowered for this machine, compared with eager, timed, kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.backends.base import Backend, Precision
    from core.backends.compiling import Compiled

app = typer.Typer(add_completion=False)


@app.command()
def compile_(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Folder of a checkpoint; else the default.")
    ] = None,
    backend: Annotated[
        str,
        typer.Option(help="auto, eager, onnx, onnx-int8, openvino, aoti, cuda, tensorrt or tensorrt-rtx."),
    ] = "auto",
    dtype: Annotated[
        str | None, typer.Option(help="fp32, bf16 or fp16; else what suits the backend best.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compile the networks for this machine.

    Nothing is written unless what was compiled says what eager float32 says. `auto` takes the fastest backend
    that this machine can run.
    """
    import time

    from core.backends.compiling import compile_networks
    from core.backends.preparation import checkpoint_folder, prepare
    from core.backends.source import Source

    precision = _precision(dtype)
    chosen = _named(backend) if backend != "auto" else _best(precision)
    folder = checkpoint_folder(checkpoint)
    spec, export = prepare(folder, _tell)
    compiled = compile_networks(
        Source(spec, folder, export), chosen, precision, clock=time.perf_counter, tell=_tell
    )
    if as_json:
        typer.echo(_json(compiled))
    else:
        _show(compiled, reduced=chosen.reduced)


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _precision(text: str | None) -> Precision | None:
    from core.backends.base import PRECISIONS
    from core.errors import ConfigError

    for known in PRECISIONS:
        if text == known:
            return known
    if text is not None:
        raise ConfigError(f"{text!r} is no precision.", where="--dtype", fix=f"Use {', '.join(PRECISIONS)}.")
    return None


def _named(name: str) -> Backend:
    """The backend of that name, refused before anything is exported when this machine cannot run it."""
    from core.backends.base import Unusable
    from core.backends.registry import backend

    chosen = backend(name)
    missing = chosen.probe()
    if missing is not None:
        raise Unusable("probe", f"{name} cannot be used here: {missing} Nothing was written.")
    return chosen


def _best(precision: Precision | None) -> Backend:
    """The first backend of `auto`'s order that this machine can run; says why others cannot."""
    from core.backends.registry import AUTO, backend
    from core.errors import ModelError

    for name in AUTO:
        chosen = backend(name)
        missing = chosen.probe()
        if missing is None and chosen.reduced:
            missing = "it changes what is said, so it is compiled only when it is named."
        if missing is None and precision is not None and precision not in chosen.precisions:
            missing = f"it cannot compute in {precision}."
        if missing is None:
            return chosen
        _tell(f"{name} is passed over: {missing}")
    raise ModelError("no backend can be used on this machine.", fix="Install emotrack again.")


def _json(compiled: Compiled) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(
        {
            "backend": compiled.backend,
            "precision": compiled.precision,
            "folder": None if compiled.folder is None else str(compiled.folder),
            "parity": {name: asdict(finding) for name, finding in compiled.parity.items()},
            "benchmark": {name: timing.model_dump() for name, timing in compiled.benchmark.items()},
        },
        indent=1,
    )


def _show(compiled: Compiled, *, reduced: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{compiled.backend}, {compiled.precision}, one row, one thread")
    for name in ("network", "largest difference", "decisions changed", "p50", "p95"):
        table.add_column(name, justify="left" if name == "network" else "right")
    for network, finding in compiled.parity.items():
        timing = compiled.benchmark[network]
        table.add_row(
            network,
            f"{finding.delta_p:.1e}",
            str(finding.flips),
            f"{timing.p50_ms:.2f} ms",
            f"{timing.p95_ms:.2f} ms",
        )
    console.print(table)
    if compiled.folder is None:
        console.print(f"{compiled.backend} runs without artifacts; nothing had to be written.")
    else:
        console.print(f"Wrote {compiled.folder}.", soft_wrap=True)
    if reduced:
        console.print(
            "`auto` takes it once `emotrack train admit` has measured on validation data what it costs."
        )
