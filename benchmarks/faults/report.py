"""What a run of the faults has shown: JSON, a table, a picture, and a document with the feed's own words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import typer

from benchmarks.faults.checks import finals_lost, sound_lost
from benchmarks.faults.registry import BACK_WITHIN_S, MISSING_WITHIN_S
from benchmarks.live_figures import Observed
from benchmarks.output import write_json

_WANTED: Final = {
    "missing_within_s": MISSING_WITHIN_S,
    "back_within_s": BACK_WITHIN_S,
    "finals_lost": 0,
    "sound_lost": 0,
}


def summary(
    results: dict[str, dict[str, Any]], observed: dict[str, Observed], load: tuple[float, float]
) -> dict[str, Any]:
    """All figures of all faults and runs."""
    from benchmarks.machine import commit, machine

    runs = {name: _of_run(run) for name, run in observed.items()}
    return {
        "faults": results,
        "runs": runs,
        "wanted": _WANTED,
        "load_average": {"before": round(load[0], 2), "after": round(load[1], 2)},
        "machine": machine(),
        "commit": commit(),
    }


def emit(
    figures: dict[str, Any],
    observed: dict[str, Observed],
    *,
    picture: Path | None,
    document: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Give the figures to everybody who wants them."""
    text = write_json(figures, out, ascii_only=False)
    if picture is not None:
        from benchmarks.faults.picture import draw

        draw(observed, figures, picture)
    if document is not None:
        document.write_text("\n".join(_document(figures)) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        _show(figures)


def rows(figures: dict[str, Any]) -> Iterable[tuple[str, str, str, str, str]]:
    """Fault, missing after, back after, what went on, and whether it is as it should be."""
    for name, result in figures["faults"].items():
        measured, verdict = result["measured"], "; ".join(result["broken"]) or "as wanted"
        if "streams" not in measured:
            told = ", ".join(f"{key} {_short(value)}" for key, value in measured.items())
            yield name, "", "", told, verdict
            continue
        streams = measured["streams"].values()
        missing = ", ".join(_seconds(s["missing_after_s"]) + f" {s['reason'] or ''}" for s in streams)
        back = ", ".join(_seconds(s["back_after_s"]) for s in streams)
        going = f"{measured['rolling_between']} in {measured['rolling_between_s']} s"
        used = ", ".join(measured["used_between"])
        yield name, missing, back, f"{going}: {used}" if used else going, verdict


def _of_run(observed: Observed) -> dict[str, Any]:
    estimates = observed.of("estimate")
    return {
        "utterances": len({e["id"] for _, e in observed.of("utterance")}),
        "finals": sum(e["final"] for _, e in estimates),
        "finals_lost": finals_lost(observed),
        "sound_lost": sound_lost(observed),
        "faults": [fault for _, end in observed.of("end") for fault in end["faults"]],
        "load_steps": [e["value"] for _, e in observed.of("status") if e["code"] == "load_step"],
    }


def _short(value: object) -> str:
    return ", ".join(str(part) for part in value) or "none" if isinstance(value, list) else str(value)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="faults, as a client of the feed was told of them")
    for name in ("fault", "missing after", "back after", "rolling estimates in between", "verdict"):
        table.add_column(name)
    for row in rows(figures):
        table.add_row(*row)
    console = Console()
    console.print(table)
    before, after = figures["load_average"].values()
    console.print(f"wanted: {figures['wanted']}; load average {before} before, {after} after")


def _document(figures: dict[str, Any]) -> Iterable[str]:
    yield "<!-- Written by `emotrack bench faults --document`: run it again rather than edit it. -->"
    yield "# Faults, made for real"
    yield ""
    yield from _preface(figures)
    yield ""
    yield "| fault | missing after | back after | rolling estimates in between | verdict |"
    yield "|---|---|---|---|---|"
    for row in rows(figures):
        yield "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |"
    yield ""
    yield "| run | utterances | final estimates | finals lost | sound lost | load steps |"
    yield "|---|---|---|---|---|---|"
    for name, run in figures["runs"].items():
        cells = [run["utterances"], run["finals"], len(run["finals_lost"]), len(run["sound_lost"])]
        steps = ", ".join(run["load_steps"]) or "none"
        yield f"| {name} | " + " | ".join(str(cell) for cell in cells) + f" | {steps} |"
    for name, result in figures["faults"].items():
        yield ""
        yield f"## {name}"
        yield ""
        yield f"`emotrack bench faults --only {name}`: {result['how']}."
        yield ""
        yield "```json"
        for message in result["messages"]:
            yield json.dumps(message, ensure_ascii=False)
        yield "```"


_PREFACE: Final = """\
`emotrack bench faults` starts a sound server, a camera and a screen of its own, and the real command on them.
Speech is played all the time. Each fault is made, kept up for some seconds, and mended; what the feed says is
read by a websocket client, and all times are those at which the client had the message. Wanted are
`modality_missing` within 1 s, `modality_back` within 3 s of the cure, and that no final estimate and no sound
are lost. A program that was stopped itself can tell so only after it goes on.

In the run `asleep` the sound server or the command stands still. What the server has kept meanwhile, and
gives at once afterwards, comes too late for its place: it is left out, and counted as lost there. The wall
clock is that of the command's Python, as the machine's cannot be set for one program; stream time is on the
steady clock (`test_sleep_and_a_set_clock_are_told_apart`). Not noticed is a camera that encodes a picture
that stands still anew, so that it is never quite the same.

![When each stream was missing, and how old the estimates were](img/live-faults.png)
"""


def _preface(figures: dict[str, Any]) -> Iterable[str]:
    here, load = figures["machine"], figures["load_average"]
    settings = "".join(f" --set {setting}" for setting in figures["settings"])
    yield _PREFACE
    here_is = f"{here['cpu']}, {here['cores']} cores, load average {load['before']} to {load['after']}"
    yield f"Measured with `--whisper {figures['whisper']}{settings}` on {here_is},"
    yield f"commit {figures['commit']}."
    yield "A busy machine is late with everything, so bounds that are broken there say little."
