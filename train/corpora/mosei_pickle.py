"""CMU-MOSEI as aligned features in one pickle, as most published code passes it around.

`{"train" | "valid" | "test": {"text": (N, T, D), "audio": ..., "vision": ..., "labels": ..., "id": ...}}`.
Labels are (N, 7) or (N, 1, 7): sentiment, then the six emotions; (N, 6) the emotions alone; (N, 1) sentiment
alone, then nothing is known of any emotion. Ids are `video[n]`, `video$_$n`, or rows of video, start and end.
Rows of zeros are padding. Tokens are aligned with words whose times are not told.

The file is loaded by `train.corpora.array_pickle`, which runs nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import Modality
from core.window import Tokens
from train.corpora.array_pickle import load_arrays
from train.corpora.base import Split, assert_disjoint
from train.corpora.label_space import DEFAULT, LabelSpace
from train.corpora.mosei import EMOTIONS, own_labels
from train.corpora.mosei import NAME as LABELS_OF
from train.corpora.numeric import FeatureExample, feature_tokens, finite
from train.data.token_set import TokenSet

NAME: Final = "mosei_pickle"
_SPLITS: Final[Mapping[str, Split]] = {"train": "train", "valid": "validation", "test": "test"}
_MODALITIES: Final[Mapping[str, Modality]] = {"text": "text", "audio": "audio", "vision": "visual"}
_LABELS: Final = ("labels", "regression_labels")


def read(path: Path, *, space: LabelSpace = DEFAULT) -> list[FeatureExample]:
    """Read every part of a pickle.

    Args:
        path: the file, or a folder with exactly one `.pkl`.
        space: labels of the targets.

    Raises:
        SourceError: it cannot be loaded or holds something else.
    """
    file = _the_file(path)
    parts = load_arrays(file)
    if not isinstance(parts, dict) or not set(_SPLITS) & set(parts):
        raise SourceError("is no dict with train, valid and test.", where=str(file))
    examples = [
        example
        for name in _SPLITS
        if name in parts
        for example in _part(name, parts[name], space, where=f"{file}, {name}")
    ]
    assert_disjoint(examples)
    return examples


def read_tokens(path: Path, *, space: LabelSpace = DEFAULT) -> TokenSet:
    """The same as a token set; raises as `read` does."""
    return feature_tokens(read(path, space=space), "ordered")


def _part(name: str, part: Mapping[str, Any], space: LabelSpace, *, where: str) -> Iterator[FeatureExample]:
    rows = _labels(part, where=where)
    arrays = {m: np.asarray(part[key]) for key, m in _MODALITIES.items() if key in part}
    if any(array.ndim != 3 or len(array) != len(rows) for array in arrays.values()):
        raise SourceError(f"features are not (N, T, D) with N = {len(rows)}.", where=where)
    ids = [_identity(name, row, part) for row in range(len(rows))]
    texts = part.get("raw_text")
    for row, (key, video) in enumerate(ids):
        own, scales = own_labels(rows[row])
        yield FeatureExample(
            id=key,
            corpus=NAME,
            source=video,
            split=_SPLITS[name],
            labels=space.of_corpus(LABELS_OF, own, asked=own),
            tokens={m: t for m, array in arrays.items() if len(t := _tokens(array[row]))},
            text=None if texts is None else str(texts[row]),
            scales=scales,
        )


def _labels(part: Mapping[str, Any], *, where: str) -> NDArray[np.float64]:
    """(N, 7): sentiment and six intensities, NaN where not told."""
    key = next((key for key in _LABELS if key in part), None)
    given = np.asarray(part[key] if key else [], np.float64)
    given = given.reshape(len(given), -1)
    rows = np.full((len(given), 1 + len(EMOTIONS)), np.nan)
    match given.shape[1]:
        case 1:
            rows[:, 0] = given[:, 0]
        case 6:
            rows[:, 1:] = given
        case 7:
            rows[:] = given
        case width:
            raise SourceError(f"labels are {width} wide: 1, 6 or 7 are known.", where=where)
    return rows


def _tokens(frames: NDArray[Any]) -> Tokens:
    values = finite(frames)
    words = np.flatnonzero((values != 0).any(axis=1))
    return Tokens(values[words], words.astype(np.float32))


def _identity(name: str, row: int, part: Mapping[str, Any]) -> tuple[str, str]:
    """Id and video of a row. Without ids nothing is known of videos: each row stands for itself."""
    if "id" not in part:
        return f"{name}/{row}", f"{name}/{row}"
    given = np.asarray(part["id"][row]).reshape(-1)
    fields = [field.decode() if isinstance(field, bytes) else str(field) for field in given]
    if len(fields) > 1:
        return "|".join(fields), fields[0]
    for mark in ("$_$", "["):
        if mark in fields[0]:
            return fields[0], fields[0].rpartition(mark)[0]
    return fields[0], fields[0]


def _the_file(path: Path) -> Path:
    files = sorted(path.glob("*.pkl")) if path.is_dir() else [path]
    if len(files) != 1:
        raise SourceError(f"holds {len(files)} files *.pkl, not one.", where=str(path), fix="Name the file.")
    return files[0]
