"""The verb bench fusion: the fusion network on every backend that this machine can run."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.backend_output import AsJson, Checkpoint, Out, Picture, Rounds, emit, report_progress

JOBS = {"fusion": ["fusion"]}


def fusion(
    checkpoint: Checkpoint = None,
    rounds: Rounds = 200,
    as_json: AsJson = False,
    out: Out = None,
    picture: Picture = None,
    contention: Annotated[
        float, typer.Option(min=0, help="Also beside Whisper: seconds per setting; 0 = not.")
    ] = 0.0,
) -> None:
    """Compare the backends on the fusion network: time, parity, start-up, memory."""
    from benchmarks.backends import compare_backends, under_contention

    figures = compare_backends(checkpoint, JOBS, "fusion", rounds, report_progress)
    if contention:
        names = [name for name in ("onnx", "eager") if name in figures["backends"]]
        figures["contention"] = under_contention(checkpoint, names, contention, report_progress)
    emit(figures, "fusion", as_json=as_json, out=out, picture=picture)
