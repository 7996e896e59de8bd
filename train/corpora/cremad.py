"""CREMA-D: 91 actors say sentences in six emotions, and listeners judged each (Cao et al. 2014; ODbL).

Votes: `votes.csv.gz` (or `*votes*.csv`): fileName such as 1001_DFA_ANG_XX, and counts
{audio,face,av}_{A,D,F,H,N,S}: what people chose who only heard, only saw, or heard and saw the clip.

Clips, where there are any: `1001_DFA_ANG_XX.flv`, `.mp4` or `.wav`, anywhere below the folder. Labels are the
shares of the votes on what the file holds: sound and picture, or sound alone. The source is the actor, and
the split is by actor. Without clips, `vote_shares` says how acted emotions are heard: a prior for soft labels
of acted speech.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import numpy as np

from core.errors import SourceError
from train.corpora.base import INDEX, Target, assert_disjoint, existing
from train.corpora.emotionlines import open_text
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, media_below, split_by_source

NAME: Final = "cremad"
Channel = Literal["audio", "face", "av"]

_LETTERS: Final = {
    "A": "anger",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
}
_ACTED: Final = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}
_SOUND_ONLY: Final = (".wav", ".mp3", ".flac")


def read(folder: Path, *, space: LabelSpace = DEFAULT) -> list[RecordingExample]:
    """Find every clip below `folder` that has votes; nothing is decoded.

    Raises:
        SourceError: there are no votes, or no clip has any.
    """
    clips = media_below(folder)
    examples = [
        _example(row, clips[row["fileName"]], space) for row in _rows(folder) if row["fileName"] in clips
    ]
    if not examples:
        raise SourceError(
            "holds votes, but no clip that they are about.",
            where=str(folder),
            fix="Put the clips (1001_DFA_ANG_XX.flv and so on) below it.",
        )
    assert_disjoint(examples)
    return examples


def vote_shares(folder: Path, channel: Channel) -> dict[str, Target]:
    """Intended emotion -> (C,) mean share of the votes that each label got in a channel; sums to 1."""
    sums: dict[str, Target] = defaultdict(lambda: np.zeros(len(INDEX), np.float32))
    for row in _rows(folder):
        intended = _LETTERS[_ACTED[row["fileName"].split("_")[2]]]
        for name, share in _shares(row, channel).items():
            sums[intended][INDEX[name]] += share
    return {intended: shares / shares.sum() for intended, shares in sums.items()}


def _example(row: dict[str, str], path: Path, space: LabelSpace) -> RecordingExample:
    actor = f"actor {row['fileName'].partition('_')[0]}"
    channel: Channel = "audio" if path.suffix.lower() in _SOUND_ONLY else "av"
    return RecordingExample(
        id=row["fileName"],
        corpus=NAME,
        source=actor,
        split=split_by_source(actor),
        labels=space.labels(_shares(row, channel), _LETTERS.values()),
        path=path,
        t0_s=0.0,
        t1_s=None,
        speaker=actor,
    )


def _shares(row: dict[str, str], channel: Channel) -> dict[str, float]:
    votes = {name: float(row[f"{channel}_{letter}"]) for letter, name in _LETTERS.items()}
    total = max(sum(votes.values()), 1.0)
    return {name: count / total for name, count in votes.items()}


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    """Rows of every table of votes; tables of other corpora are passed over."""
    tables = [path for path in existing(folder, "**/*votes*.csv*") if _is_ours(path)]
    if not tables:
        raise SourceError(
            "holds no table of votes with a column fileName.",
            where=str(folder),
            fix="Name the folder that the corpus lies in.",
        )
    for path in tables:
        with open_text(path) as file:
            yield from csv.DictReader(file)


def _is_ours(path: Path) -> bool:
    with open_text(path) as file:
        return "fileName" in next(csv.reader(file), [])
