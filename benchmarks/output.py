"""What every benchmark does with its figures in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer


def write_json(figures: dict[str, Any], out: Path | None, *, ascii_only: bool = True) -> str:
    """The figures as JSON, which is written to `out`, too, where that is named."""
    text = json.dumps(figures, indent=1, ensure_ascii=ascii_only)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    return text


def emit(figures: dict[str, Any], *, out: Path | None, as_json: bool, show: Callable[[], object]) -> None:
    """Write the figures where that is asked for, and print them: as JSON, or by `show` for people."""
    text = write_json(figures, out)
    if as_json:
        typer.echo(text)
    else:
        show()
