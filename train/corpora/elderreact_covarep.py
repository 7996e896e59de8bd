"""ElderReact's public audio summary: 74 COVAREP features, mean and standard deviation over each clip.

Two formats:

- The authors': `Features/Audio_feat/{train,dev,test}_audio.txt` (clip, tab, 148 numbers) beside
  `Annotations/{train,dev,test}_labels.txt`.
- One `.npz` with `PART_id` (N,), `PART_audio` (N, 148), `PART_y` (N, 6), `PART_valence` (N,) for each part,
  and `emotions` (6,).

Where there is a test part, dev is for validation. Where there is none, dev is the test part, and a
validation part is cut out of train by video. A clip whose summary is not finite is left out, as in the
authors' own baseline. There are no recordings: the summary is one audio token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.window import Tokens
from train.corpora.base import Labels, Split, assert_disjoint, existing
from train.corpora.elderreact import NAME as LABELS_OF
from train.corpora.elderreact import PARTS, label_rows, source_of
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.numeric import FeatureExample, feature_tokens
from train.corpora.recordings import SplitRule, by_source, with_validation
from train.corpora.tables import bad_row, lines_of
from train.data.token_set import TokenSet

NAME: Final = "elderreact_covarep"
WIDTH: Final = 148


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    clip: str
    part: str
    labels: Labels
    valence: float
    summary: NDArray[np.float32]


def read(folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT) -> list[FeatureExample]:
    """Read every part in `folder`.

    Args:
        folder: holds `.npz` files, or the authors' text files.
        split: the authors' parts, which share videos, or ours by video (asserted).
        space: labels of the targets.

    Raises:
        SourceError: neither format is there, or a file is damaged.
    """
    archives = sorted(folder.glob("*.npz"))
    clips = list(_from_archives(archives, space) if archives else _from_text(folder, space))
    tested = any(clip.part == "test" for clip in clips)
    examples = [_example(clip, tested=tested) for clip in clips if np.isfinite(clip.summary).all()]
    examples = by_source(with_validation(examples), split)
    if split == "disjoint":
        assert_disjoint(examples)
    return examples


def read_tokens(folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT) -> TokenSet:
    """The same as a token set; raises as `read` does."""
    return feature_tokens(read(folder, split=split, space=space), "timed")


def _example(clip: _Clip, *, tested: bool) -> FeatureExample:
    split: Split = PARTS[clip.part] if tested or clip.part != "dev" else "test"
    return FeatureExample(
        id=clip.clip,
        corpus=NAME,
        source=source_of(clip.clip),
        split=split,
        labels=clip.labels,
        tokens={"audio": Tokens(clip.summary[None], np.zeros(1, np.float32))},
        scales={"valence": clip.valence},
    )


def _from_archives(paths: list[Path], space: LabelSpace) -> Iterator[_Clip]:
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            names = [str(name) for name in data["emotions"]]
            for part in [part for part in PARTS if f"{part}_id" in data]:
                ids, summaries, flags = (data[f"{part}_{key}"] for key in ("id", "audio", "y"))
                valences = data[f"{part}_valence"]
                _check(summaries, where=f"{path}, {part}_audio")
                for row, clip in enumerate(ids):
                    own = dict(zip(names, map(float, flags[row]), strict=True))
                    labels = space.of_corpus(LABELS_OF, own)
                    valence = (float(valences[row]) - 4) / 3
                    yield _Clip(str(clip), part, labels, valence, summaries[row].astype(np.float32))


def _from_text(folder: Path, space: LabelSpace) -> Iterator[_Clip]:
    summaries: dict[str, NDArray[np.float32]] = {}
    for path in existing(folder, "**/*_audio.txt"):
        for number, line in lines_of(path):
            clip, _, numbers = line.partition("\t")
            try:
                values = np.array(numbers.split(), np.float32)
            except ValueError as error:
                raise bad_row(path, number, f"is not a name and numbers: {error}.") from error
            _check(values[None], where=f"{path}, line {number}")
            summaries[clip] = values
    for row in label_rows(folder, space):
        if row.clip in summaries:
            yield _Clip(row.clip, row.part, row.labels, row.valence, summaries[row.clip])


def _check(summaries: NDArray[np.generic], *, where: str) -> None:
    if summaries.shape[1] != WIDTH:
        raise SourceError(f"has {summaries.shape[1]} numbers in place of {WIDTH}.", where=where)
