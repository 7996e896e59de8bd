"""CREMA-D's votes: what listeners heard, given what actors were asked for (Cao et al. 2014; ODbL).

`votes.csv.gz`: fileName such as 1001_DFA_ANG_XX, and counts {audio,face,av}_{A,D,F,H,N,S}. There are no media
here: the table says how acted emotions are heard, and serves as a prior for soft labels of acted speech.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from pathlib import Path
from typing import Final, Literal

import numpy as np

from train.corpora.base import INDEX, Target, existing

_LETTERS: Final = {
    "A": "anger",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
}
_ACTED: Final = {"ANG": "A", "DIS": "D", "FEA": "F", "HAP": "H", "NEU": "N", "SAD": "S"}


def vote_shares(folder: Path, channel: Literal["audio", "face", "av"]) -> dict[str, Target]:
    """Intended emotion -> (C,) mean share of the votes that each label got in a channel; sums to 1."""
    sums: dict[str, Target] = defaultdict(lambda: np.zeros(len(INDEX), np.float32))
    for path in existing(folder, "*votes*.csv.gz"):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                votes = {name: float(row[f"{channel}_{letter}"]) for letter, name in _LETTERS.items()}
                total = sum(votes.values())
                intended = _LETTERS[_ACTED[row["fileName"].split("_")[2]]]
                for name, count in votes.items():
                    sums[intended][INDEX[name]] += count / max(total, 1.0)
    return {intended: shares / shares.sum() for intended, shares in sums.items()}
