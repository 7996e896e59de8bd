"""What the window shows of a run: made from its events, without Qt, and compared before it is painted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from core.events import EmotionEstimate, End, Event, Hello, Status
from core.labels import MODALITIES, UNKNOWN_PERSON, Modality
from realtime.summary.wording import natural

SENSES: Final[dict[Modality, str]] = {"text": "words", "audio": "voice", "visual": "face"}
STREAMS: Final = {"me": "microphone", "them": "loudspeaker", "camera": "camera", "screen": "screen"}
"""A stream of the sources -> the device, as people call it."""
PAST_AFTER_S: Final = 3.0
"""An estimate that is so much older than the newest is shown as one of the past."""
MAX_PERSONS: Final = 4
_FULL: Final = "full"
_OPEN_WITHOUT_DATA: Final = frozenset({"no_data", "all_zero", "frozen", "dark"})
"""Reasons of `modality_missing` for which the device is open all the same (`device_items.REASONS`)."""


@dataclass(frozen=True, slots=True)
class LabelBar:
    """One emotion of one person.

    Attributes:
        label: which.
        percent: probability in percent, 0 to 100.
        threshold: from which it counts as present, in percent.
        present: whether it does, after hysteresis.
    """

    label: str
    percent: int
    threshold: int
    present: bool


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person.

    Attributes:
        person: as the feed names them.
        title: for people.
        bars: the top labels, most probable first.
        confidence: in percent.
        used, missing: senses ("words", "voice", "face"), and why the others are missing.
        abstains: there is too little evidence: the bars are no finding.
        past_s: how old it is, when it is old; else 0.
        stale: the connection is lost: it may be old, and nobody knows how much.
    """

    person: str
    title: str
    bars: tuple[LabelBar, ...]
    confidence: int
    used: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    abstains: bool
    past_s: int = 0
    stale: bool = False


def person_title(person: str) -> str:
    """A person's name for people."""
    if person == UNKNOWN_PERSON:
        return "Somebody"
    owner, _, number = person.rpartition("+")
    kind = {"p": "Person", "v": "Voice"}.get(number[:1])
    if kind is not None and number[1:].isdigit():
        beside = f", beside {person_title(owner).lower()}" if owner else ""
        return f"{kind} {number[1:]}{beside}"
    return person[:1].upper() + person[1:]


