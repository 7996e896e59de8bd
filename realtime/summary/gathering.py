"""Events into what a summary is made of: a reducer with bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.events import EmotionEstimate, End, Event, Hello, Marker, Status, Transcript, Utterance
from realtime.summary.wording import APART, CALM

MAX_PEOPLE: Final = 200
MAX_MARKS: Final = 50
MAX_OPEN: Final = 200
"""Utterances that may still change; older ones are added up."""
MAX_MOMENTS: Final = 12
MAX_QUOTE: Final = 400


@dataclass(frozen=True, slots=True)
class Moment:
    """A final estimate that is worth looking at.

    Attributes:
        t0_s, t1_s, person, text: of its utterance.
        label, probability, certainty: what stood out; of a disagreement `certainty` is how far
            apart they are.
        high, low: of a disagreement, the modality that says so and the one that does not; else "".
    """

    t0_s: float
    t1_s: float
    person: str
    text: str
    label: str
    probability: float
    certainty: float
    high: str = ""
    low: str = ""

    @property
    def weight(self) -> float:
        """What moments are ranked by."""
        return self.probability * self.certainty


@dataclass(slots=True)
class Share:
    """One label of one person: how long it was present, and how sure that was in the mean."""

    present_s: float = 0.0
    weighted: float = 0.0

    @property
    def certainty(self) -> float:
        """In [0, 1]."""
        return self.weighted / self.present_s if self.present_s > 0 else 0.0


@dataclass(slots=True)
class PersonTotals:
    """One person so far.

    Attributes:
        spoken_s, utterances: how long and how often; only what is settled.
        judged_s: of that, what has a final estimate that does not abstain.
        abstained: how many final estimates do.
        missing: reason -> how many of those that abstain were without a modality for it.
        spoken, silent: label -> share, of final estimates, and of rolling ones while the person does not
            speak.
        silent_s: how long rolling estimates cover in which the person does not speak.
    """

    spoken_s: float = 0.0
    utterances: int = 0
    judged_s: float = 0.0
    abstained: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    spoken: dict[str, Share] = field(default_factory=dict)
    silent: dict[str, Share] = field(default_factory=dict)
    silent_s: float = 0.0


@dataclass(slots=True)
class Spoken:
    """One utterance that may still change."""

    person: str = ""
    t0_s: float = 0.0
    t1_s: float = 0.0
    text: str = ""
    final: EmotionEstimate | None = None


@dataclass(slots=True)
class Gathering:
    """A run so far.

    Attributes:
        hello, end: first and last message.
        now_s: the newest stream time.
        open: utterance -> what is known of it.
        people: person -> totals of what is settled.
        strongest, disagreements: the best `MAX_MOMENTS` of each.
        marks: what those who watched have marked, the first ones.
        withdrawn: consent was withdrawn: nothing else is known any more.
    """

    hello: Hello | None = None
    end: End | None = None
    now_s: float = 0.0
    open: dict[str, Spoken] = field(default_factory=dict)
    people: dict[str, PersonTotals] = field(default_factory=dict)
    strongest: list[Moment] = field(default_factory=list)
    disagreements: list[Moment] = field(default_factory=list)
    marks: list[Marker] = field(default_factory=list)
    withdrawn: bool = False

    def add(self, event: Event) -> None:
        """Take in one event; a hello begins anew."""
        match event:
            case Hello():
                self._begin(event)
            case Utterance():
                said = self._said(event.id)
                said.person, said.t0_s, said.t1_s = event.person, event.t0_s, event.t1_s
                self.now_s = max(self.now_s, event.t1_s)
            case Transcript():
                said = self._said(event.utterance)
                said.person, said.text = said.person or event.person, event.text[:MAX_QUOTE]
            case EmotionEstimate(final=True, utterance=str(utterance)):
                said = self._said(utterance)
                said.person, said.final = event.person, event
            case EmotionEstimate(final=False):
                self._rolling(event)
            case Marker() if len(self.marks) < MAX_MARKS:
                self.marks.append(event)
            case Status(code="consent", value="withdrawn"):
                self._begin(self.hello)
                self.withdrawn = True
            case End():
                self.end, self.now_s = event, max(self.now_s, event.t_s)

    def settled(self) -> Gathering:
        """A copy in which every utterance is added up, as at the end of a run."""
        copy = Gathering(
            self.hello, self.end, self.now_s, dict(self.open),
            {name: _copied(totals) for name, totals in self.people.items()},
            list(self.strongest), list(self.disagreements), self.marks, self.withdrawn,
        )  # fmt: skip
        while copy.open:
            copy._settle_oldest()
        return copy

    def _begin(self, hello: Hello | None) -> None:
        self.hello, self.end, self.now_s, self.withdrawn = hello, None, 0.0, False
        for kept in (self.open, self.people, self.strongest, self.disagreements, self.marks):
            kept.clear()

    def _said(self, utterance: str) -> Spoken:
        said = self.open.get(utterance)
        if said is None:
            said = self.open[utterance] = Spoken()
            while len(self.open) > MAX_OPEN:
                self._settle_oldest()
        return said

    def _rolling(self, event: EmotionEstimate) -> None:
        self.now_s = max(self.now_s, event.t1_s)
        totals = self._totals(event.person)
        if totals is None or event.utterance is not None or event.abstained or self.hello is None:
            return
        totals.silent_s += self.hello.hop_s
        _add(totals.silent, event, self.hello.hop_s)

    def _totals(self, person: str) -> PersonTotals | None:
        if person not in self.people and len(self.people) >= MAX_PEOPLE:
            return None
        return self.people.setdefault(person, PersonTotals())

    def _settle_oldest(self) -> None:
        said = self.open.pop(next(iter(self.open)))
        totals = self._totals(said.person) if said.person else None
        if totals is None:
            return
        duration_s = max(0.0, said.t1_s - said.t0_s)
        totals.spoken_s += duration_s
        totals.utterances += 1
        if said.final is None:
            return
        if said.final.abstained:
            totals.abstained += 1
            for modality, reason in said.final.missing.items():
                key = f"{modality}: {reason}"
                totals.missing[key] = totals.missing.get(key, 0) + 1
            return
        totals.judged_s += duration_s
        _add(totals.spoken, said.final, duration_s)
        self._moments(said, said.final)

    def _moments(self, said: Spoken, final: EmotionEstimate) -> None:
        label = next((label for label in final.active if label != CALM), None)
        if label is not None:
            probability = final.probabilities.get(label, 0.0)
            found = _moment(said, label, probability, certainty(final, label))
            self.strongest = _best([*self.strongest, found])
        against = contradiction(final, self.hello.thresholds if self.hello is not None else {})
        if against is not None:
            label, high, low, by = against
            found = _moment(said, label, final.peers[high][label], by, high, low)
            self.disagreements = _best([*self.disagreements, found])


def certainty(estimate: EmotionEstimate, label: str) -> float:
    """A label's probability times the evidence of the estimate, in [0, 1]."""
    top = max(estimate.probabilities.values(), default=0.0)
    evidence = estimate.confidence / top if top > 0 else 0.0
    return min(1.0, estimate.probabilities.get(label, 0.0) * evidence)


