"""CREMA-D: 91 actors say sentences in six emotions, and listeners judged each (Cao et al. 2014; ODbL).

Votes, the first of these that is there:
- `votes.csv.gz` (or `*votes*.csv`): fileName such as 1001_DFA_ANG_XX, and counts
  {audio,face,av}_{A,D,F,H,N,S}, what people chose who only heard, only saw, or heard and saw the clip.
- the authors' `processedResults/tabulatedVotes.csv`: counts A, D, F, H, N, S and fileName. A row's name, in
  the first column, is 100000 times the channel (1 audio, 2 face, 3 both) plus the clip's number.
- the authors' `finishedResponses.csv`, an answer per row: clipName, queryType (the channel), respEmo.

Clips, where there are any: `1001_DFA_ANG_XX.flv`, `.mp4` or `.wav`, anywhere below the folder. Labels are the
shares of the votes on what the file holds: sound and picture, or sound alone. The source is the actor, and
the split is by actor. Without clips, `vote_shares` says how acted emotions are heard: a prior for soft labels
of acted speech.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import SourceError
from train.corpora.base import INDEX, Target, assert_disjoint
from train.corpora.cremad_votes import NAMES_OF_LETTERS, Channel, Votes, votes_below
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.recordings import RecordingExample, media_below, split_by_source

NAME: Final = "cremad"

_ACTED: Final = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}
_SOUND_ONLY: Final = (".wav", ".mp3", ".flac")


def read(folder: Path, *, space: LabelSpace = DEFAULT) -> list[RecordingExample]:
    """Find every clip below `folder` that has votes; nothing is decoded.

    Raises:
        SourceError: there are no votes, or no clip has any.
    """
    clips = media_below(folder)
    examples = [_example(row, clips[row.clip], space) for row in votes_below(folder) if row.clip in clips]
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
    for row in votes_below(folder):
        intended = NAMES_OF_LETTERS[_ACTED[row.clip.split("_")[2]]]
        for name, share in _shares(row, channel).items():
            sums[intended][INDEX[name]] += share
    return {intended: shares / shares.sum() for intended, shares in sums.items()}


def _example(row: Votes, path: Path, space: LabelSpace) -> RecordingExample:
    actor = f"actor {row.clip.partition('_')[0]}"
    channel: Channel = "audio" if path.suffix.lower() in _SOUND_ONLY else "av"
    return RecordingExample(
        id=row.clip,
        corpus=NAME,
        source=actor,
        split=split_by_source(actor),
        labels=space.labels(_shares(row, channel), NAMES_OF_LETTERS.values()),
        path=path,
        t0_s=0.0,
        t1_s=None,
        speaker=actor,
    )


def _shares(row: Votes, channel: Channel) -> dict[str, float]:
    votes = {name: row.counts[channel, letter] for letter, name in NAMES_OF_LETTERS.items()}
    total = max(sum(votes.values()), 1.0)
    return {name: count / total for name, count in votes.items()}
