"""The verb `report`: writes a run's report as a page and a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from realtime.report.reading import Report

app = typer.Typer(add_completion=False, help="Write the report on a finished run.")

PAGE = "report.html"
PICTURE = "report.png"


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder that replay, live or demo wrote with --out.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; else the run's own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one line of JSON.")] = False,
) -> None:
    """Write report.html and report.png: who expressed what when, as far as that can be guessed.

    The page needs nothing else, so it can be sent to somebody. It holds the words that were recognised; the
    picture and the figures do not.
    """
    from realtime.report.reading import read_run

    found = read_run(run)
    written = write(found, run if out is None else out)
    if as_json:
        import json

        from realtime.report.figures import figures

        typer.echo(json.dumps(figures(found), ensure_ascii=False, allow_nan=False))
    else:
        for path in written:
            typer.echo(os.fsencode(path))  # as bytes: a name need not be text


def write(found: Report, folder: Path) -> tuple[Path, Path]:
    """Write the page and the picture of a report into a folder, which is made, and return where they are.

    Raises:
        SinkError: they cannot be written.
    """
    from realtime.report.page import page, shown_people
    from realtime.report.picture import png
    from realtime.sinks.files import make_folder, replace_file, unwritable

    files = {
        folder / PAGE: page(found).encode("utf-8", "replace"),
        folder / PICTURE: png(found, shown_people(found)[0]),
    }
    try:
        make_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    for path, content in files.items():
        replace_file(path, content)
    return folder / PAGE, folder / PICTURE
