"""The verb `doctor`: looks at devices, models and back ends, and says what to fix."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

app = typer.Typer(add_completion=False, help="Check devices, models and back ends.")

Name = Annotated[str, typer.Option(help='"default", a name from the list, or "none" to leave it out.')]


@app.command()
def doctor(
    microphone: Name = "default",
    loopback: Name = "default",
    camera: Name = "default",
    screen: Name = "none",
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long each device is tried.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at devices, levels, models and back ends, and say what to fix.

    The devices are opened for a few seconds all together; nothing is kept. Exit code 0: a live session can
    run. 4: neither microphone nor camera works. 6: weights are absent.
    """
    from realtime.doctor import Diagnosis, diagnose
    from realtime.sources.config import SourcesConfig

    chosen = {"microphone": microphone, "loopback": loopback, "camera": camera, "screen": screen}
    devices = {kind: None if name == "none" else name for kind, name in chosen.items()}
    diagnosis: Diagnosis = diagnose(
        SourcesConfig.from_mapping({**devices, "echo_guard": False}, where="doctor"), seconds
    )
    if as_json:
        report = {**asdict(diagnosis), "exit_code": diagnosis.exit_code}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        _show(diagnosis)
    raise typer.Exit(diagnosis.exit_code)


def _plain(words: str) -> Text:
    """Words of a device or a driver as they are: no mark-up, and nothing that would steer the terminal."""
    return Text("".join(character for character in words if character.isprintable()))


def _show(diagnosis: object) -> None:
    from rich.console import Console
    from rich.table import Table

    from realtime.doctor import Diagnosis, problems

    assert isinstance(diagnosis, Diagnosis)
    console = Console(highlight=False)
    if diagnosis.devices:
        table = Table(box=None, pad_edge=False)
        for heading in ("device", "choose it by", "name", ""):
            table.add_column(heading)
        for device in diagnosis.devices:
            default = "default" if device.is_default else ""
            table.add_row(device.kind, _plain(device.id), _plain(device.name), default)
        console.print(table)
    else:
        console.print("No device was found.")
    console.print()
    colours = {"ok": "green", "warning": "yellow", "failed": "red"}
    for check in diagnosis.checks:
        mark = f"[{colours[check.outcome]}]{check.outcome:7}[/]"
        console.print(f"{mark} {check.name:10} ", end="")
        console.print(_plain(check.finding), soft_wrap=True)
        if check.fix:
            console.print(_plain(f"        {'':10} → {check.fix}"), soft_wrap=True)
    failed = len(problems(diagnosis.checks))
    console.print()
    console.print(
        "All is well." if not failed else f"{failed} of {len(diagnosis.checks)} checks need attention."
    )
