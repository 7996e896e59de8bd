"""The terminal view as a picture of a run's state: events in, something that rich can draw out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from core.events import (
    EmotionEstimate,
    End,
    Event,
    Hello,
    Status,
    Transcript,
    Utterance,
)
from core.labels import EMOTIONS, MODALITIES
from core.terminal_text import clean
from realtime.sinks.base import purpose_text
from realtime.sinks.pace_lag import event_time_s
from realtime.summary.gathering import certainty
from realtime.summary.wording import MODALITY_NAMES, adjective, percent, spoken_name, sureness

ORANGE, GREEN, PURPLE, OCHRE, BLUE, TEAL, GREY = (
    "color(166)", "color(29)", "color(132)", "color(136)", "color(32)", "color(31)", "color(242)",
)  # fmt: skip
"""Of the 256 that terminals share: each can be read on white and on black alike."""
RED = "color(160)"
COLOURS = dict(zip(EMOTIONS, (ORANGE, GREEN, PURPLE, OCHRE, BLUE, TEAL, GREY), strict=True))
PANEL_WIDTH = 40
PANEL_HEIGHT = 10
STATUS_LINES = 3


@dataclass
class View:
    """What has been heard of a run so far, as much of it as the picture needs.

    Attributes:
        hello, end: first and last message.
        now_s: the newest stream time.
        people: person -> newest estimate, in the order of their first.
        left: who is not there any more.
        speech: utterance -> newest transcript, in the order of their starts, the latest ones.
        speakers: utterance -> person, as last said.
        verdicts: utterance -> final estimate.
        statuses: the latest.
        capturing: people are heard or seen at this moment.
    """

    hello: Hello | None = None
    end: End | None = None
    now_s: float = 0.0
    people: dict[str, EmotionEstimate] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    speech: dict[str, Transcript] = field(default_factory=dict)
    speakers: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, EmotionEstimate] = field(default_factory=dict)
    statuses: deque[Status] = field(default_factory=lambda: deque(maxlen=STATUS_LINES))

    capturing: bool = False

    def take(self, event: Event) -> None:
        """Take one event in."""
        self.now_s = max(self.now_s, event_time_s(event))
        match event:
            case Hello():
                self.hello, self.capturing = event, event.capturing
            case End():
                self.end, self.capturing = event, False
            case Transcript():
                self.speech[event.utterance] = event
                self.speakers[event.utterance] = event.person
            case Utterance():
                self.speakers[event.id] = event.person
            case EmotionEstimate():
                self._estimate(event)
            case Status():
                self._status(event)
        self._forget()

    def _estimate(self, event: EmotionEstimate) -> None:
        self.people[event.person] = event
        self.left.discard(event.person)
        if event.final and event.utterance is not None:
            self.verdicts[event.utterance] = event

    def _status(self, event: Status) -> None:
        self.capturing = self.capturing and not (event.code == "capture" and event.value == "off")
        if event.person is not None and event.code == "person_left":
            self.left.add(event.person)
        elif event.person is not None and event.code == "person_appeared":
            self.left.discard(event.person)
        else:
            self.statuses.append(event)

    def _forget(self) -> None:
        # A run of hours must not grow: only what could still be shown is kept.
        for kept in (self.speech, self.speakers, self.verdicts):
            while len(kept) > 200:
                kept.pop(next(iter(kept)))
        if len(self.left) > 50:
            gone = next(person for person in self.people if person in self.left)
            self.people.pop(gone)
            self.left.discard(gone)


def draw(view: View, speed: str, page: str | None, console: Console) -> RenderableType:
    """The whole picture, made to fit.

    Args:
        view: the run.
        speed: how fast it goes, in words.
        page: address of the web page, if there is one.
        console: where it is meant for; its size counts.
    """
    # The last line stays free: a cursor there would scroll the terminal with every picture.
    width, height = console.size.width, console.size.height - 1
    per_row = max(1, width // PANEL_WIDTH)
    statuses = [status_line(status) for status in view.statuses] if height >= 16 else []
    room = height - 1 - len(statuses) - 4
    rows = max(1, min(-(-len(view.people) // per_row), room // PANEL_HEIGHT))
    shown = _most_present(view, per_row * rows)
    panels = [_panel(view, view.people[person], width // per_row) for person in shown]
    lines = height - 1 - len(statuses) - PANEL_HEIGHT * -(-len(panels) // per_row)
    return Group(
        _header(view, speed, page),
        _grid(panels, per_row),
        *_transcript(view, max(0, lines), console),
        *statuses,
    )


def clock(t_s: float) -> str:
    """Stream time as minutes and seconds."""
    return f"{int(t_s // 60):02}:{t_s % 60:04.1f}"


def status_line(status: Status) -> Text:
    """One status in one line."""
    style = {"info": GREY, "warning": f"bold {OCHRE}", "error": f"bold {RED}"}[status.level]
    return _line(f"{clock(status.t_s)} {clean(status.message)}", style)


def transcript_line(view: View, utterance: str) -> Text:
    """One utterance: when, who, the words, and what it expressed once that is final."""
    said = view.speech[utterance]
    line = _line(f"{clock(said.t0_s)} ", GREY)
    line.append(f"{name_of(view.speakers.get(utterance, said.person))}  ", "bold")
    verdict = view.verdicts.get(utterance)
    if said.language:
        line.append(f"[{clean(said.language)}] ", GREY)
    line.append(clean(said.text))
    if said.pending:
        line.append(f" {clean(said.pending)}", f"{GREY} italic")
    if said.final and said.rejected:
        line.append(f"(no words: {clean(said.rejected)})", GREY)
    if verdict is not None:
        reason = words_not_used(view, verdict)
        if reason:
            line.append(f"  ({reason})", OCHRE)
        line.append(f"  → {summary(verdict)}", f"bold {BLUE}")
    return line


def summary(estimate: EmotionEstimate) -> str:
    """What is present and how sure that is, most probable first; the likeliest where nothing is."""
    if estimate.abstained:
        return "too little evidence"
    found = [_word(estimate, label) for label in estimate.active]
    if found or not estimate.probabilities:
        return "; ".join(found) or "nothing"
    label = max(estimate.probabilities, key=lambda each: estimate.probabilities[each])
    return f"no clear emotion (closest: {_word(estimate, label)})"


def words_not_used(view: View, verdict: EmotionEstimate) -> str:
    """Why a final estimate does not rest on its utterance's words; "" where it does or there are none."""
    said = view.speech.get(verdict.utterance or "")
    reason = verdict.missing.get("text")
    return f"words not used: {clean(reason)}" if reason and said is not None and said.text else ""


