import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import SourceError
from core.labels import EMOTIONS
from train.corpora import mosei

# sentiment, happy, sad, anger, surprise, disgust, fear
LABELS = {
    "vidA": np.array([[1.5, 2.0, 0, 0, 0.33, 0, 0], [-3, 0, 1, 0, 0, np.nan, 0]]),
    "vidB": np.array([[0.0, 0, 0, 0, 0, 0, 0]]),
    "vidC": np.array([[0.0, 0, 0, 3, 0, 0, 0]]),
    "stray": np.array([[0.0, 0, 0, 0, 0, 0, 0]]),
}
TIMES = {"vidA": [[1.0, 3.0], [3.0, 5.0]], "vidB": [[0.0, 2.0]], "vidC": [[0.0, 2.0]], "stray": [[0, 1]]}
FOLDS = {"train": ["vidA"], "valid": ["vidB"], "test": ["vidC", "never labelled"]}


def sequence(path: Path, name: str, data: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """One computational sequence as the SDK writes it."""
    with h5py.File(path, "w") as file:
        root = file.create_group(name)
        root.create_group("metadata").create_dataset("root name", data=json.dumps(name))
        for key, (features, intervals) in data.items():
            group = root.create_group(f"data/{key}")
            group.create_dataset("features", data=features)
            group.create_dataset("intervals", data=intervals)


def every(step_s: float, end_s: float) -> np.ndarray:
    starts = np.arange(round(end_s / step_s)) * step_s
    return np.stack([starts, starts + step_s], axis=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = {key: (values, np.array(TIMES[key])) for key, values in LABELS.items()}
    sequence(tmp_path / "CMU_MOSEI_Labels.csd", "All Labels", rows)
    frames = every(0.01, 6.0)  # COVAREP comes at 100 Hz
    audio = np.repeat(np.arange(60.0), 10)[:, None] * np.ones((1, 4))
    audio[150, 2] = -np.inf
    sequence(tmp_path / "CMU_MOSEI_COVAREP.csd", "COVAREP", {"vidA": (audio, frames)})
    words = np.array([b"sp", b"so", b"good", b"sp", b"then"], dtype="S32")[:, None]
    sequence(tmp_path / "CMU_MOSEI_TimestampedWords.csd", "words", {"vidA": (words, every(1.0, 5.0))})
    vectors = np.arange(10.0).reshape(5, 2)
    path = tmp_path / "CMU_MOSEI_TimestampedWordVectors.csd"
    sequence(path, "glove_vectors", {"vidA": (vectors, every(1.0, 5.0))})
    (tmp_path / "folds.json").write_text(json.dumps(FOLDS))
    return tmp_path


def test_a_label_is_present_if_its_intensity_is_above_zero_and_intensities_are_kept(folder: Path) -> None:
    first, second = [e for e in mosei.read(folder) if e.source == "vidA"]
    assert first.id == "vidA[0]"
    present = {n for n, v in zip(EMOTIONS, first.labels.target, strict=True) if v}
    assert present == {"happiness", "surprise"}
    assert first.scales["intensity.surprise"] == pytest.approx(0.33)
    assert (first.scales["valence"], second.scales["valence"]) == (0.5, -1.0)


def test_what_was_not_rated_and_what_was_never_asked_is_unknown(folder: Path) -> None:
    _, second = [e for e in mosei.read(folder) if e.source == "vidA"]
    unknown = {n for n, v in zip(EMOTIONS, second.labels.available, strict=True) if not v}
    assert unknown == {"disgust", "neutral"}


def test_the_official_folds_are_kept_and_strays_left_out(folder: Path) -> None:
    splits = {e.id: e.split for e in mosei.read(folder)}
    assert splits == {"vidA[0]": "train", "vidA[1]": "train", "vidB[0]": "validation", "vidC[0]": "test"}


def test_frames_are_cut_by_the_segments_times_and_averaged_to_tokens(folder: Path) -> None:
    first, second = [e for e in mosei.read(folder) if e.source == "vidA"]
    audio = first.tokens["audio"]
    assert audio.values.shape == (20, 4)  # 2 s, one token per 0.1 s
    assert audio.values[:, 0].tolist() == pytest.approx(list(range(10, 30)))
    assert audio.times_s == pytest.approx(np.arange(20) * 0.1 + 0.05, abs=1e-4)
    assert np.isfinite(audio.values).all()
    assert first.tokens["text"].values.tolist() == [[2, 3], [4, 5]]
    assert first.text == "so good"
    assert second.text == "then"
    assert "visual" not in first.tokens


def test_sequences_that_the_sdk_has_aligned_are_read_by_segment(folder: Path) -> None:
    features = np.array([[1.0, 1.0], [3.0, 1.0], [5.0, 0.0]])
    intervals = np.array([[1.0, 1.02], [1.1, 1.12], [2.0, 2.02]])
    path = folder / "CMU_MOSEI_VisualFacet42.csd"
    sequence(path, "FACET 4.2", {"vidA[0]": (features, intervals)})
    first, second = [e for e in mosei.read(folder) if e.source == "vidA"]
    assert first.tokens["visual"].values.tolist() == [[2.0, 1.0], [5.0, 0.0]]
    assert "visual" not in second.tokens


def test_aligned_labels_are_read_too(folder: Path) -> None:
    rows = {
        f"{key}[{i}]": (values[[i]], np.array(TIMES[key])[[i]])
        for key, values in LABELS.items()
        for i in range(len(values))
    }
    before = mosei.read(folder)
    sequence(folder / "CMU_MOSEI_Labels.csd", "All Labels", rows)
    after = mosei.read(folder)
    assert [e.id for e in after] == [e.id for e in before]
    assert [e.text for e in after] == [e.text for e in before]


def test_of_two_visual_sequences_facet_is_read(folder: Path) -> None:
    one, times_s = np.ones((1, 3)), np.array([[1.0, 1.1]])
    sequence(folder / "a.csd", "OpenFace_2", {"vidA[0]": (one[:, :2], times_s)})
    sequence(folder / "b.csd", "FACET 4.2", {"vidA[0]": (one, times_s)})
    assert mosei.read(folder)[0].tokens["visual"].values.shape == (1, 3)


def test_segments_become_a_token_set_in_which_missing_modalities_have_no_token(folder: Path) -> None:
    tokens = mosei.read_tokens(folder)
    assert len(tokens) == 4
    assert tokens.present.tolist() == [[True, True, False]] * 2 + [[False] * 3] * 2
    assert tokens.tokens["audio"].timing == "timed"


def test_a_video_in_two_folds_is_refused(folder: Path) -> None:
    (folder / "folds.json").write_text(json.dumps({**FOLDS, "valid": ["vidA"]}))
    with pytest.raises(SourceError, match="vidA is in two folds"):
        mosei.read(folder)


def test_without_folds_the_fix_is_told(folder: Path) -> None:
    (folder / "folds.json").unlink()
    with pytest.raises(SourceError, match="Write the SDK's lists of videos there"):
        mosei.read(folder)


def test_what_is_no_sequence_is_named(folder: Path) -> None:
    (folder / "damaged.csd").write_bytes(b"not HDF5")
    with pytest.raises(SourceError, match=r"damaged\.csd: is no computational sequence"):
        mosei.read(folder)


def test_labels_of_another_width_are_refused(folder: Path) -> None:
    sequence(folder / "CMU_MOSEI_Labels.csd", "All Labels", {"vidA": (np.ones((1, 1)), np.ones((1, 2)))})
    with pytest.raises(SourceError, match="vidA: has no rows of sentiment and six emotions"):
        mosei.read(folder)
