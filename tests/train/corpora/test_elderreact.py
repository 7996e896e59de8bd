from pathlib import Path

import numpy as np
import pytest

from core.errors import SourceError
from train.corpora import elderreact, elderreact_covarep
from train.corpora.base import assert_disjoint

CLIPS = {
    "train": "50_50_100.mp4 0 1 1 0 0 1 f 1.6666666666666667\nTRY_NOT_LOOK_AWAY_0.mp4 0 0 0 1 0 0 f 4.0\n",
    "dev": "50_50_35.mp4 1 1 1 1 1 1 m 3.0\n",
    "test": "50_50_17.mp4 0 0 0 1 0 0 f 5.666666666666667\nnot_look_away_16.mp4 1 0 0 0 0 0 m 7.0\n",
}


def names(part: str) -> list[str]:
    return [line.split()[0] for line in CLIPS[part].splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Annotations").mkdir()
    for part, lines in CLIPS.items():
        (tmp_path / "Annotations" / f"{part}_labels.txt").write_text(lines)
        (tmp_path / f"ElderReact_{part}").mkdir()
        for name in names(part):
            (tmp_path / f"ElderReact_{part}" / name).touch()
    return tmp_path


def test_the_authors_label_files_are_read_with_their_videos(folder: Path) -> None:
    examples = {e.id: e for e in elderreact.read(folder)}
    first = examples["50_50_100"]
    assert first.split == "train"
    assert first.path == folder / "ElderReact_train" / "50_50_100.mp4"
    assert first.labels.target.tolist() == [0, 1, 1, 0, 0, 1, 0]
    assert first.labels.available.tolist() == [True] * 6 + [False]
    assert first.scales["valence"] == pytest.approx(-7 / 9)
    assert examples["50_50_35"].split == "validation"
    assert examples["not_look_away_16"].scales["valence"] == 1.0


def test_the_official_split_shares_videos_and_ours_does_not(folder: Path) -> None:
    with pytest.raises(SourceError, match="50_50"):
        assert_disjoint(elderreact.read(folder, split="official"))
    assert_disjoint(elderreact.read(folder, split="disjoint"))


def test_clips_of_one_video_under_two_names_have_one_source() -> None:
    assert elderreact.source_of("TRY_NOT_LOOK_AWAY_0") == elderreact.source_of("not_look_away_16")
    assert elderreact.source_of("50_50_spider_3") != elderreact.source_of("50_50_3")


def test_a_broken_line_is_named(folder: Path) -> None:
    (folder / "Annotations" / "dev_labels.txt").write_text("a_1.mp4 0 2 0 0 0 0 f 3\n")
    with pytest.raises(SourceError, match=r"dev_labels\.txt, line 1: is not: name, six times 0 or 1"):
        elderreact.read(folder)


def test_a_missing_video_is_named(folder: Path) -> None:
    (folder / "ElderReact_dev" / "50_50_35.mp4").unlink()
    with pytest.raises(SourceError, match="lacks 1 of 5 recordings, 50_50_35"):
        elderreact.read(folder)


# --- the audio summary -------------------------------------------------------------------------------


def archive(folder: Path, *parts: str) -> Path:
    arrays: dict[str, np.ndarray] = {"emotions": np.array(elderreact.EMOTIONS)}
    for part in parts:
        lines = [line.split() for line in CLIPS[part].splitlines()]
        arrays[f"{part}_id"] = np.array([line[0].removesuffix(".mp4") for line in lines])
        arrays[f"{part}_y"] = np.array([line[1:7] for line in lines]).astype(np.int8)
        arrays[f"{part}_audio"] = np.arange(len(lines) * 148, dtype=np.float32).reshape(-1, 148)
        arrays[f"{part}_gender"] = np.array([line[7] for line in lines])
        arrays[f"{part}_valence"] = np.array([line[8] for line in lines], np.float32)
    np.savez(folder / "summary.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_the_summary_is_one_audio_token_of_148_numbers(tmp_path: Path) -> None:
    tokens = elderreact_covarep.read_tokens(archive(tmp_path, "train", "dev", "test"))
    assert tokens.tokens.keys() == {"audio"}
    assert tokens.tokens["audio"].values.shape == (5, 148)
    assert tokens.tokens["audio"].values.dtype == np.float32
    assert tokens.splits == ("train", "train", "validation", "test", "test")
    assert tokens.targets[2].tolist() == [1, 1, 1, 1, 1, 1, 0]
    assert not tokens.known[:, 6].any()


def test_without_a_test_part_dev_is_the_test_part(tmp_path: Path) -> None:
    examples = elderreact_covarep.read(archive(tmp_path, "train", "dev"))
    assert {e.id: e.split for e in examples}["50_50_35"] == "test"


def test_a_folder_with_the_test_part_alone_can_be_read(tmp_path: Path) -> None:
    assert {e.split for e in elderreact_covarep.read(archive(tmp_path, "test"))} == {"test"}


def test_the_authors_text_files_give_the_same_as_the_archive(folder: Path, tmp_path: Path) -> None:
    features = folder / "Features" / "Audio_feat"
    features.mkdir(parents=True)
    for part in CLIPS:
        lines = []
        for row, name in enumerate(names(part)):
            numbers = " ".join(str(float(n)) for n in range(row * 148, (row + 1) * 148))
            lines.append(f"{name.removesuffix('.mp4')}\t{numbers}\n")
        (features / f"{part}_audio.txt").write_text("".join(lines))
    from_text = {e.id: e for e in elderreact_covarep.read(folder)}
    (tmp_path / "npz").mkdir()
    for other in elderreact_covarep.read(archive(tmp_path / "npz", *CLIPS)):
        mine = from_text[other.id]
        assert (mine.tokens["audio"].values == other.tokens["audio"].values).all()
        assert (mine.labels.target == other.labels.target).all()
        assert (mine.split, mine.source) == (other.split, other.source)


def test_a_clip_without_a_finite_summary_is_left_out(tmp_path: Path) -> None:
    with np.load(archive(tmp_path, *CLIPS) / "summary.npz") as data:
        arrays = dict(data)
    arrays["test_audio"][0, 3] = np.nan
    np.savez(tmp_path / "summary.npz", **arrays)
    assert "50_50_17" not in {e.id for e in elderreact_covarep.read(tmp_path)}


def test_our_split_of_the_summary_shares_no_video(tmp_path: Path) -> None:
    assert_disjoint(elderreact_covarep.read(archive(tmp_path, *CLIPS), split="disjoint"))
