"""The verb `export`: a finished run in the formats of other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from realtime.exports.run import FinishedRun

app = typer.Typer(add_completion=False, help="Write a finished run in the formats of other programs.")

Writer = Callable[["FinishedRun"], str]


def formats() -> Mapping[str, Mapping[str, Writer]]:
    """Format -> file name -> what writes its text."""
    from realtime.exports.annotations import audacity, rttm, textgrid
    from realtime.exports.subtitles import subrip, webvtt
    from realtime.exports.tables import estimates_csv, persons_csv, utterances_csv, words_csv

    return {
        "csv": {
            "estimates.csv": estimates_csv,
            "utterances.csv": utterances_csv,
            "words.csv": words_csv,
            "persons.csv": persons_csv,
        },
        "vtt": {"subtitles.vtt": webvtt},
        "srt": {"subtitles.srt": subrip},
        "rttm": {"speakers.rttm": rttm},
        "textgrid": {"run.TextGrid": textgrid},
        "audacity": {"labels.txt": audacity},
    }


FORMATS: Final = "csv, vtt, srt, rttm, textgrid, audacity"


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder that replay, live or demo wrote with --out.")],
    to: Annotated[list[str], typer.Option(help=f"Format; repeatable. One of {FORMATS}.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files; else exports in the run's own.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace files that are there.")] = False,
) -> None:
    """Write a finished run as tables, subtitles or annotations."""
    from core.errors import ConfigError, SinkError
    from realtime.exports.run import read_finished_run
    from realtime.sinks.files import make_folder, replace_file, unwritable

    known = formats()
    for name in to:
        if name not in known:
            raise ConfigError(f"there is no format {name!r}.", where="--to", fix=f"One of: {FORMATS}.")
    found = read_finished_run(run)
    folder = run / "exports" if out is None else out
    files = {folder / file: write for name in dict.fromkeys(to) for file, write in known[name].items()}
    for path in files:
        if path.exists() and not force:
            raise SinkError("is there already.", where=str(path), fix="Name another --out, or add --force.")
    try:
        make_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    for path, write in files.items():
        replace_file(path, write(found).encode("utf-8", "replace"))
        typer.echo(os.fsencode(path))  # as bytes: a name need not be text
