"""A finished run as values: what each format is made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import SourceError
from core.events import EmotionEstimate, Event, Hello, Marker, Relabel, Transcript, TranscriptWord, Utterance
from realtime.report.lines import Lines, find_events


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance.

    Attributes:
        id, person: as in the events; who turned out to be somebody else is that one.
        t0_s, t1_s: extent in seconds.
        text, words, language: what was said, as far as it was recognised.
        estimate: what it expresses; None when the run ended before that was known.
    """

    id: str
    person: str
    t0_s: float
    t1_s: float
    text: str = ""
    words: tuple[TranscriptWord, ...] = ()
    language: str = ""
    estimate: EmotionEstimate | None = None

    @property
    def label(self) -> str:
        """The label that is expressed most; "" where none counts as present."""
        found = self.estimate
        if found is None or found.abstained or not found.active:
            return ""
        return max(found.active, key=lambda label: found.probabilities[label])


@dataclass(slots=True)
class FinishedRun:
    """All that exports need of a run.

    Attributes:
        name: of its folder.
        hello: its first message.
        spoken: utterances in the order of their starts.
        estimates: all estimates, rolling and final, in the order in which they came.
        marks: moments that somebody marked.
    """

    name: str
    hello: Hello
    spoken: list[Spoken] = field(default_factory=list)
    estimates: list[EmotionEstimate] = field(default_factory=list)
    marks: list[Marker] = field(default_factory=list)

    @property
    def persons(self) -> list[str]:
        """Everybody, in the order in which they appear."""
        return list(dict.fromkeys([*(s.person for s in self.spoken), *(e.person for e in self.estimates)]))


def read_finished_run(folder: Path) -> FinishedRun:
    """Read a run folder; a run that was cut off is read as far as it goes.

    Raises:
        SourceError: it holds no run, or one of a newer version.
    """
    path = find_events(folder)
    events = [event for event, _ in Lines(path)]
    if not events or not isinstance(events[0], Hello):
        raise SourceError(
            "holds no run from its beginning.",
            where=str(path),
            fix="Name a folder that was written with --out.",
        )
    run = FinishedRun(folder.resolve().name, events[0])
    spoken: dict[str, Spoken] = {}
    renamed: dict[str, str] = {}
    for event in events[1:]:
        _take(run, spoken, renamed, event)
    run.spoken = sorted(spoken.values(), key=lambda one: (one.t0_s, one.t1_s, one.id))
    run.spoken = [replace(one, person=_now(renamed, one.person)) for one in run.spoken]
    run.estimates = [replace(one, person=_now(renamed, one.person)) for one in run.estimates]
    return run


def _take(run: FinishedRun, spoken: dict[str, Spoken], renamed: dict[str, str], event: Event) -> None:
    match event:
        case Utterance(final=True):
            known = spoken.get(event.id, Spoken(event.id, event.person, event.t0_s, event.t1_s))
            spoken[event.id] = replace(known, person=event.person, t0_s=event.t0_s, t1_s=event.t1_s)
        case Transcript(final=True):
            known = spoken.get(event.utterance, Spoken(event.utterance, event.person, event.t0_s, event.t1_s))
            spoken[event.utterance] = replace(
                known, text=event.text, words=event.words, language=event.language
            )
        case EmotionEstimate():
            run.estimates.append(event)
            if event.final and event.utterance in spoken:
                spoken[event.utterance] = replace(spoken[event.utterance], estimate=event)
        case Marker():
            run.marks.append(event)
        case Relabel():
            renamed[event.person] = event.into


def _now(renamed: dict[str, str], person: str) -> str:
    """Who a person turned out to be in the end."""
    seen = {person}
    while (into := renamed.get(person)) is not None and into not in seen:
        seen.add(into)
        person = into
    return person
