"""A row that says something else than its format is named, with its file and line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from core.errors import SourceError
from tests.train.tiny_corpora import FER_NAMES
from train.corpora import (
    brighter,
    elderreact_covarep,
    emoreact,
    emotionlines,
    ferplus,
    goemotions,
    iemocap,
    meld,
    xed,
)
from train.corpora.tables import lines_of, table

ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""Characters at which `str.splitlines` ends a line, and a file does not."""


def pack(path, text):
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.write(text)


def test_lines_end_where_the_file_ends_them_and_keep_their_numbers(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(f"one{ENDS}two\r\n\n \nthree".encode())
    assert list(lines_of(path)) == [(1, f"one{ENDS}two"), (4, "three")]


@pytest.mark.parametrize("row", ["a,b,c", "a"])
def test_a_row_with_too_many_or_too_few_cells_is_named(tmp_path, row):
    (tmp_path / "a.csv").write_text(f'text,id\n"two\nlines",1\n{row}\n', encoding="utf-8")
    with pytest.raises(SourceError, match=r"a\.csv, line 4: has not as many cells as the first line\. Quote"):
        list(table(tmp_path / "a.csv"))


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00cut", b"plain", gzip.compress(b"a,b\n1,\xff\n"), b""])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.csv.gz").write_bytes(content)
    if not content:
        assert list(table(tmp_path / "a.csv.gz")) == []  # gzip takes nothing at all for an empty file
        return
    with pytest.raises(SourceError, match=r"a\.csv\.gz: cannot be read: .* Download it again"):
        list(table(tmp_path / "a.csv.gz"))


@pytest.mark.parametrize(
    ("read", "name", "good", "bad"),
    [
        (goemotions.read, "goemotions_ekman_dev.tsv.gz", "meh\t4\tid1", "meh\t4"),
        (goemotions.read, "goemotions_ekman_dev.tsv.gz", "meh\t4\tid1", "meh\t4\tid2\tmore"),
        (goemotions.read, "goemotions_ekman_dev.tsv.gz", "meh\t4\tid1", "meh\t4,joy\tid2"),
        (goemotions.read, "goemotions_ekman_dev.tsv.gz", "meh\t4\tid1", "meh\t-1\tid2"),
        (xed.read, "xed_en.tsv.gz", "Go away .\t1, 3", "Go away ."),
        (xed.read, "xed_en.tsv.gz", "Go away .\t1, 3", "Go\taway\t1"),
        (xed.read, "xed_en.tsv.gz", "Go away .\t1, 3", "Come .\t10"),
        (brighter.read, "brighter_eng_test.csv.gz", "id,text,anger,fear", "1,Oh, no,1,0"),
        (brighter.read, "brighter_eng_test.csv.gz", "id,text,anger,fear", "1,Oh,1"),
    ],
)  # fmt: skip
def test_a_bad_row_of_a_text_corpus_is_named(tmp_path, read, name, good, bad):
    pack(tmp_path / name, f"{good}\n{bad}\n")
    with pytest.raises(SourceError, match=f"{name}, line 2: "):
        read(tmp_path)


def test_rows_of_tables_of_dialogues_are_named(tmp_path):
    pack(
        tmp_path / "emotionlines.csv.gz",
        "split,dialog,utt,speaker,text,emotion,annotation\ntrain,0,0,Joey,Hi\n",
    )
    (tmp_path / "dev_sent_emo.csv").write_text(
        "Utterance,Speaker,Emotion\nHey, you,Joey,joy\n", encoding="utf-8"
    )
    for corpus, name in ((emotionlines, "emotionlines.csv.gz"), (meld, "dev_sent_emo.csv")):
        with pytest.raises(SourceError, match=f"{name}, line 2: "):
            corpus.read(tmp_path)


def test_texts_keep_characters_at_which_python_would_end_a_line(tmp_path):
    pack(tmp_path / "goemotions_ekman_dev.tsv.gz", f"so{ENDS}so\t4\tid1\n")
    pack(tmp_path / "xed_en.tsv.gz", f"so{ENDS}so\t1\n")
    pack(tmp_path / "brighter_eng_test.csv.gz", f"id,text,anger\n1,so{ENDS}so,1\n")
    for corpus in (goemotions, xed, brighter):
        (example,) = corpus.read(tmp_path)
        assert example.text == f"so{ENDS}so"
    path = tmp_path / "Ses01F_impro01.txt"
    path.write_text(f"Ses01F_impro01_F000 [006.29-008.23]: Excuse{ENDS}me.\n", encoding="utf-8")
    assert iemocap._texts(path) == {"Ses01F_impro01_F000": f"Excuse{ENDS}me."}


def test_names_keep_them_too(tmp_path):
    (tmp_path / "Train_labels.text").write_text("1,0,0,0,0,0,0,0,5\n", encoding="utf-8")
    (tmp_path / "Train_names.txt").write_text("'MATT\u202886_1.mp4'\n", encoding="utf-8")
    assert [clip for clip, _, _ in emoreact._rows(tmp_path)] == ["MATT\u202886_1"]


def test_a_summary_that_is_no_number_is_named(tmp_path):
    (tmp_path / "train_audio.txt").write_text("a_1\t1 2 three\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"train_audio\.txt, line 1: "):
        elderreact_covarep.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"votes": np.zeros((2, 9), np.uint8)}, r"votes has the shape \(2, 9\)"),
        ({"usage": np.array(["Training"])}, r"usage has the shape \(1,\)"),
        ({"images": np.zeros((2, 32, 32), np.uint8)}, r"images has the shape \(2, 32, 32\)"),
        ({"emotions": np.array(["x", *map(str, range(9))])}, "emotions lacks NF, anger"),
        ({"votes": None}, "is not an archive of FER"),
    ],
)
def test_arrays_of_faces_that_do_not_fit_each_other_are_named(tmp_path, change, words):
    arrays = {
        "images": np.zeros((2, 48, 48), np.uint8),
        "votes": np.ones((2, 10), np.uint8),
        "usage": np.array(["Training"] * 2),
        "emotions": np.array(FER_NAMES),
    }
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "faces.npz", **arrays)
    with pytest.raises(SourceError, match=words) as caught:
        ferplus.read(tmp_path)
    assert "faces.npz" in str(caught.value)


def test_an_archive_that_was_cut_short_is_named(tmp_path):
    (tmp_path / "faces.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(SourceError, match=r"faces\.npz: is not an archive"):
        ferplus.read(tmp_path)
