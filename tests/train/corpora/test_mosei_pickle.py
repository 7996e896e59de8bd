import pickle
from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError
from core.labels import EMOTIONS
from train.corpora import mosei_pickle


def part(ids: list, labels: np.ndarray, length: int = 4) -> dict:
    rng = np.random.default_rng(0)
    count = len(ids)
    arrays = {"text": 3, "audio": 2, "vision": 5}
    made = {key: rng.normal(size=(count, length, width)) for key, width in arrays.items()}
    for array in made.values():
        array[:, 0] = 0  # padding in front
    made["vision"][0] = 0  # no face at all
    return {**made, "labels": labels, "id": np.array(ids)}


SEVEN = np.array([[[1.5, 0, 0, 2, 0, 0, 0.33]], [[-3.0, 1, 0, 0, 0, 0, 0]]])
PARTS = {
    "train": part(["vidA$_$0", "vidA$_$1"], SEVEN),
    "valid": part(["vidB[3]"], SEVEN[:1]),
    "test": part([["vidC", "0.5", "2.25"]], SEVEN[1:]),
}


def write(tmp_path: Path, content: object, protocol: int = 4) -> Path:
    path = tmp_path / "aligned.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def test_rows_become_examples_with_labels_and_sources(tmp_path: Path) -> None:
    examples = mosei_pickle.read(write(tmp_path, PARTS))
    assert [e.source for e in examples] == ["vidA", "vidA", "vidB", "vidC"]
    assert [e.split for e in examples] == ["train", "train", "validation", "test"]
    present = {n for n, v in zip(EMOTIONS, examples[0].labels.target, strict=True) if v}
    assert present == {"anger", "fear"}
    assert examples[0].scales["intensity.fear"] == pytest.approx(0.33)
    assert not examples[0].labels.available[EMOTIONS.index("neutral")]


def test_padding_is_no_token_and_the_rest_keeps_its_place(tmp_path: Path) -> None:
    tokens = mosei_pickle.read_tokens(write(tmp_path, PARTS).parent)
    assert tokens.tokens["text"].lengths.tolist() == [3, 3, 3, 3]
    assert tokens.tokens["visual"].lengths.tolist() == [0, 3, 0, 0]
    assert tokens.tokens["text"].timing == "ordered"
    assert tokens.tokens["text"][0].times_s.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("width", "known"), [(1, 0), (6, 6), (7, 6)])
def test_sentiment_alone_says_nothing_of_emotions(tmp_path: Path, width: int, known: int) -> None:
    labels = SEVEN[:, 0, 1:] if width == 6 else SEVEN[:, 0, :width]
    examples = mosei_pickle.read(write(tmp_path, {"train": part(["a[0]", "a[1]"], labels)}))
    assert examples[0].labels.available.sum() == known
    assert ("valence" in examples[0].scales) == (width != 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": SEVEN[:, 0, :5]}, "labels are 5 wide"),
        ({"text": np.zeros((3, 4, 2))}, r"features are not \(N, T, D\)"),
    ],
)
def test_arrays_of_another_shape_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        mosei_pickle.read(write(tmp_path, {"train": {**PARTS["train"], **change}}))


def test_a_video_in_two_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="vidA is in"):
        mosei_pickle.read(write(tmp_path, {**PARTS, "test": part(["vidA$_$7"], SEVEN[:1])}))
