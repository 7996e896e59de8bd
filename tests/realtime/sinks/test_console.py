"""The terminal view, drawn into a rich console that only remembers."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console

from core.events import (
    PROTOCOL_VERSION,
    EmotionEstimate,
    End,
    Event,
    Hello,
    ModelCard,
    Stages,
    Status,
    StreamInfo,
    Transcript,
    Utterance,
)
from core.labels import EMOTIONS, MODALITIES
from core.testing import FakeClock
from realtime.sinks import console_view
from realtime.sinks.console import ConsoleSink
from realtime.sinks.console_view import View, draw

HELLO = Hello(
    protocol=PROTOCOL_VERSION,
    version="0.1.0",
    started_at="2026-01-01T00:00:00Z",
    source="recording interview.mp4",
    labels=EMOTIONS,
    thresholds=dict.fromkeys(EMOTIONS, 0.5),
    hop_s=0.25,
    model=ModelCard("default", "0" * 64, "Apache-2.0", "A small model."),
    whisper="base",
    streams=(StreamInfo("audio", "audio"), StreamInfo("video", "video")),
)
END = End(12.0, "finished", utterances=1, estimates=9, finals=1)


def estimate(person: str = "person-1", *, t_s: float = 2.0, final: bool = False, **changes: object) -> Event:
    probabilities = dict(zip(EMOTIONS, (0.05, 0.1, 0.02, 0.82, 0.07, 0.55, 0.3), strict=True))
    event = EmotionEstimate(
        id="u1",
        person=person,
        utterance="u1",
        t0_s=0.0,
        t1_s=t_s,
        probabilities=probabilities,
        active=("happiness", "surprise"),
        peers={},
        attribution={},
        modalities=("text", "audio"),
        missing={"visual": "no face"},
        valence=None,
        arousal=None,
        confidence=0.74,
        abstained=False,
        revision=0,
        final=final,
        stages=Stages(t_s, None, None, None, t_s),
    )
    return replace(event, **changes)


def transcript(text: str, *, pending: str = "", final: bool = True, utterance: str = "u1") -> Transcript:
    return Transcript(utterance, "person-1", 1.0, 2.0, text, (), pending, "en", 0, final)


def run(events: list[Event], *, terminal: bool, width: int = 100, height: int = 40) -> str:
    """What the sink leaves behind for `events`, without the terminal's control codes."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=width, height=height, color_system=None)
    sink = ConsoleSink(console, page="http://127.0.0.1:8765/", monotonic=FakeClock())
    for seq, event in enumerate(events):
        sink.write(event, seq)
    sink.close()
    return output.getvalue()


def picture(view: View, width: int = 100, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, record=True)
    console.print(draw(view, "1.0x real time", None, console))
    return console.export_text()


def view_of(*events: Event) -> View:
    view = View()
    for event in events:
        view.take(event)
    return view


def test_each_person_has_seven_bars_with_their_probabilities() -> None:
    text = picture(view_of(HELLO, estimate("person-1"), estimate("person-2")))
    for label in EMOTIONS:
        assert text.count(label) == 2
    assert text.count("82%") == 2
    assert "person-1" in text
    assert "person-2" in text
    assert "sure" in text


def test_a_sign_is_seen_while_people_are_captured_and_what_for_is_always_said() -> None:
    live = replace(HELLO, capturing=True, purpose="workplace", withheld={"audio": "", "visual": ""})
    off = Status(3.0, "capture", "info", "nothing is captured any more", value="off")
    assert "● capturing" in picture(view_of(live))
    assert "purpose: workplace; withheld: audio, visual" in picture(view_of(live), width=200)
    for events in ((HELLO,), (live, off), (live, END)):
        assert "● capturing" not in picture(view_of(*events))


def test_present_labels_are_bold_and_the_others_are_not() -> None:
    console = Console(
        file=io.StringIO(), width=100, record=True, force_terminal=True, color_system="standard"
    )
    console.print(draw(view_of(HELLO, estimate()), "", None, console))
    styled = console.export_text(styles=True)
    assert "\x1b[1mhappiness" in styled
    assert "\x1b[1mfear" not in styled


def test_a_bar_grows_with_its_probability() -> None:
    lines = picture(view_of(HELLO, estimate())).splitlines()
    filled = {label: next(line for line in lines if label in line).count("█") for label in EMOTIONS}
    assert filled["happiness"] > filled["surprise"] > filled["neutral"] > filled["fear"]


def test_what_is_missing_is_told_apart_from_what_was_used() -> None:
    console = Console(
        file=io.StringIO(), width=100, record=True, force_terminal=True, color_system="standard"
    )
    console.print(draw(view_of(HELLO, estimate()), "", None, console))
    styled = console.export_text(styles=True)
    assert "\x1b[9;90mface" in styled
    assert re.search(r"\x1b\[3\dmwords", styled)


def test_an_abstaining_estimate_says_so_instead_of_naming_emotions() -> None:
    abstained = estimate(final=True, abstained=True)
    text = picture(view_of(HELLO, transcript("Hm."), abstained))
    assert "→ too little evidence" in text
    assert "→ happy" not in text


