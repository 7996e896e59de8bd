"""Verbs of `emotrack train` that look at how peers are combined and how steady a run is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from core.labels import Modality

Cache = Annotated[Path | None, typer.Option(help="Folder for cached tokens; else the cache of emotrack.")]


def sense(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint.")],
    text: Annotated[Path, typer.Option(help="Folder of a corpus of texts.", file_okay=False)],
    audio: Annotated[Path, typer.Option(help="Folder of a corpus of voices.", file_okay=False)],
    visual: Annotated[Path, typer.Option(help="Folder of a corpus of faces.", file_okay=False)],
    per_label: Annotated[int, typer.Option(min=5, help="Rows of each label in a situation.")] = 60,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    cache: Cache = None,
) -> None:
    """Diagnose how a checkpoint combines words, voice and face that agree or do not; never a fusion score."""
    import json

    from core.weights import fetch
    from train.encoding.corpus import EncodingContext
    from train.evaluation.sense import make_sense
    from train.evaluation.sense_tables import sense_table

    context = EncodingContext(checkpoint, cache_folder(cache), fetch, lambda: checkpoint)
    folders: dict[Modality, Path] = {"text": text, "audio": audio, "visual": visual}
    found = make_sense(checkpoint, folders, context, per_label=per_label, quiet=json_)
    if not json_:
        from rich.console import Console

        console = Console()
        console.print(sense_table(found))
        console.print(found.diagnostic)
    if json_:
        typer.echo(json.dumps(found.as_dict()))


def people(
    votes: Annotated[Path, typer.Argument(help="CREMA-D's votes: votes.csv.gz, or the folder they lie in.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Whose fusion is compared; else the default checkpoint's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the fitted weights, which teach fusions.", dir_okay=False)
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Compare ways to combine voice and face with what people make of them, on actors left out of the fit."""
    import json

    from core.resources import shipped
    from train.calibration.people import fit_people, judge_people, own_weights, table_of, write_weights
    from train.corpora.cremad_votes import votes_below

    rows = votes_below(votes)
    found = judge_people(rows, own_weights(checkpoint or shipped("checkpoints/default")))
    if out is not None:
        write_weights(fit_people(table_of(rows)), out)
    if not json_:
        from rich.console import Console

        from train.evaluation.sense_tables import people_table

        Console().print(people_table(found))
    if json_:
        typer.echo(json.dumps(found.as_dict()))


def steadiness(
    events: Annotated[list[Path], typer.Argument(help="Run folders, or their files of events.")],
) -> None:
    """Count how steady the estimates of runs are: changes a minute, share of each label, abstentions."""
    import json

    from train.evaluation.steadiness import steadiness_of

    typer.echo(json.dumps(steadiness_of(events).as_dict()))


def cache_folder(folder: Path | None) -> Path:
    """The folder that was named, or the one of emotrack."""
    from core.weights import cache_root

    return folder or cache_root() / "tokens"
