from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.labels import EMOTIONS
from train.corpora import directory
from train.corpora.base import assert_disjoint
from train.corpora.label_space import LabelSpace

HEADER = "path,start,end,speaker,split,anger,happiness"
ROWS = (
    "monday.mp4,12.5,15.0,anna,train,0,1",
    "monday.mp4,15.0,21.2,ben,train,0.3,",
    "tuesday.wav,,,carla,test,,0.5",
)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    for name in ("monday.mp4", "tuesday.wav", "friday.mp4"):
        (folder / name).touch()
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def test_rows_become_stretches_of_recordings(tmp_path: Path) -> None:
    first, second, third = directory.read(write(tmp_path, *ROWS))
    assert (first.path, first.t0_s, first.t1_s) == (tmp_path / "monday.mp4", 12.5, 15.0)
    assert (third.t0_s, third.t1_s, third.split, third.speaker) == (0.0, None, "test", "carla")
    known = dict(zip(EMOTIONS, second.labels.available, strict=True))
    assert known["anger"]
    assert not known["happiness"]  # empty means not labelled
    assert not known["fear"]  # there is no such column
    assert second.labels.target.max() == pytest.approx(0.3)


def test_a_table_of_another_name_and_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    other = tmp_path / "mine.csv"
    other.write_text((tmp_path / "labels.csv").read_text().replace("\n", "\r\n"), encoding="utf-8-sig")
    assert len(directory.read(other)) == 3


def test_text_and_scales_are_read_where_there_are_columns(tmp_path: Path) -> None:
    header = "path,id,text,valence,arousal,fear"
    row = 'monday.mp4,m1,"Well, no",-0.5,,1'
    rows = [row, "tuesday.wav,t1,,,,0", "friday.mp4,f1,,,,0"]
    folder = write(tmp_path, *rows, header="split," + header)
    (folder / "labels.csv").write_text("\n".join(["split," + header, *("train," + r for r in rows)]))
    first, *_ = directory.read(folder)
    assert (first.id, first.text, first.scales) == ("m1", "Well, no", {"valence": -0.5})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("sunday.mp4,0,1,a,train,0,1", r"line 2, column path: there is no file sunday\.mp4"),
        (",0,1,a,train,0,1", "line 2, column path: is empty"),
        ("monday.mp4,3,2.5,a,train,0,1", r"line 2, column end: 2\.5 s is not after the start, 3 s"),
        ("monday.mp4,,0,a,train,0,1", "line 2, column end: 0 s is not after the start"),
        ("monday.mp4,-1,2,a,train,0,1", "line 2, column start: -1 is not a number of at least 0"),
        ("monday.mp4,0:12,0:15,a,train,0,1", "line 2, column start: '0:12' is no number"),
        ("monday.mp4,nan,2,a,train,0,1", "line 2, column start: nan is not a number"),
        ("monday.mp4,0,1,a,trian,0,1", "line 2, column split: 'trian' is unknown; did you mean train"),
        ("monday.mp4,0,1,a,train,2,1", "line 2, column anger: 2 is not a number from 0 to 1"),
        ("monday.mp4,0,1,a,train,yes,1", "line 2, column anger: 'yes' is no number"),
        ("monday.mp4,0,1,a,train,,", "line 2, column anger: no label is filled in"),
        ("monday.mp4,0,1,a,train,0", "line 2, column path: the row has 6 cells for 7 columns"),
    ],
)
def test_a_mistake_is_told_with_its_row_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        directory.read(write(tmp_path, row))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,split,angr", "column angr: unknown; did you mean anger"),
        ("path,split,boredom", "column boredom: unknown; known labels: anger"),
        ("file,split,anger", "column path: there is no such column"),
        ("path,split,anger,anger", "column anger: occurs twice"),
        ("path,split", "there is no column of a label"),
        ("path;split;anger", "separated by semicolons"),
    ],
)
def test_a_mistake_in_the_header_is_told(tmp_path: Path, header: str, message: str) -> None:
    row = ",".join(["monday.mp4", "train", "1", "1"][: header.count(",") + 1])
    with pytest.raises(ConfigError, match=message):
        directory.read(write(tmp_path, row, header=header))