def test_a_transcript_line_carries_speaker_words_pending_words_and_final_emotions() -> None:
    view = view_of(HELLO, transcript("Don't forget", pending="a jacket", final=False))
    assert "00:01.0 person-1  [en] Don't forget a jacket" in picture(view)
    view.take(transcript("Don't forget a jacket."))
    view.take(estimate(final=True))
    assert "Don't forget a jacket.  → happy 82%, sure; surprised 55%, unsure" in picture(view)


def test_the_line_follows_a_speaker_who_is_recognised_later() -> None:
    view = view_of(HELLO, transcript("Hello."), Utterance("u1", "person-2", 1.0, 2.0, "pause", True))
    assert "person-2  [en] Hello." in picture(view)


@pytest.mark.parametrize("terminal", [True, False])
def test_words_are_never_taken_for_markup_or_control_codes(terminal: bool) -> None:
    said = "[bold]no[/bold] [/] \x1b[31mred\x07 [link=http://x]"
    text = run([HELLO, transcript(said), END], terminal=terminal)
    assert "[bold]no[/bold] [/] [31mred [link=http://x]" in text
    assert "\x1b[31m" not in text
    assert "\x07" not in text


def test_without_a_terminal_finals_warnings_and_the_end_are_plain_lines() -> None:
    words = "word " * 60 + "end."
    warning = Status(3.0, "gap", "warning", "The recording has a hole of 2.0 s.", stream="audio")
    quiet = Status(3.0, "person_appeared", "info", "A face appeared.", person="person-1")
    text = run(
        [HELLO, estimate(), transcript(words), estimate(final=True), warning, quiet, END], terminal=False
    )
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[6] == "recording interview.mp4: 12 s, finished"
    assert "Strongest moments" in lines
    assert lines[:5] == [
        "recording interview.mp4  purpose: personal  whisper base  default  http://127.0.0.1:8765/",
        f"00:01.0 person-1  [en] {words}",
        "00:00.0 person-1  → happy 82%, sure; surprised 55%, unsure  (words+voice)",
        "00:03.0 The recording has a hole of 2.0 s.",
        "finished at 00:12.0: 1 utterances, 9 estimates, 1 of them final",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_words_in_a_language_that_the_network_never_met_are_said_not_to_be_used(terminal: bool) -> None:
    reason = "language es: the words' network knows en"
    spanish = replace(transcript("Estoy muy contento."), language="es")
    verdict = replace(estimate(final=True), modalities=("audio",), missing={"text": reason})
    text = run([HELLO, spanish, verdict, END], terminal=terminal)
    assert "[es] Estoy muy contento." in text
    assert f"words not used: {reason}" in " ".join(text.split())


@pytest.mark.parametrize("terminal", [True, False])
def test_speech_without_words_has_a_reason(terminal: bool) -> None:
    rejected = replace(transcript(""), language="", rejected="the words are guesses")
    assert "(no words: the words are guesses)" in run([HELLO, rejected, END], terminal=terminal)


def test_the_end_tells_every_fault() -> None:
    faults = ("The file is cut off at 3.2 s.", "The picture cannot be decoded after 2.0 s.")
    for terminal in (True, False):
        text = run([HELLO, replace(END, reason="failed", faults=faults)], terminal=terminal)
        assert all(fault in text for fault in faults)


def test_drawing_is_limited_however_many_events_come() -> None:
    output = io.StringIO()
    clock = FakeClock()
    sink = ConsoleSink(Console(file=output, force_terminal=True, width=80, height=30), monotonic=clock)
    sink.write(HELLO, 0)
    once = len(output.getvalue())
    for seq in range(1, 100):
        sink.write(estimate(t_s=seq / 100), seq)
    assert len(output.getvalue()) == once
    clock.advance(0.2)
    sink.write(estimate(t_s=1.5), 100)
    assert len(output.getvalue()) > once
    sink.close()


def test_the_header_says_how_far_behind_the_run_is() -> None:
    output = io.StringIO()
    clock = FakeClock()
    console = Console(file=output, force_terminal=True, width=100, height=30, color_system=None)
    sink = ConsoleSink(console, pace=2.0, monotonic=clock)
    sink.write(HELLO, 0)
    clock.advance(2.0)
    sink.write(estimate(t_s=1.0), 1)
    sink.close()
    assert "1.5 s behind" in output.getvalue()


def test_an_output_that_nobody_reads_ends_the_sink_and_not_the_run() -> None:
    script = "\n".join(
        [
            "import sys",
            "from core.errors import SinkError",
            "from core.events import End",
            "from realtime.sinks.console import ConsoleSink",
            "sys.stdin.read()",
            "try:",
            "    ConsoleSink().write(End(1.0, 'finished', 1, 1, 1), 0)",
            "except SinkError as error:",
            "    print(error, file=sys.stderr)",
        ]
    )
    command = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, said = process.communicate("")
    assert said == "Nobody reads the terminal's lines any more.\n"
    assert process.returncode == 0


def test_closing_twice_or_before_the_first_event_is_harmless() -> None:
    output = io.StringIO()
    sink = ConsoleSink(Console(file=output, force_terminal=True, width=80, height=30))
    sink.close()
    sink.close()
    assert output.getvalue() == ""


def test_a_long_utterance_is_wrapped_so_that_its_emotions_are_seen() -> None:
    words = "word " * 60 + "end."
    text = picture(view_of(HELLO, transcript(words), estimate(final=True)), width=60, height=30)
    assert len(re.findall(r"\bword\b", text)) == 60
    assert "→ happy 82%, sure; surprised 55%, unsure" in " ".join(text.split())


def test_a_picture_is_never_higher_than_the_terminal() -> None:
    view = view_of(HELLO, *[estimate(f"person-{n}") for n in range(9)])
    for n in range(30):
        view.take(transcript("word " * 40, utterance=f"u{n}"))
    for height in (16, 20, 24, 40, 60):
        for width in (60, 80, 120):
            assert len(picture(view, width, height).splitlines()) < height


def test_who_left_makes_room_for_who_is_there() -> None:
    people = [estimate(f"person-{n}", t_s=float(n)) for n in range(1, 7)]
    gone = [Status(9.0, "person_left", "info", "left", person=f"person-{n}") for n in (1, 2, 3, 5)]
    text = picture(view_of(HELLO, *people, *gone), width=80, height=16)
    assert "person-4" in text
    assert "person-6" in text
    assert "person-1" not in text


def test_a_long_run_keeps_only_what_can_be_shown() -> None:
    view = view_of(HELLO)
    for n in range(1000):
        view.take(transcript("Yes.", utterance=f"u{n}"))
        view.take(estimate(f"person-{n}", utterance=f"u{n}", final=True))
        view.take(Status(1.0, "person_left", "info", "left", person=f"person-{n}"))
    assert len(view.speech) <= 200
    assert len(view.verdicts) <= 200
    assert len(view.people) <= 51


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 200), height=st.integers(2, 60), people=st.integers(0, 6), text=st.text(max_size=80)
)
def test_no_size_of_terminal_and_no_text_makes_it_fail_or_overflow(
    width: int, height: int, people: int, text: str
) -> None:
    events: list[Event] = [HELLO, transcript(text, pending=text)]
    events += [estimate(f"{text}{n}", modalities=MODALITIES) for n in range(people)]
    text_out = picture(view_of(*events), width, height)
    assert all(cell_len(line) <= width for line in text_out.splitlines())