def name_of(person: str) -> str:
    """What somebody is called, fit for a terminal."""
    return clean(spoken_name(person))


def _word(estimate: EmotionEstimate, label: str) -> str:
    value = estimate.probabilities.get(label, 0.0)
    return f"{clean(adjective(label))} {percent(value)}, {sureness(certainty(estimate, label))}"


def _header(view: View, speed: str, page: str | None) -> Text:
    """The most useful first: a narrow terminal cuts the end off."""
    hello, end = view.hello, view.end
    parts = [("● capturing", f"bold {RED}")] if view.capturing else []
    parts += [("emotrack", "bold"), (clean(hello.source), "") if hello else ("", "")]
    parts += [(clock(view.now_s), ""), (speed, "")]
    if end is not None:
        parts.append((end.reason, f"bold {GREEN if end.reason == 'finished' else RED}"))
    parts.append((page or "", "underline"))
    if hello is not None:
        parts.append((purpose_text(hello), f"bold {OCHRE}" if hello.withheld else GREY))
        parts += [(f"whisper {clean(hello.whisper)}", GREY), (clean(hello.model.name), GREY)]
    line = _line("")
    for text, style in parts:
        if text:
            line.append(text, style).append("  ")
    return line


def _most_present(view: View, count: int) -> list[str]:
    """At most `count` people: who is there before who left, the latest heard of first; in a steady order."""
    order = list(view.people)
    ranked = sorted(order, key=lambda person: (person in view.left, -view.people[person].stages.fused_s))
    kept = set(ranked[:count])
    return [person for person in order if person in kept]


def _grid(panels: list[Panel], per_row: int) -> Table:
    grid = Table.grid(expand=False)
    for start in range(0, len(panels), per_row):
        grid.add_row(*panels[start : start + per_row])
    return grid


def _panel(view: View, estimate: EmotionEstimate, width: int) -> Panel:
    gone = estimate.person in view.left
    thresholds = view.hello.thresholds if view.hello is not None else {}
    space = max(1, min(width, PANEL_WIDTH + 12) - 4)
    bars = [
        _bar(label, probability, thresholds.get(label), _strength(label, estimate), space)
        for label, probability in estimate.probabilities.items()
    ]
    return Panel(
        Group(*bars, _evidence(estimate)),
        title=Text(name_of(estimate.person) + (" (left)" if gone else ""), overflow="ellipsis"),
        width=space + 4,
        style=GREY if gone else "",
        border_style=GREY if gone or estimate.utterance is None else f"bold {BLUE}",
    )


def _strength(label: str, estimate: EmotionEstimate) -> Literal["present", "absent", "unsure"]:
    if estimate.abstained:
        return "unsure"
    return "present" if label in estimate.active else "absent"


def _bar(
    label: str,
    probability: float,
    threshold: float | None,
    strength: Literal["present", "absent", "unsure"],
    space: int,
) -> Text:
    """One label's probability: a bar with a mark at the threshold, where there is room for it."""
    width = max(0, space - 15)
    filled = round(min(1.0, max(0.0, probability)) * width)
    colour = COLOURS.get(label, "default")
    text = {"present": "bold", "absent": "", "unsure": GREY}[strength]
    line = _line(f"{clean(label):9.9} ", text)
    bar = {"present": f"bold {colour}", "absent": colour, "unsure": GREY}[strength]
    line.append("█" * filled, bar)
    rest = [" "] * (width - filled)
    mark = None if threshold is None else int(threshold * width) - filled
    if mark is not None and 0 <= mark < len(rest):
        rest[mark] = "┊"
    line.append("".join(rest), GREY)
    line.append(f" {percent(probability):>4}", text)
    return line


def _evidence(estimate: EmotionEstimate) -> Text:
    line = _line("")
    for modality in MODALITIES:
        present = modality in estimate.modalities
        name = MODALITY_NAMES[modality]
        line.append(name, GREEN if present else f"{GREY} strike").append(" ")
    said = "too little evidence" if estimate.abstained else sureness(estimate.confidence)
    line.append(f" {said}", OCHRE if estimate.abstained else "bold")
    return line


def _transcript(view: View, count: int, console: Console) -> list[Text]:
    """The latest `count` lines, oldest first; an utterance that does not fit as a whole shows its end."""
    lines: list[Text] = []
    for utterance in reversed(view.speech):
        if len(lines) >= count:
            break
        whole = transcript_line(view, utterance)
        whole.no_wrap = False
        lines = [*whole.wrap(console, console.size.width, overflow="fold"), *lines]
    return lines[len(lines) - count :] if len(lines) > count else lines


def _line(text: str, style: str = "") -> Text:
    """A line that is cut at the edge. Never parsed as markup: what people say may hold brackets."""
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(text, style)
    return line