def contradiction(
    estimate: EmotionEstimate, thresholds: Mapping[str, float]
) -> tuple[str, str, str, float] | None:
    """Where two modalities are `APART` across a threshold: label, who says so, who does not, by how much."""
    worst: tuple[str, str, str, float] | None = None
    for label in estimate.probabilities:
        said = sorted((peer[label], name) for name, peer in estimate.peers.items() if label in peer)
        if len(said) < 2:
            continue
        (low, low_name), (high, high_name) = said[0], said[-1]
        threshold = thresholds.get(label, 0.5)
        if high - low >= APART and low < threshold <= high and (worst is None or high - low > worst[3]):
            worst = label, high_name, low_name, high - low
    return worst


def _moment(
    said: Spoken, label: str, probability: float, sure: float, high: str = "", low: str = ""
) -> Moment:
    return Moment(said.t0_s, said.t1_s, said.person, said.text, label, probability, sure, high, low)


def _best(moments: list[Moment]) -> list[Moment]:
    return sorted(moments, key=lambda moment: -moment.weight)[:MAX_MOMENTS]


def _add(shares: dict[str, Share], estimate: EmotionEstimate, duration_s: float) -> None:
    for label in estimate.active:
        share = shares.setdefault(label, Share())
        share.present_s += duration_s
        share.weighted += duration_s * certainty(estimate, label)


def _copied(totals: PersonTotals) -> PersonTotals:
    def shares(of: dict[str, Share]) -> dict[str, Share]:
        return {label: Share(share.present_s, share.weighted) for label, share in of.items()}

    return PersonTotals(
        totals.spoken_s, totals.utterances, totals.judged_s, totals.abstained, dict(totals.missing),
        shares(totals.spoken), shares(totals.silent), totals.silent_s,
    )  # fmt: skip
