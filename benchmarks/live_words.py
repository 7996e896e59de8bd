"""Words of a live run against those of a replay of what it heard."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.live_figures import words_apart
from core.errors import EmotrackError
from core.stages.transcript import same_word
from realtime.recording.recorder import FILE_NAME

_ROOT: Final = Path(__file__).resolve().parents[1]


def words_unlike_replay(recorded: Path, words: list[str], live: list[dict[str, Any]]) -> float:
    """Word error rate of the live run's final words, those of a replay counting as right.

    Args:
        recorded: folder that the live run recorded into.
        words: the live run's options that a replay knows too.
        live: the live run's events.

    Raises:
        EmotrackError: the replay failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ["--pace", "max", "--no-feed", "--no-console", "--out", folder]
        command = [sys.executable, str(_ROOT / "emotrack.py"), "replay", str(recorded / FILE_NAME)]
        done = subprocess.run([*command, *words, *options], check=False)
        if done.returncode != 0:
            raise EmotrackError("the replay failed; what it said stands above.", where=str(recorded))
        lines = (Path(folder) / "events.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")
    return round(words_apart(_final_words([json.loads(line) for line in lines]), _final_words(live)), 4)


def _final_words(events: list[dict[str, Any]]) -> list[str]:
    """Words of the final transcripts in the order of speech, without case and punctuation."""
    finals = [event for event in events if event["type"] == "transcript" and event["final"]]
    finals.sort(key=lambda event: float(event["t0_s"]))
    return [same_word(word) for event in finals for word in event["text"].split()]
