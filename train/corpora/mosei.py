"""CMU-MOSEI as the SDK distributes it: computational sequences in `.csd` files (Zadeh et al. 2018).

A `.csd` file is HDF5: one root group, named after the sequence, with `data/KEY/features` and
`data/KEY/intervals` (seconds). KEY is a video, with all its segments or frames, or `video[n]`, one segment,
after the SDK has aligned the sequence with the labels. Both are read. What a file holds is told by its root
group: "All Labels"; "words"; word vectors; COVAREP; FACET or OpenFace.

Labels of a segment: sentiment from -3 to 3, then happy, sad, anger, surprise, disgust, fear from 0 to 3. A
label counts as present if its intensity is above 0; intensities are kept in `scales`.

`folds.json` in the same folder holds the official split by videos, as
`{"train": [...], "valid": [...], "test": [...]}`: the lists `standard_train_fold`, `standard_valid_fold` and
`standard_test_fold` of the SDK (names that are taken too). Videos in none of them are left out, as the SDK
does. The corpus does not tell speakers, so the source is the video.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import Modality
from core.window import Tokens
from train.corpora.base import Split, assert_disjoint, existing
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.numeric import FeatureExample, feature_tokens, finite
from train.corpora.recordings import SplitRule, split_by_source
from train.data.token_set import TokenSet

NAME: Final = "mosei"
EMOTIONS: Final = ("happy", "sad", "anger", "surprise", "disgust", "fear")
"""The order of the labels after sentiment, everywhere in MOSEI."""

BIN_S: Final[Mapping[Modality, float]] = {"text": 0.0, "audio": 0.1, "visual": 0.2}
"""Frames within this time are averaged into one token, as live tokens are spaced; 0 = every frame counts."""

_FOLDS: Final[Mapping[str, Split]] = {
    "train": "train",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "standard_train_fold": "train",
    "standard_valid_fold": "validation",
    "standard_test_fold": "test",
}
_MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "labels": ("label",),
    "words": ("word",),
    "text": ("vector", "glove", "bert"),
    "audio": ("avarep", "covarep", "opensmile"),
    "visual": ("facet", "openface"),
}
"""What a sequence is for -> parts of its name; of two files for the same, the first named here is read."""


_Group = Mapping[str, Any]
"""An HDF5 group: groups and arrays by name."""


@dataclass(frozen=True, slots=True)
class _Frames:
    """A sequence within one segment: features (n, D), and the middle of each frame in seconds (n,)."""

    features: NDArray[Any]
    middles_s: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    key: str
    video: str
    t0_s: float
    t1_s: float
    values: NDArray[np.float64]


def read(folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT) -> list[FeatureExample]:
    """Read every labelled segment of a folder with the sequences that lie there.

    Args:
        folder: holds `.csd` files, the labels among them, and `folds.json`.
        split: the authors' parts, or ours, by video, for which no `folds.json` is needed and every video
            counts.
        space: labels of the targets.

    Raises:
        SourceError: labels or folds are missing, or a file is damaged.
    """
    folds = _read_folds(folder) if split == "official" else None
    with ExitStack() as stack:
        sequences = _open(folder, stack)
        if "labels" not in sequences:
            raise SourceError("holds no .csd file with labels.", where=str(folder), fix="Add All Labels.")
        labels = sequences.pop("labels")
        examples = [
            example
            for video, keys in groupby(sorted(labels), key=_video_of)
            if folds is None or video in folds
            for example in _video(
                video,
                list(keys),
                labels,
                sequences,
                split_by_source(video) if folds is None else folds[video],
                space,
            )
        ]
    assert_disjoint(examples)
    return examples


def read_tokens(folder: Path, *, split: SplitRule = "official", space: LabelSpace = DEFAULT) -> TokenSet:
    """The same as a token set; raises as `read` does."""
    return feature_tokens(read(folder, split=split, space=space), "timed")


def own_labels(values: NDArray[np.floating]) -> tuple[dict[str, float], dict[str, float]]:
    """Presence of each emotion, and the scales, from one row of sentiment and six intensities."""
    intensity = dict(zip(EMOTIONS, map(float, values[1:7]), strict=True))
    finite_only = {name: value for name, value in intensity.items() if np.isfinite(value)}
    scales = {f"intensity.{name}": value for name, value in finite_only.items()}
    if np.isfinite(values[0]):
        scales["valence"] = float(values[0]) / 3
    return {name: float(value > 0) for name, value in finite_only.items()}, scales


def _video(
    video: str,
    keys: list[str],
    labels: _Group,
    sequences: Mapping[str, _Group],
    split: Split,
    space: LabelSpace,
) -> Iterator[FeatureExample]:
    whole = {name: _frames(data[video]) for name, data in sequences.items() if video in data}
    for segment in _segments(video, keys, labels):
        parts = {n: _frames(data[segment.key]) for n, data in sequences.items() if segment.key in data}
        parts |= {n: _within(f, segment) for n, f in whole.items() if n not in parts}
        own, scales = own_labels(segment.values)
        yield FeatureExample(
            id=segment.key,
            corpus=NAME,
            source=video,
            split=split,
            labels=space.of_corpus(NAME, own, asked=own),
            tokens={m: t for m in BIN_S if m in parts and len(t := _tokens(parts[m], segment, BIN_S[m]))},
            text=_text(parts["words"]) if "words" in parts else None,
            scales=scales,
        )


def _segments(video: str, keys: list[str], labels: _Group) -> Iterator[_Segment]:
    for key in keys:
        values = np.asarray(labels[key]["features"], np.float64)
        intervals = np.asarray(labels[key]["intervals"], np.float64)
        if values.ndim != 2 or values.shape[1] < len(EMOTIONS) + 1 or len(values) != len(intervals):
            raise SourceError("has no rows of sentiment and six emotions.", where=f"MOSEI labels, {key}")
        for row, (t0_s, t1_s) in enumerate(intervals):
            name = key if key != video else f"{video}[{row}]"
            yield _Segment(name, video, float(t0_s), float(t1_s), values[row])


def _tokens(frames: _Frames, segment: _Segment, bin_s: float) -> Tokens:
    values, times_s = finite(frames.features), frames.middles_s - segment.t0_s
    if bin_s and len(values):
        _, starts = np.unique(np.floor(times_s / bin_s).astype(np.int64), return_index=True)
        counts = np.diff([*starts, len(values)])
        values = finite(np.add.reduceat(values, starts, axis=0) / counts[:, None])
        times_s = np.add.reduceat(times_s, starts) / counts
    return Tokens(values, times_s.astype(np.float32))


def _within(frames: _Frames, segment: _Segment) -> _Frames:
    first, last = np.searchsorted(frames.middles_s, [segment.t0_s, segment.t1_s])
    return _Frames(frames.features[first:last], frames.middles_s[first:last])


def _frames(group: _Group) -> _Frames:
    intervals = np.asarray(group["intervals"], np.float64).reshape(-1, 2)
    middles_s, features = intervals.mean(axis=1), np.asarray(group["features"])
    order = np.argsort(middles_s, kind="stable")
    return _Frames(features[order], middles_s[order])


def _text(frames: _Frames) -> str:
    """Words without the SDK's mark for a pause."""
    words = [word.decode("utf-8", "replace") for word in frames.features.reshape(-1)]
    return " ".join(word for word in words if word and word != "sp")


