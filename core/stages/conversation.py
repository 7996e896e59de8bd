"""How people talk with each other: turns, overlaps, answers, and which emotion follows which.

Counts and durations of what was heard; that one thing follows another does not mean that it was its cause.
The stage is fed with what the engine says anyway, keeps sums, and forgets single utterances after a while.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from core.events import (
    Conversation,
    EmotionEstimate,
    Event,
    Followed,
    PersonTalk,
    Relabel,
    Transcript,
    Utterance,
)
from core.labels import UNKNOWN_PERSON

MOST_PERSONS: Final = 12
MOST_FOLLOWED: Final = 12

_EVERY_S: Final = 1.0
_SAME_TURN_S: Final = 1.0
_OVERLAP_S: Final = 0.5
"""Utterances are padded by .2 s on each side: what overlaps by less may just follow each other."""
_ANSWER_S: Final = 5.0
_RECENT: Final = 40
_RESPONSES: Final = 200
_Z: Final = 1.96


@dataclass(slots=True)
class Spoken:
    """One utterance that has ended: who, when, what it expressed if that is known, and what it follows."""

    id: str
    person: str
    t0_s: float
    t1_s: float
    label: str | None = None
    follows: str | None = None


@dataclass(slots=True)
class Talk:
    """Sums of one person."""

    talk_s: float = 0.0
    turns: int = 0
    turn_start_s: float = 0.0
    longest_turn_s: float = 0.0
    words: int = 0
    overlaps: int = 0
    overlaps_begun: int = 0
    interruptions: int = 0
    interrupted: int = 0
    responses_s: deque[float] = field(default_factory=lambda: deque(maxlen=_RESPONSES))

    def add(self, other: Talk) -> None:
        """Two persons turned out to be one."""
        self.talk_s += other.talk_s
        self.turns += other.turns
        self.longest_turn_s = max(self.longest_turn_s, other.longest_turn_s)
        self.words += other.words
        self.overlaps += other.overlaps
        self.overlaps_begun += other.overlaps_begun
        self.interruptions += other.interruptions
        self.interrupted += other.interrupted
        self.responses_s.extend(other.responses_s)


@dataclass(slots=True)
class ConversationFigures:
    """Gathers them. All of it is state; a deep copy is a snapshot.

    Attributes:
        talks: person -> sums, in the order in which they spoke first.
        recent: the newest utterances, in the order in which they ended.
        followed: (person, label, next person, next label) -> how often.
        spoken_until_s, spoken_s: end of the latest speech, and how long anybody spoke at all.
    """

    talks: dict[str, Talk] = field(default_factory=dict)
    recent: deque[Spoken] = field(default_factory=lambda: deque(maxlen=_RECENT))
    followed: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    spoken_until_s: float = 0.0
    spoken_s: float = 0.0
    _changed: bool = False
    _told_s: float = -math.inf

    def observe(self, events: Iterable[Event]) -> None:
        """Take in what the engine says, in its order. Only what is final counts."""
        for event in events:
            match event:
                case Utterance(final=True):
                    self._speak(Spoken(event.id, event.person, event.t0_s, event.t1_s))
                case Transcript(final=True) if event.person in self.talks:
                    self.talks[event.person].words += len(event.words)
                    self._changed = True
                case EmotionEstimate(final=True):
                    self._express(event)
                case Relabel():
                    self._relabel(event.person, event.into)

    def due(self, now_s: float, *, last: bool = False) -> list[Event]:
        """The figures, if they changed and the last were said a second ago; at the end, if they changed."""
        if not self._changed or not (last or now_s - self._told_s >= _EVERY_S):
            return []
        self._changed, self._told_s = False, now_s
        return [self.figures(now_s)]

    def figures(self, now_s: float) -> Conversation:
        """All figures up to a stream time in seconds; of the twelve who spoke longest."""
        total_s = math.fsum(talk.talk_s for talk in self.talks.values())
        most = sorted(self.talks, key=lambda person: -self.talks[person].talk_s)[:MOST_PERSONS]
        shown = [person for person in self.talks if person in most]
        return Conversation(
            t_s=now_s,
            silence=max(0.0, 1.0 - self.spoken_s / now_s) if now_s > 0 else 0.0,
            persons=tuple(_talk(person, self.talks[person], total_s) for person in shown),
            followed=self._most_followed(),
        )

    # -- what is heard --------------------------------------------------------------------------------

    def _speak(self, spoken: Spoken) -> None:
        self._changed = True
        talk = self.talks.setdefault(spoken.person, Talk())
        talk.talk_s += spoken.t1_s - spoken.t0_s
        self.spoken_s += max(0.0, spoken.t1_s - max(spoken.t0_s, self.spoken_until_s))
        self.spoken_until_s = max(self.spoken_until_s, spoken.t1_s)
        earlier = [other for other in self.recent if other.t0_s <= spoken.t0_s]
        before = max(earlier, key=lambda other: other.t0_s, default=None)
        goes_on = before is not None and before.person == spoken.person
        if not (goes_on and before is not None and spoken.t0_s - before.t1_s < _SAME_TURN_S):
            talk.turns += 1
            talk.turn_start_s = spoken.t0_s
        talk.longest_turn_s = max(talk.longest_turn_s, spoken.t1_s - talk.turn_start_s)
        if before is not None and not goes_on:
            self._take_over(before, spoken, talk)
        for later in self.recent:  # ended first, and began while this one was going on
            if later.t0_s > spoken.t0_s and later.person != spoken.person:
                self._overlap(spoken, later)
        self.recent.append(spoken)

    def _take_over(self, before: Spoken, spoken: Spoken, talk: Talk) -> None:
        """Somebody speaks after somebody else began: an overlap, an interruption, or an answer."""
        spoken.follows = before.id
        self.talks.setdefault(before.person, Talk())
        if not self._overlap(before, spoken) and spoken.t0_s - before.t1_s <= _ANSWER_S:
            talk.responses_s.append(max(0.0, spoken.t0_s - before.t1_s))

    def _overlap(self, first: Spoken, second: Spoken) -> bool:
        """Count it if both spoke at once; `second` began later. Tells whether they did."""
        if min(first.t1_s, second.t1_s) - second.t0_s <= _OVERLAP_S:
            return False
        held, begun = self.talks[first.person], self.talks[second.person]
        held.overlaps += 1
        begun.overlaps += 1
        begun.overlaps_begun += 1
        if second.t1_s > first.t1_s:  # who spoke before gave way
            begun.interruptions += 1
            held.interrupted += 1
        return True

    def _express(self, estimate: EmotionEstimate) -> None:
        spoken = next((one for one in self.recent if one.id == estimate.utterance), None)
        if spoken is None or estimate.abstained or not estimate.active:
            return
        spoken.label = max(estimate.active, key=lambda label: estimate.probabilities[label])
        before = next((one for one in self.recent if one.id == spoken.follows), None)
        if before is None or before.label is None or UNKNOWN_PERSON in (before.person, spoken.person):
            return
        self.followed[before.person, before.label, spoken.person, spoken.label] += 1
        self._changed = True

    def _relabel(self, person: str, into: str) -> None:
        """What was counted for one person is the other's; nobody answers or interrupts themselves."""
        self._changed = True
        gone = self.talks.pop(person, None)
        if gone is not None:
            self.talks.setdefault(into, Talk()).add(gone)
        for spoken in self.recent:
            spoken.person = into if spoken.person == person else spoken.person
        renamed: Counter[tuple[str, str, str, str]] = Counter()
        for (first, label, second, answer), count in self.followed.items():
            was, now = (into if name == person else name for name in (first, second))
            if was != now:
                renamed[was, label, now, answer] += count
        self.followed = renamed

    def _most_followed(self) -> tuple[Followed, ...]:
        totals: Counter[tuple[str, str, str]] = Counter()
        for (first, label, second, _), count in self.followed.items():
            totals[first, label, second] += count
        most = sorted(self.followed.items(), key=lambda item: (-item[1], item[0]))[:MOST_FOLLOWED]
        found = []
        for (first, label, second, answer), count in most:
            of = totals[first, label, second]
            low, high = wilson(count, of)
            found.append(Followed(first, label, second, answer, count, of, low, high))
        return tuple(found)


def wilson(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): `count` of `of`, which is at least 1."""
    share, spread = count / of, _Z**2 / of
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def _talk(person: str, talk: Talk, total_s: float) -> PersonTalk:
    return PersonTalk(
        person=person,
        talk_s=talk.talk_s,
        share=talk.talk_s / total_s if total_s > 0 else 0.0,
        turns=talk.turns,
        mean_turn_s=talk.talk_s / talk.turns if talk.turns else 0.0,
        longest_turn_s=talk.longest_turn_s,
        overlaps=talk.overlaps,
        overlaps_begun=talk.overlaps_begun,
        interruptions=talk.interruptions,
        interrupted=talk.interrupted,
        response_s=median(talk.responses_s) if talk.responses_s else None,
        words_per_min=60.0 * talk.words / talk.talk_s if talk.talk_s > 0 and talk.words else None,
    )
