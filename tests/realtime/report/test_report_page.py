"""The page: complete, escaped, needing nothing else; and the figures and the picture beside it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emotrack
from core.events import EmotionEstimate, End, Marker, Stages, Status, Transcript, Utterance
from core.labels import EMOTIONS, MODALITIES
from realtime.report.figures import figures
from realtime.report.markup import node, shown, written
from realtime.report.page import MAX_PEOPLE, page, shown_people, stylesheet
from realtime.report.picture import png
from realtime.report.reading import Report, told
from realtime.report.rows import ROW_PX
from realtime.report.signs import SIGNS
from realtime.report.timeline import LANE_PX
from realtime.summary.summary import NEXT, summarise
from tests.conftest import _hello as first
from tests.realtime.report.long_run import long_run
from tests.realtime.report.test_report_reading import written as run_folder

ROOT = Path(__file__).resolve().parents[3]
VOID = {"meta", "br"}


class Read(HTMLParser):
    """The elements of a page, their attributes, and the text of those of a class."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open, self.text = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("class", "") or ""))
        if dict(attrs).get("class") == "words":
            self.words.append("")

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "style":
            return
        self.text.append(data)
        if self.open and self.open[-1] == ("p", "words"):
            self.words[-1] += data


def report_of(events, hello=None):
    return told(Report("run", hello or first()), ((event, frozenset()) for event in events))


# --- any run -----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["p1", "p2", "me", "<b>p3</b>", 'p"4', "unknown"])
TIMES = st.floats(0, 5000, allow_nan=False).map(lambda t_s: round(t_s, 3))
MAYBE = st.none() | TIMES
LABELS = st.lists(st.sampled_from([*EMOTIONS, "of another checkpoint"]), unique=True, max_size=7).map(tuple)
SHARES = st.floats(0, 1)
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", "]]></style>", "&amp;", "$x^2$", "\u202e"]
)


@st.composite
def estimates(draw, *, final):
    person, t_s = draw(NAMES), draw(TIMES)
    used = draw(st.lists(st.sampled_from(MODALITIES), unique=True))
    utterance = f"u{draw(st.integers(1, 5))}" if final or draw(st.booleans()) else None
    return EmotionEstimate(
        id=utterance or f"{person}/1", person=person, utterance=utterance, t0_s=0.0, t1_s=t_s,
        probabilities={label: draw(SHARES) for label in EMOTIONS}, active=draw(LABELS),
        peers={modality: {"anger": draw(SHARES)} for modality in used}, attribution={},
        modalities=tuple(used), missing={m: draw(TEXTS) for m in MODALITIES if m not in used},
        valence=None, arousal=None, confidence=draw(SHARES), abstained=draw(st.booleans()), revision=0,
        final=final, stages=Stages(t_s, draw(MAYBE), None, None, t_s + 0.1, draw(MAYBE)),
    )  # fmt: skip


SPEECH = st.builds(
    Transcript, st.integers(1, 5).map(lambda n: f"u{n}"), NAMES, TIMES, TIMES, TEXTS, st.just(()),
    st.just(""), st.just("en"), st.integers(0, 3), st.booleans(),
)  # fmt: skip
EVENTS = st.lists(
    estimates(final=False)
    | estimates(final=True)
    | SPEECH
    | st.builds(
        Utterance, st.integers(1, 5).map(lambda n: f"u{n}"), NAMES, TIMES, TIMES, st.none(), st.booleans()
    )
    | st.builds(Status, TIMES, st.sampled_from(["gap", "load_step", "clock"]), st.just("warning"), TEXTS)
    | st.builds(Marker, TIMES, TEXTS),
    max_size=25,
)


@settings(max_examples=50, deadline=None)
@given(EVENTS, TEXTS)
def test_whatever_a_run_says_shares_sum_to_one_and_all_words_are_there_once(events, source):
    report = report_of(events, replace(first(), source=source))
    for person in figures(report)["people"].values():
        for shares in (person["rolling"], person["finals"]):
            whole = sum(shares["divided"].values()) + shares["no_label"] + shares["not_enough_evidence"]
            assert whole == pytest.approx(1.0 if shares["count"] else 0.0, abs=1e-3)
            assert all(0 <= share <= 1 for share in shares["present"].values())
    text = page(report)
    text.encode("utf-8")
    read = Read(text)
    last = {event.utterance: event.text for event in events if isinstance(event, Transcript)}
    spoken = [shown(last.get(name, "")) for name in report.speech]
    assert sorted(read.words) == sorted(spoken)
    assert not {"script", "b3", "img", "iframe", "link", "a", "object"} & set(read.tags)
    assert read.tags.count("style") == 1