def _video_of(key: str) -> str:
    return key.rpartition("[")[0] if key.endswith("]") else key


# --- files -------------------------------------------------------------------------------------------


def _open(folder: Path, stack: ExitStack) -> dict[str, _Group]:
    """What a sequence is for -> its `data` group; files stay open as long as the stack."""
    import h5py  # not wanted by who never reads MOSEI

    found: dict[str, tuple[int, _Group]] = {}
    for path in existing(folder, "*.csd"):
        try:
            file = stack.enter_context(h5py.File(path, "r"))
            name = next(iter(file))
            data = file[name]["data"]
        except (OSError, KeyError, StopIteration) as error:
            raise SourceError("is no computational sequence.", where=str(path)) from error
        for use, marks in _MARKS.items():
            rank = next((i for i, mark in enumerate(marks) if mark in name.lower()), None)
            if rank is not None and not (use == "words" and "vector" in name.lower()):
                if use not in found or rank < found[use][0]:
                    found[use] = (rank, data)
                break
    return {use: data for use, (_, data) in found.items()}


def _read_folds(folder: Path) -> dict[str, Split]:
    path = folder / "folds.json"
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            "the official folds cannot be read.",
            where=str(path),
            fix="Write the SDK's lists of videos there, as train, valid and test, or ask for the split rule "
            "`disjoint`.",
        ) from error
    folds: dict[str, Split] = {}
    for name, videos in lists.items():
        if name not in _FOLDS:
            raise SourceError(f"{name!r} is no fold: train, valid, test.", where=str(path))
        for video in videos:
            if folds.setdefault(video, _FOLDS[name]) != _FOLDS[name]:
                raise SourceError(f"{video} is in two folds.", where=str(path))
    return folds
