"""`bench peers`: our live words beside those of other live recognisers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from benchmarks.output import write_json

if TYPE_CHECKING:
    from benchmarks.competitors.products import Recogniser
    from benchmarks.competitors.run import Run
    from benchmarks.competitors.speech import Script

_RATE_HZ: Final = 48_000
_DEMO_SENTENCE: Final = "Don't forget a jacket"


def peers(
    files: Annotated[list[Path] | None, typer.Argument(help="One utterance each; else the demo's.")] = None,
    words: Annotated[Path | None, typer.Option(help="What is said, one line per file.")] = None,
    whisper: Annotated[str, typer.Option(help="Recogniser that everybody uses.")] = "base",
    language: Annotated[str, typer.Option(help="What is spoken.")] = "en",
    row: Annotated[list[str] | None, typer.Option(help="A row; repeatable (all).")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each row, taken in turn.")] = 2,
    pause: Annotated[float, typer.Option(help="Silence after an utterance, in seconds.")] = 2.5,
    threads: Annotated[int, typer.Option(help="Processor threads for Whisper; 0 = one per core.")] = 0,
    install: Annotated[bool, typer.Option("--install", help="Only make the peers' environments.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
    into: Annotated[Path | None, typer.Option(help="Put the table into this document.")] = None,
) -> None:
    """Play the same speech to us and to RealtimeSTT and WhisperLiveKit, with the same Whisper weights.

    Speech goes into a virtual microphone in real time. The peers are installed into environments of their own
    in the cache. Rows run one at a time and in turn, each in fresh processes.
    """
    from benchmarks.competitors.environments import environment_python
    from benchmarks.competitors.products import PRODUCTS
    from core.errors import ConfigError

    names = row or list(PRODUCTS)
    if unknown := set(names) - PRODUCTS.keys():
        raise ConfigError(f"there is no row {sorted(unknown)[0]!r}.", fix=f"Rows: {', '.join(PRODUCTS)}.")
    kinds = sorted({PRODUCTS[name].kind for name in names} - {"emotrack"})
    pythons = {kind: environment_python(kind, _say) for kind in kinds}
    if install:
        return
    shared = _shared(whisper, language, threads, checkpoint="whisperlivekit" in kinds)
    figures = _figures(names, shared, pythons, _spoken(files, words, pause), rounds)
    given = [*(f"--row {name}" for name in row or []), *(file.name for file in files or [])]
    figures |= {"pause_s": pause, "command": " ".join([f"{figures['command']} --pause {pause:g}", *given])}
    text = write_json(figures, out)
    _emit(figures, text if as_json else None, into)


def _shared(size: str, language: str, threads: int, *, checkpoint: bool) -> Recogniser:
    """Weights, language and threads; the weights for PyTorch only where somebody needs them."""
    from benchmarks.competitors.checkpoint import alignment_heads, openai_checkpoint
    from benchmarks.competitors.products import Recogniser
    from benchmarks.competitors.run import default_threads
    from core.weights import cache_root, fetch

    folder = fetch(f"whisper-{size}")
    target = cache_root() / "peers" / f"{size}.pt"
    if checkpoint:
        openai_checkpoint(folder, target)
    heads = alignment_heads(folder) if checkpoint else ""
    return Recogniser(size, str(folder), str(target), heads, language, threads or default_threads())


def _spoken(files: list[Path] | None, words: Path | None, pause_s: float) -> tuple[Script, list[str] | None]:
    """What is played, and what is said in it if that is known."""
    from benchmarks.competitors.speech import script
    from benchmarks.sound_file import read_mono
    from core.errors import ConfigError
    from core.weights import fetch

    said = None if words is None else words.read_text(encoding="utf-8").strip("\n").split("\n")
    if not files:
        files = sorted(fetch("demo-clips").glob("*.flv"))
        said = [_DEMO_SENTENCE] * len(files)
    played = script([read_mono(file, _RATE_HZ) for file in files], _RATE_HZ, pause_s)
    if len(played.spans) != len(files):
        raise ConfigError("one of the files holds no speech.")
    if said is not None and len(said) != len(files):
        raise ConfigError(f"has {len(said)} lines for {len(files)} files.", where=str(words))
    return played, said


def _figures(
    names: Sequence[str],
    shared: Recogniser,
    pythons: dict[str, Path],
    spoken: tuple[Script, list[str] | None],
    rounds: int,
) -> dict[str, Any]:
    from benchmarks.competitors.figures import row as figures_of
    from benchmarks.competitors.offline import transcripts
    from benchmarks.competitors.products import PRODUCTS
    from benchmarks.competitors.words import plain_words, word_error
    from benchmarks.machine import commit, machine

    script, text = spoken
    offline = [plain_words(one) for one in transcripts(script, shared)]
    said = offline if text is None else [plain_words(one) for one in text]
    here = machine()
    runs, failures = _runs(names, shared, pythons, script, rounds)
    rows: dict[str, Any] = {
        name: {"failed": failures[name]}
        if name in failures
        else figures_of(PRODUCTS[name], runs[name], script, said, offline)
        for name in names
    }
    return {
        "rows": rows,
        "command": f"emotrack bench peers --whisper {shared.size} --rounds {rounds}",
        "whisper": shared.size,
        "threads": shared.threads,
        "language": shared.language,
        "rounds": rounds,
        "utterances": len(script.spans),
        "speech_s": round(sum(end_s - start_s for start_s, end_s in script.spans), 2),
        "script_s": round(script.length_s, 2),
        "words_wrong_against": "the same weights offline" if text is None else "what is said",
        "word_error_offline": word_error([word for words in offline for word in words], said),
        "machine": here,
        "commit": commit(),
        "versions": _versions(pythons),
    }


def _runs(
    names: Sequence[str], shared: Recogniser, pythons: dict[str, Path], script: Script, rounds: int
) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Every row once, then every row again; a row that fails is left out from then on."""
    from benchmarks.competitors.products import PRODUCTS
    from benchmarks.competitors.run import run
    from core.errors import EmotrackError

    found: dict[str, list[Run]] = {name: [] for name in names}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(rounds):
            for name in (name for name in names if name not in failures):
                _say(f"round {round_ + 1} of {rounds}: {name}")
                try:
                    log = Path(folder) / f"{name}.log"
                    found[name].append(run(PRODUCTS[name], shared, script, pythons, log))
                except EmotrackError as error:
                    failures[name] = str(error)
                    _say(str(error))
    return found, failures


def _versions(pythons: dict[str, Path]) -> dict[str, str]:
    """Version of each peer, as it is pinned."""
    from benchmarks.competitors.environments import PROGRAMS

    pins = {kind: (PROGRAMS / f"{kind}.txt").read_text(encoding="utf-8").lower() for kind in pythons}
    return {kind: text.partition(f"\n{kind}==")[2].partition("\n")[0] for kind, text in pins.items()}


def _emit(figures: dict[str, Any], text: str | None, into: Path | None) -> None:
    from benchmarks.competitors.table import markdown
    from train.ablation.report import write_into

    table = markdown(figures)
    typer.echo(table if text is None else text)
    if into is not None:
        write_into(into, figures["whisper"], table, kind="peers")


def _say(sentence: str) -> None:
    typer.echo(sentence, err=True)
