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


class TestQuotes:
    HEADER = "path,speaker,split,anger,text"

    def test_a_lone_quote_spoils_its_own_row_and_no_other(self, tmp_path: Path) -> None:
        rows = (
            "monday.mp4,a,train,1,\"Don't forget",
            "tuesday.wav,b,validation,0,a jacket",
            "nowhere.mp4,c,test,0,Don't forget a jacket",
        )
        with pytest.raises(ConfigError) as caught:
            directory.read(write(tmp_path, *rows, header=self.HEADER))
        assert str(caught.value).splitlines()[1:] == [
            "  line 2, column path: a quotation mark is not closed, or not at the end of its cell; "
            'inside of a quoted cell write it twice: ""',
            "  line 4, column path: there is no file nowhere.mp4",
        ]

    def test_words_after_a_closing_quote_are_told(self, tmp_path: Path) -> None:
        rows = ('monday.mp4,a,train,1,"20 inch screen" he said', 'tuesday.wav,b,train,0,"a jacket')
        with pytest.raises(
            ConfigError, match=r"(?s)line 2, column path: a quotation.*line 3, column path: a"
        ):
            directory.read(write(tmp_path, *rows, header=self.HEADER))

    def test_quoted_commas_and_doubled_quotes_are_read(self, tmp_path: Path) -> None:
        row = 'monday.mp4,a,train,1,"She said ""no"", twice"'
        [example] = directory.read(write(tmp_path, row, header=self.HEADER))
        assert example.text == 'She said "no", twice'


class TestLeaks:
    HEADER = "path,speaker,split,anger"

    def read(self, folder: Path, *rows: str, **how: bool):
        return directory.read(write(folder, *rows, header=self.HEADER), **how)

    @pytest.mark.parametrize("allowed", [True, False])
    @pytest.mark.parametrize("alias", ["./monday.mp4", "link.mp4", "copy.mp4", "sub/../monday.mp4"])
    def test_a_recording_under_another_name_is_the_same(
        self, tmp_path: Path, alias: str, allowed: bool
    ) -> None:
        write(tmp_path)
        (tmp_path / "sub").mkdir()
        for name in ("monday.mp4", "copy.mp4"):
            (tmp_path / name).write_bytes(b"the very same bytes")
        (tmp_path / "other.mp4").write_bytes(b"as many bytes, no?!")
        (tmp_path / "link.mp4").symlink_to("monday.mp4")
        rows = ("monday.mp4,a,train,1", "other.mp4,b,test,0", f"{alias},c,test,1")
        with pytest.raises(ConfigError) as caught:
            self.read(tmp_path, *rows, allow_shared_speakers=allowed)
        told = f"line 4, column path: {alias} is the recording monday.mp4 of line 2, which is in train"
        assert str(caught.value).splitlines()[1:] == [f"  {told}"]

    def test_a_copy_in_the_same_part_has_the_same_source(self, tmp_path: Path) -> None:
        write(tmp_path)
        for name in ("monday.mp4", "friday.mp4"):
            (tmp_path / name).write_bytes(b"the very same bytes")
        rows = ("monday.mp4,,train,1", "./friday.mp4,,train,1", "tuesday.wav,,test,0")
        assert [e.source for e in self.read(tmp_path, *rows)] == ["monday.mp4", "monday.mp4", "tuesday.wav"]

    @pytest.mark.parametrize(
        ("first", "second"), [("Ann", "ANN"), ("Jos\u00e9", "Jose\u0301"), ("a b", "a  b")]
    )
    def test_a_speaker_spelled_in_two_ways_is_told(self, tmp_path: Path, first: str, second: str) -> None:
        rows = (f"monday.mp4,{first},train,1", f"tuesday.wav,{second},test,1")
        with pytest.raises(
            ConfigError, match=r"line 3, column speaker: .* differs from .* in line 2 in case"
        ):
            self.read(tmp_path, *rows)
        assert len(self.read(tmp_path, *rows, allow_shared_speakers=True)) == 2

    def test_names_that_differ_in_their_letters_are_different_people(self, tmp_path: Path) -> None:
        rows = ("monday.mp4,Jose,train,1", "tuesday.wav,Jos\u00e9,test,1")
        assert [e.speaker for e in self.read(tmp_path, *rows)] == ["Jose", "Jos\u00e9"]


def test_contradicting_labels_of_one_stretch_are_told_and_equal_ones_are_not(tmp_path: Path) -> None:
    rows = ["monday.mp4,0,1,a,train,1,0", "monday.mp4,0.0,1.00,a,train,1,", "tuesday.wav,,,b,test,0,1"]
    assert len(directory.read(write(tmp_path, *rows))) == 3
    rows.append("./monday.mp4,0,1,a,train,1,1")
    told = "line 5, column happiness: 1, but line 2 says 0 of the same stretch"
    with pytest.raises(ConfigError, match=told):
        directory.read(write(tmp_path, *rows))


class TestHints:
    @pytest.mark.parametrize(
        ("header", "message"),
        [
            (
                "sep=,\r\npath,split,anger",
                "line 1, column path: 'sep=,' is a line for Excel alone; remove it",
            ),
            (
                "Path,Start,Anger",
                "line 1, column path: there is no such column; write 'Path' in small letters",
            ),
            ("path\tsplit\tanger", "columns are separated by tabs; save the table with commas"),
        ],
    )
    def test_a_header_that_a_spreadsheet_made(self, tmp_path: Path, header: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            directory.read(write(tmp_path, "monday.mp4,train,1", header=header))

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (
                r"day\monday.mp4",
                r"there is no file day\\monday\.mp4; write day/monday\.mp4, with / for every",
            ),
            (r"C:\x\monday.mp4", "write / for every backslash"),
            ("Monday.MP4", r"there is no file Monday\.MP4; did you mean monday\.mp4\?"),
        ],
    )
    def test_a_path_of_another_system(self, tmp_path: Path, path: str, message: str) -> None:
        (tmp_path / "day").mkdir()
        (tmp_path / "day" / "monday.mp4").touch()
        with pytest.raises(ConfigError, match=message):
            directory.read(write(tmp_path, f"{path},train,1", header="path,split,anger"))

    def test_a_spreadsheet_is_no_table(self, tmp_path: Path) -> None:
        (tmp_path / "labels.xlsx").write_bytes(b"PK")
        with pytest.raises(ConfigError, match=r"There is labels\.xlsx\. Save it as CSV UTF-8"):
            directory.read(tmp_path)
        with pytest.raises(ConfigError, match=r"is a spreadsheet\. Save it as CSV UTF-8"):
            directory.read(tmp_path / "labels.xlsx")


def test_a_zero_byte_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2, column path: the line holds a zero byte"):
        directory.read(write(tmp_path, "mon\0day.mp4,train,1", header="path,split,anger"))
