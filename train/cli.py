"""The verbs of `emotrack train`. Heavy imports wait until a verb runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train.diagnostic_verbs import Cache, cache_folder, people, sense, steadiness

if TYPE_CHECKING:
    from train.encoding.corpus import RecordingWork
    from train.evaluation.prepared_split import PreparedSplit

app = typer.Typer(add_completion=False, no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="Folder with the corpora.", file_okay=False)]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="Set one key; repeatable.")]

Resume = Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin anew where a run left something.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes for recordings; 0 = one for each core.")]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Ray cluster: address, auto, local."),
]
Skip = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out unreadable recordings and list them."),
]


@app.callback()
def train() -> None:
    """Train, evaluate and calibrate checkpoints."""


@app.command()
def fit(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="A preset, see configs/train/.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the new checkpoint.")],
    encoders: Annotated[
        Path | None,
        typer.Option(
            help="What the first stage wrote, or a checkpoint. Else the encoders are trained first, or "
            "those of the default checkpoint are taken by presets that start from it."
        ),
    ] = None,
    set_: Set = None,
    cache: Cache = None,
    resume: Resume = False,
    fresh: Fresh = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write TensorBoard events there.")
    ] = None,
    workers: Workers = 0,
    ray: Ray = None,
    skip_unreadable: Skip = False,
) -> None:
    """Train encoders that are not there, fusion and peers; calibrate, and write a checkpoint."""
    from core.resources import shipped
    from core.weights import fetch
    from train.build import build
    from train.config import read_config
    from train.training_data import Paths

    resolved = read_config(config, set_ or [])
    started = resolved.peers == "checkpoint"
    usual = shipped("checkpoints/default") if started else out / "run" / "encoders"
    work = _recording_work(context, workers=workers, ray=ray, skip_unreadable=skip_unreadable)
    paths = Paths(data, encoders or usual, out, cache_folder(cache), fetch, work)
    spec = build(resolved, paths, resume=resume, fresh=fresh, quiet=False, tensorboard=tensorboard)
    if spec is not None:
        typer.echo(f"Wrote {out} ({spec.name}, spec {spec.sha256[:12]}).")


@app.command()
def encoder(
    config: Annotated[Path, typer.Argument(help="A recipe: text, audio or visual in configs/train/.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the encoder and its peer.")],
    set_: Set = None,
    resume: Resume = False,
    fresh: Fresh = False,
) -> None:
    """Train one encoder with its peer."""
    from train.encoders.command import train_encoder

    figures = train_encoder(config, data, out, set_ or [], resume=resume, fresh=fresh)
    typer.echo(f"Wrote {out} ({', '.join(f'{name} {value:.3f}' for name, value in figures.items())}).")


@app.command("eval")
def evaluate(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint.")],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, validation, test, or all.")] = "test",
    branch: Annotated[str, typer.Option(help="fusion, or the peer: text, audio, visual.")] = "fusion",
    operating_point: Annotated[
        str, typer.Option(help="auto (the corpus' own, if there is one), default, or a name.")
    ] = "auto",
    resamples: Annotated[int, typer.Option(min=0, help="Of the bootstrap; 0 = no intervals.")] = 200,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also with noise, word errors and lost faces.")
    ] = False,
    modalities: Annotated[
        str,
        typer.Option(help="What is judged, such as audio or text,visual; with audio, only sound is read."),
    ] = "text,audio,visual",
    history: Annotated[
        str, typer.Option(help="Clips of the same person heard before each example: none, a number, or all.")
    ] = "none",
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with pictures.", dir_okay=False)
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    cache: Cache = None,
    split_rule: Annotated[
        str | None, typer.Option(help="official, or disjoint: ours without shared sources.")
    ] = None,
    shared_speakers: Annotated[
        bool, typer.Option("--shared-speakers", help="One's own speakers may be in several parts.")
    ] = False,
    whisper: Annotated[str, typer.Option(help="Size of the recogniser for recordings.")] = "base",
    language: Annotated[str | None, typer.Option(help="What is spoken; recognised if not given.")] = None,
    workers: Workers = 0,
    ray: Ray = None,
    skip_unreadable: Skip = False,
) -> None:
    """Measure a checkpoint on a corpus, beside predictors that do not look."""
    import json

    from core.weights import fetch
    from train.corpora.registry import ReadOptions, split_rule_of
    from train.encoding.corpus import modalities_of
    from train.encoding.history import history_of
    from train.evaluation.evaluate import evaluate_corpus

    work = _recording_work(
        context,
        workers=workers,
        ray=ray,
        skip_unreadable=skip_unreadable,
        whisper=whisper,
        language=language,
    )
    report = evaluate_corpus(
        checkpoint,
        corpus,
        data,
        split,
        cache=cache_folder(cache),
        locate=fetch,
        branch=branch,
        operating_point=operating_point,
        resamples=resamples,
        reading=ReadOptions(
            split_rule_of(split_rule), lenient=skip_unreadable, shared_speakers=shared_speakers
        ),
        recordings=work,
        robustness=robustness,
        modalities=modalities_of(modalities),
        history=history_of(history),
        quiet=json_,
    )
    if not json_:
        from rich.console import Console

        from train.evaluation.tables import abstention_line, label_table, main_table

        console = Console()
        console.print(main_table(report))
        console.print(label_table(report))
        for sentence in (abstention_line(report), *report.notes):
            console.print(sentence)
    if html is not None:
        from train.evaluation.page import page

        _written(html, page(report))
    if json_:
        typer.echo(json.dumps(report.as_dict()))


@app.command()
def matrix(
    checkpoints: Annotated[list[Path], typer.Argument(help="Folders of checkpoints.")],
    data: Data,
    corpus: Annotated[list[str], typer.Option(help="Name of a corpus; give it several times.")],
    split: Annotated[str, typer.Option(help="train, validation, test, or all.")] = "test",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    cache: Cache = None,
) -> None:
    """Judge checkpoints, at each operating point, on several corpora and the labels these have in common."""
    import json

    from core.weights import fetch
    from train.encoding.corpus import EncodingContext
    from train.evaluation.matrix import cross_corpus, table
    from train.evaluation.prepared_split import prepare_split

    def prepared(folder: Path, name: str) -> PreparedSplit:
        context = EncodingContext(folder, cache_folder(cache), fetch, lambda: folder)
        return prepare_split(folder, name, data, split, context, quiet=json_)

    found = cross_corpus(checkpoints, corpus, split, prepared)
    if not json_:
        from rich.console import Console

        Console().print(table(found))
    if json_:
        typer.echo(json.dumps(found.as_dict()))


@app.command()
def admit(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint.")],
    backend: Annotated[str, typer.Option(help="A compiled backend, such as onnx-int8.")],
    corpus: Annotated[list[str], typer.Option(help="Name of a corpus of one modality; repeatable.")],
    data: Data,
    cache: Cache = None,
) -> None:
    """Measure on validation data what a compiled backend costs; `auto` uses it if it is little."""
    from core.weights import fetch
    from train.evaluation.backend_accuracy import admit as measure
    from train.evaluation.backend_accuracy import verdict

    found = measure(checkpoint, backend, corpus, data, cache=cache_folder(cache), locate=fetch, quiet=False)
    for name, eager in found.eager.items():
        typer.echo(f"{name}: macro-F1 {eager:.2f} by eager, {found.compiled[name]:.2f} by {backend}.")
    typer.echo(verdict(backend, found))


@app.command()
def ablate(
    config: Annotated[Path, typer.Argument(help="An ablation: configs/train/ablate_*.yaml.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for runs and report; finished runs are kept.")],
    encoders: Annotated[
        Path | None, typer.Option(help="Checkpoint with the encoders; else the default one.")
    ] = None,
    into: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the table between its markers there.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    cache: Cache = None,
) -> None:
    """Train variants of a preset with several seeds each, and compare them on the test part."""
    import json

    from core.resources import shipped
    from core.weights import fetch
    from train.ablation.command import ablate as run
    from train.ablation.report import markdown, table, write_into
    from train.training_data import Paths

    paths = Paths(data, encoders or shipped("checkpoints/default"), out, cache_folder(cache), fetch)
    report = run(config, paths, quiet=json_)
    if into is not None:
        write_into(into, report.name, markdown(report))
    if not json_:
        from rich.console import Console

        Console().print(table(report))
    if json_:
        typer.echo(json.dumps(report.as_dict()))


@app.command()
def unseen(
    config: Annotated[
        Path, typer.Argument(help="A recipe for voices: audio in configs/train/, or a preset.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for logs and states of interrupted trainings.")],
    leave: Annotated[str, typer.Option(help="What is left out: corpora, or speakers.")] = "corpora",
    corpus: Annotated[
        list[str] | None, typer.Option(help="A corpus that is judged; repeatable. Else all that can tell.")
    ] = None,
    set_: Set = None,
    json_: Annotated[bool, typer.Option("--json", help="Only JSON; the last line is one object.")] = False,
) -> None:
    """Train a recipe for voices without each corpus, or each fifth of the speakers, and judge it there."""
    import json

    from core.weights import fetch
    from train.encoders.command import read_voice_recipe
    from train.evaluation.unseen import leave_of, measure_unseen

    recipe = read_voice_recipe(config, set_ or [])
    found = measure_unseen(recipe, data, out, fetch, leave=leave_of(leave), only=tuple(corpus or ()))
    if not json_:
        from rich.console import Console

        from train.evaluation.tables import unseen_table

        Console().print(unseen_table(found))
    typer.echo(json.dumps(found.as_dict()))


@app.command()
def emobox(
    data: Data,
    json_: Annotated[bool, typer.Option("--json", help="Only JSON; the last line is one object.")] = False,
) -> None:
    """Measure the voice, and voice with action units, on RAVDESS by the folds of EmoBox: eight emotions."""
    import json

    from core.weights import fetch
    from train.evaluation.emobox import emobox_ravdess

    found = emobox_ravdess(data, fetch).as_dict()
    if not json_:
        typer.echo(f"{found['n']} clips of {found['actors']} actors; constant .125")
        for name in ("voice", "both"):
            if found[name]:
                folds = " ".join(f"{value:.3f}" for value in found[name])
                typer.echo(f"{name}: unweighted accuracy {found[name + '_mean']:.3f} (folds {folds})")
    typer.echo(json.dumps(found))


@app.command()
def card(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint.")],
    config: Annotated[Path, typer.Argument(help="The preset that it was trained with.")],
    data: Data,
    cache: Cache = None,
) -> None:
    """Measure a checkpoint on the test part of each of its corpora and write its model card."""
    from core.spec import read_spec
    from core.weights import fetch
    from train.config import read_config
    from train.evaluation.evaluate import evaluate_corpus
    from train.evaluation.model_card import model_card

    preset = read_config(config, [])
    names = tuple(preset.corpora)
    of_encoders = tuple(preset.audio.corpora) if preset.peers == "first_stage" else ()
    reports = [
        evaluate_corpus(checkpoint, name, data, "test", cache=cache_folder(cache), locate=fetch, quiet=False)
        for name in names
    ]
    text = model_card(read_spec(checkpoint), names, reports, of_encoders)
    (checkpoint / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    typer.echo(f"Wrote {checkpoint / 'MODEL_CARD.md'}.")


def _recording_work(
    context: typer.Context,
    *,
    workers: int,
    ray: str | None,
    skip_unreadable: bool,
    whisper: str = "base",
    language: str | None = None,
) -> RecordingWork:
    """How recordings are worked off; a context's object may be another `StageLoader`, for tests."""
    from train.encoding.corpus import RecordingWork
    from train.recordings.stages import StageLoader

    stages = context.obj if isinstance(context.obj, StageLoader) else StageLoader()
    return RecordingWork(stages, whisper, language, workers, ray, skip_unreadable)


def _written(path: Path, text: str) -> None:
    from core.errors import SinkError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot be written ({error.strerror}).", where=str(path)) from error


for verb in (sense, people, steadiness):
    app.command()(verb)


@app.command()
def publish(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a checkpoint with a model card.")],
    out: Annotated[Path, typer.Option(help="New folder, ready for a model hub.")],
) -> None:
    """Write a folder that a model hub takes as it is; nothing is uploaded."""
    from train.publishing import publish as write

    for file in write(checkpoint, out):
        typer.echo(str(file))
