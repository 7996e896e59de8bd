"""What every benchmark does with its figures in the end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typer

BUSY_FROM: Final = 0.25
"""Mean load per core in the minute before a benchmark, from which its figures are worse."""

_LOAD_BEFORE: Final = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
"""When this is imported nothing has been measured yet: the load is that of other programs."""


def busy_note(load: float | None, cores: int) -> str | None:
    """A sentence when the machine had other work before a measurement; None when it was idle.

    Args:
        load: programs that ran or waited for a processor, on average in the minute before; None = unknown.
        cores: of the machine.
    """
    if load is None or load / cores < BUSY_FROM:
        return None
    return (
        f"The machine was busy before (load {load:.1f} on {cores} cores): on an idle one figures are better."
    )


def write_json(figures: dict[str, Any], out: Path | None, *, ascii_only: bool = True) -> str:
    """The figures as JSON, which is written to `out`, too, where that is named."""
    text = json.dumps(figures, indent=1, ensure_ascii=ascii_only)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    return text


def emit(figures: dict[str, Any], *, out: Path | None, as_json: bool, show: Callable[[], object]) -> None:
    """Write the figures where that is asked for, and print them: as JSON, or by `show` for people.

    Either way they say whether the machine was busy (`busy`, a sentence or None).
    """
    busy = busy_note(_LOAD_BEFORE, os.cpu_count() or 1)
    text = write_json({**figures, "busy": busy}, out)
    if as_json:
        typer.echo(text)
    else:
        show()
        if busy is not None:
            typer.echo(busy, err=True)
