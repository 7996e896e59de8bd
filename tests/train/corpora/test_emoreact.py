from pathlib import Path

import pytest

from core.errors import SourceError
from train.corpora import emoreact
from train.corpora.base import assert_disjoint
from train.corpora.label_space import SHARED

LABELS = {"train": "0,1,0,0,1,0,0,1,2.3333\n1,0,0,1,0,0,0,0,7\n", "val": "0,0,0,0,0,1,0,0,1\n"}
NAMES = {"Train": "'KIMCHI65_2.mp4'\n'GAMEBOY19_2.mp4'\n", "Val": "'KIMCHI7_2.mp4'\n"}
VIDEOS = {"Train": ["KIMCHI65_2", "GAMEBOY19_2"], "Validation": ["KIMCHI7_2"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Labels").mkdir()
    for part, lines in LABELS.items():
        (tmp_path / "Labels" / f"{part}_labels.text").write_text(lines)
    for part, lines in NAMES.items():
        (tmp_path / "Labels" / f"{part}_names.txt").write_text(lines)
    for part, clips in VIDEOS.items():
        (tmp_path / "Data" / part).mkdir(parents=True)
        for clip in clips:
            (tmp_path / "Data" / part / f"{clip}.mp4").touch()
    return tmp_path


def test_labels_and_names_are_joined_line_by_line(folder: Path) -> None:
    examples = {e.id: e for e in emoreact.read(folder, space=SHARED)}
    first = examples["KIMCHI65_2"]
    present = {n for n, v in zip(SHARED.names, first.labels.target, strict=True) if v}
    assert present == {"uncertainty", "surprise", "frustration"}
    assert first.path == folder / "Data" / "Train" / "KIMCHI65_2.mp4"
    assert first.scales["valence"] == pytest.approx(-0.5556, abs=1e-3)
    assert examples["KIMCHI7_2"].split == "validation"
    unknown = {n for n, v in zip(SHARED.names, first.labels.available, strict=True) if not v}
    assert unknown == {"anger", "sadness", "neutral"}


def test_clips_of_one_video_stay_together_in_our_split(folder: Path) -> None:
    with pytest.raises(SourceError, match="kimchi"):
        assert_disjoint(emoreact.read(folder))
    examples = {e.id: e for e in emoreact.read(folder, split="disjoint")}
    assert examples["KIMCHI65_2"].split == examples["KIMCHI7_2"].split
    assert emoreact.source_of("VCR107_2") == "vcr"
    assert emoreact.source_of("90S12_2") == "90s"


def test_rows_that_begin_with_the_name_need_no_file_of_names(folder: Path) -> None:
    (folder / "Labels" / "Train_names.txt").unlink()
    (folder / "Labels" / "train_labels.text").unlink()
    (folder / "Labels" / "train_labels.txt").write_text(
        "KIMCHI65_2.mp4 0 1 0 0 1 0 0 1 2.3\nGAMEBOY19_2.mp4 1 0 0 1 0 0 0 0 7\n"
    )
    assert {e.id for e in emoreact.read(folder)} == {"KIMCHI65_2", "GAMEBOY19_2", "KIMCHI7_2"}


def test_names_of_another_number_are_refused(folder: Path) -> None:
    (folder / "Labels" / "Train_names.txt").write_text("'KIMCHI65_2.mp4'\n")
    with pytest.raises(SourceError, match="has 2 lines for 1 names"):
        emoreact.read(folder)


def test_labels_without_names_are_refused(folder: Path) -> None:
    (folder / "Labels" / "Val_names.txt").unlink()
    with pytest.raises(SourceError, match=r"Val_names\.txt"):
        emoreact.read(folder)


def test_a_broken_line_is_named(folder: Path) -> None:
    (folder / "Labels" / "val_labels.text").write_text("0,0,5,0,0,1,0,0,1\n")
    with pytest.raises(SourceError, match=r"val_labels\.text, line 1"):
        emoreact.read(folder)
