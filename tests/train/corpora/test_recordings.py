from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SourceError
from train.corpora.base import Labels, Split, assert_disjoint
from train.corpora.recordings import (
    RecordingExample,
    by_source,
    media_of,
    parts_of,
    split_by_source,
    with_validation,
)


def example(
    name: str, source: str = "a", split: Split = "train", t1_s: float | None = 5.0
) -> RecordingExample:
    labels = Labels(np.zeros(7, np.float32), np.ones(7, np.bool_))
    return RecordingExample(name, "c", source, split, labels, Path("x.mp4"), 1.0, t1_s, "s", text="words")


@given(st.floats(1.1, 400.0), st.floats(1.0, 20.0))
def test_parts_cover_a_stretch_without_hole_and_none_is_too_long(t1_s: float, longest_s: float) -> None:
    parts = parts_of(1.0, t1_s, None, longest_s)
    assert parts[0][0] == 1.0
    assert parts[-1][1] == t1_s
    assert [end for _, end in parts[:-1]] == [begin for begin, _ in parts[1:]]
    assert all(end is not None and end - begin <= longest_s + 1e-9 for begin, end in parts)


def test_a_stretch_without_an_end_is_cut_by_the_recordings_length_and_its_last_part_stays_open() -> None:
    assert parts_of(0.0, None, 30.0) == [(0.0, 10.0), (10.0, 20.0), (20.0, None)]
    assert parts_of(0.0, None, 9.0) == [(0.0, None)]
    assert parts_of(0.0, None, None) == [(0.0, None)]


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=30))
def test_the_split_by_source_never_parts_a_source(sources: list[str]) -> None:
    rows = [example(f"{i}", source) for i, source in enumerate(sources * 2)]
    assert_disjoint(by_source(rows, "disjoint"))
    assert by_source(rows, "official") == rows


def test_the_split_by_source_has_about_the_shares_that_are_promised() -> None:
    splits = [split_by_source(f"source {i}") for i in range(2000)]
    assert 0.17 < splits.count("test") / 2000 < 0.23
    assert 0.12 < splits.count("validation") / 2000 < 0.18


def test_a_validation_part_is_cut_by_source_only_where_there_is_none() -> None:
    rows = [example(f"{i}", f"source {i // 3}") for i in range(300)] + [example("t", "t", "test")]
    cut = with_validation(rows)
    assert_disjoint(cut)
    assert {e.split for e in cut} == {"train", "validation", "test"}
    assert with_validation(cut) == cut


def test_missing_recordings_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.MP4").touch()
    assert media_of(["one"], tmp_path) == {"one": tmp_path / "deep" / "one.MP4"}
    with pytest.raises(SourceError, match="lacks 2 of 3 recordings, two"):
        media_of(["one", "two", "three"], tmp_path)
    found = media_of(["one", "two"], tmp_path, lenient=True)
    assert not found["two"].exists()
    with pytest.raises(SourceError, match="lacks 1 of 1"):
        media_of(["two"], tmp_path, lenient=True)
