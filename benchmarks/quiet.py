"""`bench quiet`: how many words come of sounds in which nobody says any."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.output import emit

_ROOT: Final = Path(__file__).resolve().parents[1]
_AS_LIVE: Final = ("--set", "engine.transcript.early_final=true")


def quiet(
    minutes: Annotated[float, typer.Option(help="Length of each sound.")] = 10.0,
    whisper: Annotated[str, typer.Option(help="Recogniser.")] = "base",
    language: Annotated[str | None, typer.Option(help="Fixed language; else it is recognised.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="silence, fan or music; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives other noise and music.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file too.")] = None,
) -> None:
    """Replay silence, a fan and music with the settings of a live run, and count the words that appear.

    Exit code 1: there are some.
    """
    from benchmarks.machine import commit, machine
    from benchmarks.quiet_sounds import SOUNDS
    from core.errors import ConfigError

    for name in only or []:
        if name not in SOUNDS:
            raise ConfigError(
                f"there is no sound {name!r}.", where="--only", fix=f"One of: {', '.join(SOUNDS)}."
            )
    options = ["--whisper", whisper, *(["--language", language] if language is not None else [])]
    found = {name: _counted(name, minutes * 60.0, seed, options) for name in only or SOUNDS}
    figures = {"sounds": found, "minutes": minutes, "whisper": whisper, "language": language, "seed": seed}
    figures |= {"machine": machine(), "commit": commit()}
    emit(figures, out=out, as_json=as_json, show=lambda: _show(found))
    if any(counts["words"] or counts["messages_with_words"] for counts in found.values()):
        raise typer.Exit(1)


def counts_of(events: list[dict[str, Any]]) -> dict[str, int]:
    """What was taken for speech, and the words that were written of it.

    Returns:
        utterances: turns that the voice detector opened.
        messages_with_words: transcripts that showed a word, final or not.
        words: of the final transcripts.
    """
    transcripts = [event for event in events if event["type"] == "transcript"]
    return {
        "utterances": len({event["id"] for event in events if event["type"] == "utterance"}),
        "messages_with_words": sum(bool(e["text"].strip() or e["pending"].strip()) for e in transcripts),
        "words": sum(len(e["text"].split()) for e in transcripts if e["final"]),
    }


def _counted(name: str, seconds: float, seed: int, options: list[str]) -> dict[str, int]:
    from benchmarks.quiet_sounds import RATE_HZ, SOUNDS
    from core.errors import EmotrackError

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.wav"
        levels = (SOUNDS[name](seconds, seed) * 32_767).astype("<i2")
        with wave.open(str(file), "wb") as sound:
            sound.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            sound.writeframes(levels.tobytes())
        words = ["replay", str(file), "--pace", "max", "--no-feed", "--no-console", "--out", folder]
        command = [sys.executable, str(_ROOT / "emotrack.py"), *words, *options, *_AS_LIVE]
        done = subprocess.run(command, cwd=_ROOT, check=False)
        if done.returncode != 0:
            raise EmotrackError("the replay failed; what it said stands above.", where=name)
        lines = (Path(folder) / "events.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return counts_of([json.loads(line) for line in lines])


def _show(found: dict[str, dict[str, int]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="sounds without a word")
    for column in ("sound", "taken for speech", "messages with words", "words"):
        table.add_column(column, justify="left" if column == "sound" else "right")
    for name, counts in found.items():
        table.add_row(name, *(str(count) for count in counts.values()))
    Console().print(table)