class ViewModel:
    """Follows a run.

    Args:
        labels: emotions that are shown of each person.

    Attributes:
        hello: of the run; None before.
        end: of the run; None before.
        capturing: whether people are heard or seen.
        load_step: "full", or what is left out because the machine cannot keep up.
        latency_ms: age of the newest input when the newest estimate was sent; None where unknown.
        marks: how many moments were marked.
        withdrawn: whether consent was taken back.
    """

    def __init__(self, labels: int = 3) -> None:
        self.labels = labels
        self.reset()

    def reset(self) -> None:
        """Another run begins, or nothing may be shown any more."""
        self.hello: Hello | None = None
        self.end: End | None = None
        self.capturing = False
        self.withdrawn = False
        self.load_step = _FULL
        self.latency_ms: int | None = None
        self.marks = 0
        self._missing: dict[str, str] = {}
        self._newest: dict[str, EmotionEstimate] = {}
        self._order: dict[str, tuple[str, ...]] = {}
        self._now_s = 0.0

    @property
    def muted(self) -> frozenset[Modality]:
        """What is left out by hand: "audio" when no sound is taken in, "visual" when no picture is."""
        streams = {"audio": self._streams("audio"), "visual": self._streams("video")}
        found: list[Modality] = ["audio", "visual"]
        muted = {stream for stream, reason in self._missing.items() if reason == "muted"}
        return frozenset(kind for kind in found if streams[kind] and streams[kind] <= muted)

    def devices(self, modality: Modality) -> tuple[str, ...]:
        """The devices of a modality that can be used, or are open without data; as people call them."""
        return tuple(name for stream, name in self._named(modality) if not self._is_closed(stream))

    @property
    def closed_devices(self) -> tuple[str, ...]:
        """The devices that the run was to use and that are not open now: lost, refused, or not open yet."""
        named = (*self._named("audio"), *self._named("visual"))
        return tuple(name for stream, name in named if self._is_closed(stream))

    def _named(self, modality: Modality) -> tuple[tuple[str, str], ...]:
        """Stream and name of each configured device of a modality."""
        kind = "audio" if modality == "audio" else "video"
        streams = self.hello.streams if self.hello is not None else ()
        return tuple((s.name, STREAMS.get(s.name, s.name)) for s in streams if s.kind == kind)

    def _is_closed(self, stream: str) -> bool:
        return self._missing.get(stream, "muted") not in {"muted", *_OPEN_WITHOUT_DATA}

    def _streams(self, kind: str) -> set[str]:
        return {s.name for s in self.hello.streams if s.kind == kind} if self.hello is not None else set()

    def apply(self, event: Event) -> None:
        """Take in one event of the run, in the feed's order."""
        match event:
            case Hello():
                self.reset()
                self.hello, self.capturing = event, event.capturing
            case EmotionEstimate():
                self._estimate(event)
            case Status():
                self._now_s = max(self._now_s, event.t_s)
                self._status(event)
            case End():
                self.end, self.capturing = event, False
            case _:
                self.marks += event.type == "marker"

    def _estimate(self, event: EmotionEstimate) -> None:
        self._now_s = max(self._now_s, event.t1_s)
        before = self._newest.get(event.person)
        if before is not None and event.t1_s < before.t1_s:
            return  # a final one of what was said a while ago; the window shows the present
        self._newest[event.person] = event
        self._order[event.person] = _ordered(event, self._order.get(event.person, ()))
        if event.stages.sent_s is not None and not event.final:
            self.latency_ms = max(0, round((event.stages.sent_s - event.stages.captured_s) * 1000))

    def _status(self, event: Status) -> None:
        stream = event.stream or ""
        if event.code == "capture" and event.value == "off":
            self.capturing = False
        elif event.code == "consent" and event.value == "withdrawn":
            self.withdrawn = True
            self._newest.clear()
        elif event.code == "load_step" and event.value:
            self.load_step = event.value
        elif event.code == "modality_missing":
            self._missing[stream] = event.value or ""
        elif event.code == "modality_back":
            self._missing.pop(stream, None)
        elif event.code == "person_left" and event.person in self._newest and event.person != "me":
            del self._newest[event.person]

    def rows(self, *, stale: bool = False) -> tuple[PersonRow, ...]:
        """The people: me, who speaks, the others in natural order; `stale` while nothing new can come."""
        estimates = sorted(
            self._newest.values(),
            key=lambda e: (
                e.person != "me",
                e.utterance is None or self._now_s - e.t1_s >= PAST_AFTER_S,
                e.person == UNKNOWN_PERSON,
                natural(e.person),
            ),
        )
        return tuple(self._row(estimate, stale=stale) for estimate in estimates[:MAX_PERSONS])

    @property
    def others(self) -> int:
        """How many people there are whom the window has no room for."""
        return max(0, len(self._newest) - MAX_PERSONS)

    def _row(self, estimate: EmotionEstimate, *, stale: bool) -> PersonRow:
        thresholds = self.hello.thresholds if self.hello is not None else {}
        past_s = self._now_s - estimate.t1_s
        return PersonRow(
            estimate.person,
            person_title(estimate.person),
            tuple(
                LabelBar(
                    label,
                    _percent(estimate.probabilities[label]),
                    _percent(thresholds.get(label, 0.5)),
                    label in estimate.active and not estimate.abstained,
                )
                for label in self._order[estimate.person][: self.labels]
            ),
            _percent(estimate.confidence),
            tuple(SENSES[sense] for sense in MODALITIES if sense in estimate.modalities),
            tuple(
                (SENSES[sense], estimate.missing[sense]) for sense in MODALITIES if sense in estimate.missing
            ),
            estimate.abstained,
            round(past_s) if past_s >= PAST_AFTER_S else 0,
            stale,
        )


def _ordered(estimate: EmotionEstimate, before: Iterable[str]) -> tuple[str, ...]:
    """Labels by the percentage that is shown, highest first; equal ones stay in the order of before."""
    place = {label: index for index, label in enumerate(before)}
    values = estimate.probabilities
    return tuple(sorted(values, key=lambda label: (-_percent(values[label]), place.get(label, len(place)))))


def _percent(probability: float) -> int:
    return round(probability * 100)
