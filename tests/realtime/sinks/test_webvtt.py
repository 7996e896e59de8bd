from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import Transcript
from core.terminal_text import clean
from realtime.sinks.webvtt import WebVttSink, timestamp

TIME = r"(?:\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
CUE = re.compile(
    rf"(?P<id>[^\n]+)\n(?P<start>{TIME}) --> (?P<end>{TIME})\n"
    r"<v (?P<voice>[^>\n]*)><lang en>(?P<text>[^\n]*)</lang></v>\n"
)


def said(text="Hello there.", *, person="p1", utterance="u1", t0_s=1.0, t1_s=2.5, final=True):
    return Transcript(
        utterance=utterance, person=person, t0_s=t0_s, t1_s=t1_s, text=text, words=(), pending="",
        language="en", revision=0, final=final,
    )  # fmt: skip


def cues(folder):
    text = (folder / "transcript.vtt").read_bytes().decode("utf-8")
    head, *blocks = text.split("\n\n")
    assert head.strip() == "WEBVTT"
    matches = [CUE.fullmatch(block.rstrip("\n") + "\n") for block in blocks]
    assert all(matches), text
    return matches


def test_final_transcripts_become_cues_with_their_speaker_and_times(tmp_path):
    sink = WebVttSink(tmp_path)
    sink.write(said("Not yet", final=False), 0)
    sink.write(said(), 1)
    sink.write(said("Yes.", person="p2", utterance="u2", t0_s=3725.5, t1_s=3726.0), 2)
    sink.close()
    assert (tmp_path / "transcript.vtt").read_text(encoding="utf-8") == (
        "WEBVTT\n"
        "\nu1\n00:00:01.000 --> 00:00:02.500\n<v p1><lang en>Hello there.</lang></v>\n"
        "\nu2\n01:02:05.500 --> 01:02:06.000\n<v p2><lang en>Yes.</lang></v>\n"
    )


@pytest.mark.parametrize("language", ["", "<b>", "e n", "é"])
def test_what_is_no_code_of_a_language_becomes_no_tag(tmp_path, language):
    sink = WebVttSink(tmp_path)
    sink.write(replace(said(), language=language), 0)
    sink.close()
    assert "<v p1>Hello there.</v>" in (tmp_path / "transcript.vtt").read_text(encoding="utf-8")


def test_a_note_says_what_the_run_was_for_and_stays_when_cues_are_sorted(tmp_path, hello):
    sink = WebVttSink(tmp_path)
    sink.write(replace(hello, purpose="workplace", withheld={"audio": "x", "visual": "x"}), 0)
    for index, t0_s in enumerate([4.0, 1.0]):
        sink.write(said(utterance=f"u{index}", t0_s=t0_s, t1_s=t0_s + 1), index)
    sink.close()
    head, note, *rest = (tmp_path / "transcript.vtt").read_text(encoding="utf-8").split("\n\n")
    assert (head, note) == ("WEBVTT", "NOTE purpose: workplace; withheld: audio, visual")
    assert [cue.partition("\n")[0] for cue in rest] == ["u1", "u0"]


def test_the_file_is_valid_after_every_transcript_and_keeps_cues_in_the_order_of_their_starts(tmp_path):
    sink = WebVttSink(tmp_path)
    assert cues(tmp_path) == []
    for index, t0_s in enumerate([4.0, 9.0, 6.5, 1.0, 12.0]):
        sink.write(said(utterance=f"u{index}", t0_s=t0_s, t1_s=t0_s + 1), index)
        starts = [cue["start"] for cue in cues(tmp_path)]
        assert len(starts) == index + 1
        assert starts == sorted(starts)
    sink.close()


@given(
    text=st.text(min_size=1).filter(lambda text: clean(text).strip()),
    person=st.text(min_size=1).filter(lambda text: text.strip()),
    t0_s=st.floats(0, 1e5),
    length_s=st.floats(0, 60),
)
def test_whatever_is_said_stays_inside_its_cue(tmp_path_factory, text, person, t0_s, length_s):
    folder = tmp_path_factory.mktemp("vtt")
    sink = WebVttSink(folder)
    sink.write(said(text, person=person, t0_s=t0_s, t1_s=t0_s + length_s), 0)
    sink.close()
    (cue,) = cues(folder)
    assert cue["start"] < cue["end"]
    assert html.unescape(cue["text"]).split() == clean(text).split()


def test_words_cannot_steer_the_terminal_that_shows_the_file(tmp_path):
    sink = WebVttSink(tmp_path)
    sink.write(said("\x1b[2Jhello\x1b]0;x\x07 \x9bthere", person="\x1bc p1", utterance="u\x1b1"), 0)
    sink.write(said("\x1b\x07"), 1)
    sink.close()
    assert not any(ord(c) < 32 and c != "\n" for c in (tmp_path / "transcript.vtt").read_text())
    (cue,) = cues(tmp_path)
    assert cue["text"] == "[2Jhello]0;x there"


def test_markup_and_arrows_in_words_are_shown_as_words(tmp_path):
    sink = WebVttSink(tmp_path)
    sink.write(said("<b>1 --> 2</b>\n\nR&D"), 0)
    sink.close()
    assert cues(tmp_path)[0]["text"] == "&lt;b&gt;1 --&gt; 2&lt;/b&gt; R&amp;D"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "00:00:00.000"), (59_999, "00:00:59.999"), (60_000, "00:01:00.000"), (360_000_000, "100:00:00.000")],
)
def test_times_are_written_as_webvtt_wants_them(milliseconds, text):
    assert timestamp(milliseconds) == text