def test_all_mistakes_are_told_at_once_those_of_the_header_too(tmp_path: Path) -> None:
    rows = (
        ROWS[0],
        "tusday.wav,,,dora,test,0,1",
        "friday.mp4,5,1,zoe,tets,0,7",
        "tuesday.wav,,,anna,test,0,",
    )
    with pytest.raises(ConfigError) as caught:
        directory.read(write(tmp_path, *rows, header=HEADER.replace("happiness", "hapiness")))
    assert str(caught.value).splitlines()[1:-1] == [
        "  line 1, column hapiness: unknown; did you mean happiness?",
        "  line 3, column path: there is no file tusday.wav",
        "  line 4, column end: 1 s is not after the start, 5 s",
        "  line 4, column split: 'tets' is unknown; did you mean test?",
        "  line 5, column speaker: anna is in test, and in train above",
    ]


def test_many_mistakes_are_cut_short(tmp_path: Path) -> None:
    rows = [f"nowhere{i}.mp4,5,1,a{i},train,0,1" for i in range(8)]
    with pytest.raises(ConfigError, match="and 6 more"):
        directory.read(write(tmp_path, *rows))


def test_ids_are_given_once(tmp_path: Path) -> None:
    folder = write(tmp_path, "monday.mp4,x,train,1", "monday.mp4,x,train,1", header="path,id,split,anger")
    with pytest.raises(ConfigError, match="line 3, column id: x occurs twice"):
        directory.read(folder)


def test_a_speaker_in_two_parts_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    folder = write(tmp_path, ROWS[0], "tuesday.wav,0,1,anna,test,1,0")
    with pytest.raises(ConfigError, match="line 3, column speaker: anna is in test, and in train above"):
        directory.read(folder)
    examples = directory.read(folder, allow_shared_speakers=True)
    assert {e.source for e in examples} == {"monday.mp4", "tuesday.wav"}
    assert_disjoint(examples)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_recording_in_two_parts_is_always_refused(tmp_path: Path, allowed: bool) -> None:
    folder = write(tmp_path, ROWS[0], "monday.mp4,30,31,zoe,test,1,0")
    with pytest.raises(ConfigError, match=r"column path: monday\.mp4 is in test, and in train above"):
        directory.read(folder, allow_shared_speakers=allowed)


def test_a_split_that_is_filled_in_part_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, *ROWS[:2], "tuesday.wav,,,carla,,0,1")
    with pytest.raises(ConfigError, match="line 4, column split: is empty; fill it in every row, or in none"):
        directory.read(folder)


def test_too_few_speakers_to_draw_a_split_from_is_a_mistake(tmp_path: Path) -> None:
    folder = write(tmp_path, "monday.mp4,,,a,,0,1")
    with pytest.raises(ConfigError, match="1 separate speakers are too few"):
        directory.read(folder)


def test_a_missing_table_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train-your-own\.md"):
        directory.read(tmp_path)


def test_labels_of_a_space_of_ones_own_are_columns_too(tmp_path: Path) -> None:
    folder = write(tmp_path, "monday.mp4,train,1", header="path,split,boredom")
    [example] = directory.read(folder, space=LabelSpace(("boredom", "joy")))
    assert example.labels.target.tolist() == [1, 0]
    assert example.labels.available.tolist() == [True, False]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), min_size=60, max_size=90))
def test_a_drawn_split_shares_neither_speakers_nor_recordings(
    tmp_path_factory: pytest.TempPathFactory, talks: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    rows = []
    for recording, speaker in talks:
        (folder / f"{recording}.wav").touch()
        rows.append(f"{recording}.wav,s{speaker},1")
    (folder / "labels.csv").write_text("\n".join(["path,speaker,anger", *rows]))
    try:
        examples = directory.read(folder)
    except ConfigError as error:
        assert "too few to draw from" in str(error)  # noqa: PT017  (either is right)
        return
    for name in ("speaker", "path"):
        assert len({(getattr(e, name), e.split) for e in examples}) == len(
            {getattr(e, name) for e in examples}
        )
