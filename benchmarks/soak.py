"""`bench soak`: a live run with viewers that come and go, for as long as is asked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.output import emit


def soak(
    minutes: Annotated[float, typer.Option(min=0.1, help="Length of the run.")] = 20.0,
    viewers: Annotated[int, typer.Option(min=0, help="Viewers at a time.")] = 50,
    churn: Annotated[bool, typer.Option("--churn", help="They leave after 2 to 20 s; others come.")] = False,
    sessions: Annotated[
        int | None, typer.Option(min=1, help="Instead: so many short sessions, one by one, of one server.")
    ] = None,
    whisper: Annotated[str, typer.Option(help="Recogniser; a small one leaves room.")] = "tiny.en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Play speech to the real command while viewers follow it: memory, handles, order of events."""
    if sessions is not None:
        _soak_sessions(sessions, whisper, as_json=as_json, out=out)
        return
    from benchmarks.live import _heard
    from benchmarks.live_run import observe
    from benchmarks.machine import commit, machine
    from benchmarks.viewer_crowd import ViewerCrowd
    from realtime.cli.demo import build_demo

    crowds: list[ViewerCrowd] = []

    def company(page: str) -> ViewerCrowd:
        crowds.append(ViewerCrowd(page, viewers, churn=churn))
        return crowds[-1]

    with _heard(build_demo(), minutes * 60, paced=True) as (options, environment):
        words = [*options, "--whisper", whisper, "--language", "en"]
        observed = observe(words, minutes * 60, environment, company)
    figures = {
        "minutes": minutes,
        "viewers": viewers,
        "churn": churn,
        "memory_mb": ends_of(observed.memory),
        "handles": ends_of(observed.handles),
        **asdict(crowds[0].figures),
        "machine": machine(),
        "commit": commit(),
    }
    emit(figures, out=out, as_json=as_json, show=lambda: _show(figures))


def _soak_sessions(sessions: int, whisper: str, *, as_json: bool, out: Path | None) -> None:
    import numpy as np

    from benchmarks.machine import commit, machine
    from benchmarks.soak_sessions import RATE_HZ, SESSION_S, session_standings
    from benchmarks.sound_file import read_mono
    from realtime.cli.demo import build_demo

    samples = read_mono(build_demo(), RATE_HZ)[: round(SESSION_S * RATE_HZ)]
    after = sorted({min(number, sessions) for number in (1, 10, 50, 100, 150)} | {sessions})
    standings = session_standings(np.round(samples * 32_767).astype(np.int16), whisper, after)
    figures = {"session_s": SESSION_S, "standings": standings, "machine": machine(), "commit": commit()}
    emit(figures, out=out, as_json=as_json, show=lambda: _show_standings(standings))


def _show_standings(standings: list[dict[str, float]]) -> None:
    for found in standings:
        typer.echo(
            f"after {found['sessions']:3} sessions: {found['memory_mb']:.0f} MB, "
            f"{found['handles']} handles, {found['threads']} threads"
        )


def ends_of(series: list[tuple[float, float]]) -> dict[str, float]:
    """Medians of the second and of the last quarter: the first one is warm-up."""
    import statistics

    values = [value for _, value in series if value]
    quarter = max(1, len(values) // 4)
    return {
        "early": float(statistics.median(values[quarter : 2 * quarter] or values)),
        "late": float(statistics.median(values[-quarter:])),
        "most": float(max(values)),
    }


def _show(figures: dict[str, Any]) -> None:
    for name in ("memory_mb", "handles"):
        found = figures[name]
        typer.echo(
            f"{name}: {found['early']:.0f} early, {found['late']:.0f} late, {found['most']:.0f} at most"
        )
    typer.echo(
        f"{figures['connections']} connections, {figures['events']} events, "
        f"{figures['out_of_order']} out of order, {figures['refused']} refused"
    )