def test_words_and_names_are_text_and_never_markup(conversation):
    bad = '<img src=x onerror="alert(1)"> & </style><script>'
    strange = [
        replace(e, **{name: bad for name in ("person", "text", "label", "message") if hasattr(e, name)})
        for e in conversation[1:]
    ]
    text = page(report_of(strange, replace(conversation[0], source=bad)))
    assert bad not in text
    read = Read(text)
    assert "img" not in read.tags
    assert "script" not in read.tags
    assert "".join(read.text).count(bad) > 5


# --- nothing else is needed --------------------------------------------------------------------------


def test_the_page_refers_to_nothing_outside_of_itself(conversation):
    text = page(report_of(conversation[1:]))
    read = Read(text)
    references = [value for name, value in read.attributes if name in {"href", "src", "xlink:href", "action"}]
    assert references
    identifiers = {value for name, value in read.attributes if name == "id"}
    assert {value.removeprefix("#") for value in references} <= identifiers
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#hatch", "#dots"}
    assert not re.search(r"https?:|//\w+\.|@import|javascript:|\son\w+=", text)
    assert not [name for name, _ in read.attributes if name == "style"]


def test_the_policy_allows_the_page_s_own_style_and_nothing_else(conversation):
    text = page(report_of(conversation[1:]))
    digest = base64.b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert 'http-equiv="Content-Security-Policy"' in text
    assert policy in [value for name, value in Read(text).attributes if name == "content"]
    assert f"<style>{stylesheet()}</style>" in text


def test_the_purpose_the_checkpoint_and_what_an_estimate_is_are_always_said(conversation):
    text = "".join(Read(page(report_of(conversation[1:]))).text)
    for said in (
        "personal",
        "1 January 2025, 12:00 UTC",
        "is a guess",
        "not what somebody feels",
        "research use only",
    ):
        assert said in text
    assert "Fault: audio was damaged at 7 s." in text
    assert "called wrong; right would be: happiness" in text


def test_at_work_the_report_says_what_is_withheld_and_why(conversation):
    why = "No emotion is inferred from voices or faces at the workplace."
    hello = replace(conversation[0], purpose="workplace", withheld={"audio": why, "visual": why})
    text = "".join(Read(page(report_of(conversation[1:], hello))).text)
    assert f"Withheld for the purpose workplace: audio and visual. {why}" in text
    assert "a guess at what words express" in text


def test_marks_and_labels_look_as_on_the_dashboard():
    script = (ROOT / "realtime/web/labels.js").read_text(encoding="utf-8")
    circle = re.search(r'CIRCLE = "([^"]+)"', script)[1]
    found = re.findall(r'(\w+): \["(\w+)", ["`]([^"`]+)["`]\]', script)
    told_there = {label: (hue, path.replace("${CIRCLE}", circle)) for label, hue, path in found}
    assert told_there == {label: look for label, look in SIGNS.items() if label != "happiness"}
    style = (ROOT / "realtime/web/style.css").read_text(encoding="utf-8")
    for hue, _ in SIGNS.values():
        assert re.findall(rf"--{hue}: (#\w+)", stylesheet()) == re.findall(rf"--{hue}: (#\w+)", style)


def test_the_names_beside_a_timeline_are_as_tall_as_its_lanes():
    assert f".names .lane {{ height: {LANE_PX}px" in stylesheet()
    assert f".names .row {{ height: {ROW_PX}px" in stylesheet()


def test_an_element_takes_text_between_children():
    assert written(node("p", "a < b", node("b", "c"), "& d", None, title='"')) == (
        '<p title="&quot;">a &lt; b<b>c</b>&amp; d</p>'
    )


# --- long, large, empty ------------------------------------------------------------------------------


def test_two_hours_of_four_people_are_a_small_page():
    report = report_of(long_run(7200.0, 4, hop_s=1.0), replace(first(), hop_s=1.0))
    assert sum(person.rolling.count for person in report.people.values()) == 4 * 7200
    text = page(report)
    assert len(text) < 5_000_000
    assert text.count("word17") == 900
    longest = max(len(path) for name, path in Read(text).attributes if name == "d")
    assert longest < 30_000


