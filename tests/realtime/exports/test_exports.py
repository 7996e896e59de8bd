"""Every format, read by a program or a reader that is not its writer, has the run's times and words."""

import csv
import io
import re

import av
import pytest

from benchmarks.diarization_figures import read_rttm
from core.errors import ConfigError, SinkError, SourceError
from core.events import Hello, Marker, ModelCard, Relabel, Transcript, TranscriptWord, Utterance
from core.labels import EMOTIONS
from core.wire import encode
from realtime.exports.command import export, formats
from realtime.exports.run import read_finished_run

MODEL = ModelCard("default", "0" * 64, "research use only", "")
HELLO = Hello("1.0", "0.1.0", "2025-01-01T12:00:00+00:00", "recording", EMOTIONS, {}, 0.25, MODEL, "base", ())


def spoken(name, person, t0_s, t1_s, *words):
    parts = tuple(TranscriptWord(w, t0_s + 0.1 * i, t0_s + 0.1 * i + 0.1, 0.9) for i, w in enumerate(words))
    yield Utterance(name, person, t0_s, t1_s, "pause", final=True)
    yield Transcript(name, person, t0_s, t1_s, " ".join(words), parts, "", "en", 0, final=True)


EVENTS = [
    HELLO,
    *spoken("u1", "p1", 0.5, 2.25, "Don't", 'say "that"', "<b>"),
    *spoken("u2", "v1", 2.5, 3.75, "=1+1", "-->", "really"),
    Marker(3.0, "here\tnow"),
    Relabel(4.0, "v1", "p2", ("u2",)),
    *spoken("u3", "p2", 4.0, 5.0),
]


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "my run"
    run.mkdir()
    (run / "events.jsonl").write_text(
        "".join(encode(e, n) + "\n" for n, e in enumerate(EVENTS)), encoding="utf-8"
    )
    return run


def texts(folder, name):
    run = read_finished_run(folder)
    return {file: write(run) for file, write in formats()[name].items()}


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_tables_have_a_row_for_each_thing_and_whoever_was_somebody_else_is_that_one(folder):
    tables = {name: table(text) for name, text in texts(folder, "csv").items()}
    rows = tables["utterances.csv"]
    assert [(r["utterance"], r["person"], float(r["t0_s"]), float(r["t1_s"])) for r in rows] == [
        ("u1", "p1", 0.5, 2.25),
        ("u2", "p2", 2.5, 3.75),
        ("u3", "p2", 4.0, 5.0),
    ]
    assert [float(r["t0_s"]) for r in tables["words.csv"]][:3] == pytest.approx([0.5, 0.6, 0.7])
    assert [(r["person"], float(r["talk_s"]), r["words"]) for r in tables["persons.csv"]] == [
        ("p1", 1.75, "3"),
        ("p2", 2.25, "3"),
    ]


def test_a_word_that_a_spreadsheet_would_compute_is_only_a_word(folder):
    (first, *_) = [r for r in table(texts(folder, "csv")["words.csv"]) if "1+1" in r["word"]]
    assert first["word"] == "'=1+1"
    assert float(first["t0_s"]) == 2.5


@pytest.mark.parametrize(("name", "suffix"), [("vtt", "vtt"), ("srt", "srt")])
def test_ffmpeg_reads_the_subtitles_with_their_times_and_speakers(folder, tmp_path, name, suffix):
    (text,) = texts(folder, name).values()
    path = tmp_path / f"subtitles.{suffix}"
    path.write_text(text, encoding="utf-8")
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [p for p in container.demux(stream) if p.size]
        spans = [(float(p.pts * p.time_base), float((p.pts + p.duration) * p.time_base)) for p in packets]
        said = [bytes(p).decode() for p in packets]
    assert spans == [pytest.approx((0.5, 2.25), abs=0.01), pytest.approx((2.5, 3.75), abs=0.01)]
    assert "Person 1" in said[0]
    assert "Person 2" in said[1]
    assert all("-->" not in text for text in said)


def test_rttm_names_who_speaks_when(folder, tmp_path):
    (text,) = texts(folder, "rttm").values()
    path = tmp_path / "run.rttm"
    path.write_text(text)
    assert [(t.t0_s, t.t1_s, t.speaker) for t in read_rttm(path)] == [
        (0.5, pytest.approx(2.25), "p1"),
        (2.5, pytest.approx(3.75), "p2"),
        (4.0, pytest.approx(5.0), "p2"),
    ]
    assert all(len(line.split()) == 10 for line in text.splitlines())


def test_a_tier_of_praat_has_no_holes_and_ends_where_the_grid_does(folder):
    (text,) = texts(folder, "textgrid").values()
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n')
    assert int(re.search(r"^size = (\d+)", text, re.M)[1]) == len(re.findall(r"^ +class = ", text, re.M)) == 4
    for tier in text.split("    item [")[2:]:
        spans = re.findall(r"intervals \[\d+\]:\s+xmin = ([\d.]+)\s+xmax = ([\d.]+)", tier)
        assert int(re.search(r"intervals: size = (\d+)", tier)[1]) == len(spans)
        edges = [float(edge) for span in spans for edge in span]
        assert edges[0] == 0
        assert edges[-1] == 5.0
        assert edges[1:-1:2] == edges[2::2]
    assert 'text = "Don\'t say ""that"" <b>"' in text


def test_audacity_gets_a_line_for_each_utterance_and_mark(folder):
    (text,) = texts(folder, "audacity").values()
    rows = [line.split("\t") for line in text.splitlines()]
    assert [len(row) for row in rows] == [3] * 4
    assert [(float(a), float(b)) for a, b, _ in rows] == [(0.5, 2.25), (2.5, 3.75), (3.0, 3.0), (4.0, 5.0)]
    assert rows[2][2] == "here now"


def test_files_are_written_once_and_replaced_only_by_force(folder, tmp_path):
    export(folder, ["csv", "srt"], None, force=False)
    made = sorted(path.name for path in (folder / "exports").iterdir())
    assert made == ["estimates.csv", "persons.csv", "subtitles.srt", "utterances.csv", "words.csv"]
    with pytest.raises(SinkError, match="--force"):
        export(folder, ["rttm", "srt"], None, force=False)
    assert not (folder / "exports" / "speakers.rttm").exists(), "all or nothing"
    export(folder, ["rttm", "srt"], None, force=True)
    export(folder, ["srt"], tmp_path / "elsewhere", force=False)
    assert (tmp_path / "elsewhere" / "subtitles.srt").is_file()


def test_what_cannot_be_exported_is_said_with_what_to_do(folder, tmp_path):
    with pytest.raises(ConfigError, match="audacity"):
        export(folder, ["word"], None, force=False)
    with pytest.raises(SourceError, match="does not exist"):
        export(tmp_path / "nothing", ["csv"], None, force=False)
    (folder / "events.jsonl").write_text(encode(EVENTS[1], 1) + "\n")
    with pytest.raises(SourceError, match="beginning"):
        export(folder, ["csv"], None, force=False)


def test_a_run_that_was_cut_off_is_exported_as_far_as_it_goes(folder):
    path = folder / "events.jsonl"
    path.write_text(path.read_text()[:-20])
    assert [one.id for one in read_finished_run(folder).spoken][:2] == ["u1", "u2"]