def _luminance(colour: tuple[int, int, int]) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_can_be_read_on_white_and_on_black() -> None:
    """WCAG 2.2, 1.4.11: at least 3 to 1, for whatever is no plain text of the terminal's own colour."""
    for name in (*console_view.COLOURS.values(), console_view.GREY, console_view.RED):
        luminance = _luminance(Color.parse(name).get_truecolor())
        assert 1.05 / (luminance + 0.05) >= 3.0, name
        assert (luminance + 0.05) / 0.05 >= 3.0, name


def test_nothing_is_white_or_black_on_purpose_in_terminals_with_few_colours() -> None:
    console = Console(
        file=io.StringIO(), width=100, record=True, force_terminal=True, color_system="standard"
    )
    view = view_of(
        HELLO, estimate(), transcript("Hello.", pending="you"), Status(1.0, "gap", "info", "A gap.")
    )
    console.print(draw(view, "on time", None, console))
    styled = console.export_text(styles=True)
    codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", styled) for code in found.split(";")}
    assert not codes & {"30", "37", "97", "40", "47", "107"}


def test_a_run_as_fast_as_possible_says_how_much_is_done_and_what_is_left() -> None:
    output = io.StringIO()
    clock = FakeClock()
    console = Console(file=output, force_terminal=True, width=100, height=30, color_system=None)
    sink = ConsoleSink(console, duration_s=10.0, monotonic=clock)
    sink.write(HELLO, 0)
    clock.advance(2.0)
    sink.write(estimate(t_s=4.0), 1)
    sink.close()
    assert "40%, 3 s left, 2.0x real time" in output.getvalue()


def test_a_run_that_was_asked_to_end_says_so_in_its_header() -> None:
    output = io.StringIO()
    clock = FakeClock()
    console = Console(file=output, force_terminal=True, width=100, height=30, color_system=None)
    sink = ConsoleSink(console, pace=1.0, ending=lambda: True, monotonic=clock)
    sink.write(HELLO, 0)
    sink.close()
    assert "ending ..." in output.getvalue()


def test_the_summary_comes_last_with_what_to_do_next() -> None:
    spoken = Utterance("u1", "p1", 0.0, 2.0, "pause", True)
    for terminal in (True, False):
        text = run([HELLO, spoken, transcript("Hello."), estimate("p1", final=True), END], terminal=terminal)
        assert "Person 1: 2 s, 100% of all speech, 1 utterance" in text
        assert "happy 82%, sure: “Hello.”" in text
        assert text.rstrip().endswith("shows it.")