def test_more_people_than_have_room_get_a_line_each(conversation):
    rolling = [e for e in conversation if isinstance(e, EmotionEstimate) and not e.final]
    crowd = [
        replace(e, person=f"p{number}") for number in range(MAX_PEOPLE + 3) for e in rolling[: 40 - number]
    ]
    report = report_of(crowd)
    shown_, others = shown_people(report)
    assert (len(shown_), len(others)) == (MAX_PEOPLE, 3)
    read = Read(page(report))
    assert read.attributes.count(("class", "timeline")) == MAX_PEOPLE
    assert "Further people, seen or heard for less time (3)" in read.text


def test_a_run_in_which_nothing_happened_gives_a_report(hello):
    report = report_of([End(1.0, "finished", 0, 0, 0)], hello)
    read = Read(page(report))
    assert "Of nobody was anything estimated." in read.text
    assert "Nobody was heard to speak." in read.text
    assert png(report, []).startswith(b"\x89PNG")


# --- the picture and the command ---------------------------------------------------------------------


def test_the_picture_is_one_page_that_holds_no_words(conversation):
    report = report_of(conversation[1:], conversation[0])
    drawn = png(report, shown_people(report)[0])
    image = matplotlib.image.imread(io.BytesIO(drawn), format="png")
    assert 1200 < image.shape[1] < 1400
    assert image.shape[0] < image.shape[1]
    silent = [replace(e, text="") if isinstance(e, Transcript) else e for e in conversation]
    without = report_of(silent[1:], silent[0])
    assert png(without, shown_people(without)[0]) == drawn


def test_strange_names_do_not_stop_the_drawing(conversation):
    strange = [
        replace(e, person="$\\frac{1}{0$ 你好") if hasattr(e, "person") else e for e in conversation[1:]
    ]
    report = report_of(strange, replace(conversation[0], source="$\\bad{$"))
    assert png(report, shown_people(report)[0])


def test_the_command_writes_both_beside_the_run_and_says_where(tmp_path, conversation, capsys):
    run_folder(tmp_path / "run", conversation)
    assert emotrack.main(["report", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "run" / name) for name in ("report.html", "report.png")
    ]
    assert (tmp_path / "run/report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "run/report.png").read_bytes().startswith(b"\x89PNG")


def test_figures_are_one_line_without_words(tmp_path, conversation, capsys):
    run_folder(tmp_path / "run", conversation)
    assert emotrack.main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--json"]) == 0
    out = capsys.readouterr().out
    found = json.loads(out)
    assert out.count("\n") == 1
    assert "tonight" not in out
    assert (found["purpose"], found["end_s"], found["utterances"]) == ("personal", 12.0, 3)
    assert found["delays"]["last_sound_to_final"] == {"count": 3, "p50_s": 0.05, "p95_s": 0.05}
    assert found["people"]["p2"]["missing"]["text"]["no words"]["stretches"] == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.png"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["events.jsonl"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, conversation, capsys):
    run_folder(tmp_path / "run", conversation)
    (tmp_path / "taken").write_text("a file")
    assert emotrack.main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "taken")]) == 9
    assert "cannot be written" in capsys.readouterr().err
    assert emotrack.main(["report", str(tmp_path / "nowhere")]) == 4
    assert "does not exist" in capsys.readouterr().err


def test_who_speaks_is_never_left_out_however_many_are_seen(conversation):
    rolling = [e for e in conversation if isinstance(e, EmotionEstimate) and not e.final]
    seen = [replace(e, person=f"p{n + 10}", utterance=None) for n in range(MAX_PEOPLE + 3) for e in rolling]
    spoken = Utterance("x1", "p99", 1.0, 3.0, "pause", True)
    final = next(e for e in conversation if isinstance(e, EmotionEstimate) and e.final)
    report = report_of([*seen, spoken, replace(final, id="x1", utterance="x1", person="p99")])
    shown_, others = shown_people(report)
    assert "p99" in [person.name for person in shown_]
    assert report.by_importance()[0].name == "p99"
    assert len(others) == 4


def test_the_page_begins_with_the_summary_and_ends_with_figures_and_delays(conversation):
    report = report_of(conversation[1:])
    text = Read(page(report)).text
    told = [
        line for part in summarise(report.gathering).sections if part.title != NEXT for line in part.lines
    ]
    assert all(line in text for line in told)
    places = [
        text.index(title) for title in ("Summary", "Over time", "What was said", "In figures", "Delays")
    ]
    assert places == sorted(places)
