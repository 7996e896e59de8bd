"""A run's events as one value that a report can be written from, read once, in bounded memory per person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.errors import SourceError
from core.events import (
    PROTOCOL_VERSION,
    Correction,
    EmotionEstimate,
    End,
    Event,
    Hello,
    Marker,
    Status,
    Transcript,
    Utterance,
)
from realtime.report.delays import Delays
from realtime.report.lines import Lines, find_events
from realtime.report.person import Person
from realtime.sinks.files import printable
from realtime.summary.gathering import Gathering


@dataclass
class Speech:
    """One utterance, as far as it is known.

    Attributes:
        id: of the utterance.
        person: who spoke, as last said.
        t0_s, t1_s: extent.
        text: the words.
        pending: words at the end that may have changed; "" once the transcript is final.
        verdict: the final estimate; None while there is none.
        missing: modality -> why the final estimate does not rest on it.
        corrections: what those who watched said of it.
    """

    id: str
    person: str
    t0_s: float
    t1_s: float
    text: str = ""
    pending: str = ""
    verdict: Verdict | None = None
    missing: dict[str, str] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)

    def take(self, event: Utterance | Transcript | EmotionEstimate) -> None:
        """Take in what is newly known."""
        self.person = event.person
        match event:
            case Utterance():
                self.t0_s, self.t1_s = event.t0_s, event.t1_s
            case Transcript():
                self.text, self.pending = event.text, "" if event.final else event.pending
            case EmotionEstimate():
                present = () if event.abstained else event.active
                probabilities = tuple((label, event.probabilities.get(label)) for label in present)
                self.verdict = Verdict(probabilities, event.confidence, event.abstained)
                self.missing = event.missing


@dataclass(frozen=True)
class Verdict:
    """The final estimate of an utterance.

    Attributes:
        labels: labels present with their probabilities, most probable first; empty when it abstained.
        confidence: in [0, 1].
        abstained: the evidence was too thin.
    """

    labels: tuple[tuple[str, float | None], ...]
    confidence: float
    abstained: bool


MAX_STATUSES: Final = 500
"""Of each code; more are counted only."""


@dataclass
class Report:
    """What is known of a run.

    Attributes:
        run: name of its folder.
        hello: its first message.
        end: its last; None when it was not ended in order.
        end_s: the newest time that is known, seconds.
        people: name -> person, in the order in which they appear.
        speech: id -> utterance, in the order in which they appear.
        statuses: what was said of the run itself, in order.
        status_counts: code -> how often it was said.
        marks: moments that were marked.
        corrections: what was called wrong.
        delays: how long estimates took.
        notes: what is special about the file: cut off, damaged, of another version; sentences.
        gathering: what the summary is made of.
    """

    run: str
    hello: Hello
    end: End | None = None
    end_s: float = 0.0
    people: dict[str, Person] = field(default_factory=dict)
    speech: dict[str, Speech] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    status_counts: Counter[str] = field(default_factory=Counter)
    marks: list[Marker] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    delays: Delays = field(default_factory=Delays)
    notes: list[str] = field(default_factory=list)
    gathering: Gathering = field(default_factory=Gathering)

    def __post_init__(self) -> None:
        self.gathering.add(self.hello)

    @property
    def spoken_s(self) -> dict[str, float]:
        """Name -> how long somebody was heard to speak, seconds."""
        found: dict[str, float] = {}
        for speech in self.speech.values():
            found[speech.person] = found.get(speech.person, 0.0) + max(0.0, speech.t1_s - speech.t0_s)
        return found

    def by_importance(self) -> list[Person]:
        """Who speaks, the longest first; then who is only seen."""
        spoken_s = self.spoken_s
        return sorted(
            self.people.values(),
            key=lambda p: (-spoken_s.get(p.name, 0.0), -p.rolling.total, -p.finals.count),
        )

    def tell(self, event: Event, lacking: frozenset[str] = frozenset()) -> None:
        """Take in one event after the first; `lacking` are fields that an older run did not write."""
        self.gathering.add(event)
        match event:
            case EmotionEstimate():
                self._estimate(event, lacking)
            case Utterance():
                self._spoken(event.id, event)
            case Transcript():
                self._spoken(event.utterance, event)
            case Status():
                self.status_counts[event.code] += 1
                if self.status_counts[event.code] <= MAX_STATUSES:
                    self.statuses.append(event)
                self._known_until(event.t_s)
            case Marker():
                self.marks.append(event)
                self._known_until(event.t_s)
            case Correction():
                self.corrections.append(event)
                if event.estimate in self.speech:
                    self.speech[event.estimate].corrections.append(event)
                self._known_until(event.t_s)
            case End():
                self.end = event
                self._known_until(event.t_s)

    def person(self, name: str) -> Person:
        """The person of that name, new or known."""
        if name not in self.people:
            self.people[name] = Person(name, self.hello)
        return self.people[name]

    def _estimate(self, event: EmotionEstimate, lacking: frozenset[str]) -> None:
        self.person(event.person).add(event, lacking)
        if "stages" not in lacking:
            self.delays.add(event)
        if event.final and event.utterance is not None:
            self._spoken(event.utterance, event)
        self._known_until(event.t1_s)

    def _spoken(self, utterance: str, event: Utterance | Transcript | EmotionEstimate) -> None:
        if utterance not in self.speech:
            self.speech[utterance] = Speech(utterance, event.person, event.t0_s, event.t1_s)
        self.speech[utterance].take(event)
        self._known_until(event.t1_s)

    def _known_until(self, t_s: float) -> None:
        self.end_s = max(self.end_s, t_s)


def read_run(folder: Path) -> Report:
    """Read the run in a folder.

    Raises:
        SourceError: there is no such folder, it holds no run or an empty one, or one of a newer version.
    """
    path = find_events(folder)
    lines = Lines(path)
    events = iter(lines)
    first = next(events, None)
    if first is None:
        what = "holds no event that is whole" if lines.cut_off or lines.damaged else "is empty"
        raise SourceError(f"{what}: the run never began.", where=str(path))
    if not isinstance(first[0], Hello):
        raise SourceError(
            "does not begin with the first message of a run (hello).",
            where=str(path),
            fix="Name a folder that was written with --out, and leave its files as they are.",
        )
    report = Report(printable(folder.resolve().name), first[0])
    told(report, events)
    report.notes = [*_notes(lines, report), *report.notes]
    return report


def told(report: Report, events: Iterable[tuple[Event, frozenset[str]]]) -> Report:
    """The report, with more events taken in."""
    for event, lacking in events:
        if isinstance(event, Hello):
            report.notes.append("The file holds the beginning of another run; it is told as one.")
        else:
            report.tell(event, lacking)
    return report


def _notes(lines: Lines, report: Report) -> Iterable[str]:
    if lines.cut_off:
        yield "The last line of the file is cut off; the report goes as far as the last whole event."
    if report.end is None:
        yield "The run was not ended in order, or still goes on: its last message is missing."
    if lines.damaged:
        yield f"Left out: {_some(lines.damaged, 'line')} of the file that could not be read."
    if report.hello.protocol != PROTOCOL_VERSION or lines.unknown:
        yield (
            f"The run speaks version {report.hello.protocol} of the protocol, this report is of "
            f"{PROTOCOL_VERSION}. Messages of kinds that are unknown here and were left out: {lines.unknown}."
        )
    if lines.lacking:
        yield f"The run is of an older emotrack, which did not write: {', '.join(sorted(lines.lacking))}."


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"
