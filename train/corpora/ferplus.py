"""FER+: 48x48 grey faces with ten votes each (Barsoum et al. 2016; labels MIT, images research use).

`*.npz` with images (N, 48, 48) uint8, votes (N, 10) uint8, usage (N,) and emotions (10,).

As in FER+'s own code, a vote that nobody shares is an outlier and is removed; the majority is the emotion
with more than half of the votes that are left. Pictures that most took for "unknown" or "NF" (no face) are
left out. Those without a majority stay: their shares of votes can be learnt, accuracy is counted on the rest.

"Training" is cut into train and validation by a hash of the picture, so that equal pictures stay together;
every other usage is a test part, and pictures of a test part are taken out of the training part.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import EMOTIONS
from train.corpora.base import FaceExample, Labels, Split, bucket, existing

NAME: Final = "ferplus"
CONTEMPT: Final = "contempt"
_DISCARDED: Final = ("unknown", "NF")
_VALIDATION_SHARE: Final = 0.08


def read(folder: Path) -> list[FaceExample]:
    """Read every `*.npz` of `folder`.

    The target of a label is its share of the votes that name an emotion. Contempt is not among our labels:
    its share goes to no label, so such a picture has a low target everywhere.

    Raises:
        SourceError: there is no file, or its arrays do not fit each other.
    """
    return [example for path in existing(folder, "*.npz") for example in _read_file(path)]


def majority(votes: NDArray[np.uint8], names: list[str]) -> NDArray[np.str_]:
    """(N,) name that has more than half of a row's votes, after lone votes are removed; "" if none has."""
    shared = np.where(votes > 1, votes, 0)
    found = np.array(names)[shared.argmax(axis=1)]
    return np.where(shared.max(axis=1) > 0.5 * shared.sum(axis=1), found, "")


def _read_file(path: Path) -> list[FaceExample]:
    images, votes, usage, names = _arrays(path)
    winners = majority(votes, names)
    most = np.array(names)[votes.argmax(axis=1)]
    kept = ~np.isin(most, _DISCARDED) & ~np.isin(winners, _DISCARDED)
    votes = np.where(votes > 1, votes, 0)
    emotional = [names.index(name) for name in names if name not in _DISCARDED]
    ours = [names.index(name) for name in EMOTIONS]
    shares = votes[:, ours] / np.maximum(votes[:, emotional].sum(axis=1, keepdims=True), 1)
    digests = [hashlib.sha256(image.tobytes()).hexdigest()[:20] for image in images]
    tested = {d for d, part in zip(digests, usage, strict=True) if part != "Training"}
    available = np.ones(len(EMOTIONS), np.bool_)
    examples = []
    for row in np.flatnonzero(kept):
        split = _split(str(usage[row]), digests[row])
        if split != "test" and digests[row] in tested:
            continue
        labels = Labels(shares[row].astype(np.float32), available)
        name = f"{path.stem}/{row}"
        face = FaceExample(name, NAME, digests[row], split, labels, images[row], str(winners[row]))
        examples.append(face)
    return examples


def _arrays(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.str_], list[str]]:
    """The file's arrays, once they fit each other."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            images, votes, usage = data["images"], data["votes"], data["usage"]
            names = [str(name) for name in data["emotions"]]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"is not an archive of FER+: {error}.", where=str(path)) from error
    count = len(images)
    expected = {"images": (count, 48, 48), "votes": (count, len(names)), "usage": (count,)}
    for name, array in {"images": images, "votes": votes, "usage": usage}.items():
        if array.shape != expected[name]:
            raise SourceError(
                f"{name} has the shape {array.shape} in place of {expected[name]}.", where=str(path)
            )
    if absent := {*EMOTIONS, CONTEMPT, *_DISCARDED} - set(names):
        raise SourceError(f"emotions lacks {', '.join(sorted(absent))}.", where=str(path))
    return images, votes, usage, names


def _split(usage: str, digest: str) -> Split:
    if usage != "Training":
        return "test"
    return "validation" if bucket(digest) < _VALIDATION_SHARE else "train"
