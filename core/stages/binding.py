"""Which face a voice belongs to, by all that was seen and heard so far.

One utterance says little: mouths move while others speak. So every utterance of a voice adds what it says,
and a voice is bound to a face once most of the evidence agrees. A bound voice keeps its face while that is
away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.labels import UNKNOWN_PERSON
from core.stages.active_speaker import Attribution

_LEAST_S: Final = 1.0
_SURE_S: Final = 4.0
_LEAST_SHARE: Final = 0.65
_DOUBT_S: Final = 4.0
"""Speech over which nobody's mouth was seen to move counts against a binding, up to this much."""


@dataclass(slots=True)
class VoiceBinding:
    """Evidence of every pair of voice and face, in seconds of speech. All of it is state.

    Attributes:
        evidence: voice -> person -> seconds, weighed by how clear each utterance was.
        unseen: voice -> seconds of speech that no visible mouth moved with, at most four.
    """

    evidence: dict[int, dict[str, float]] = field(default_factory=dict)
    unseen: dict[int, float] = field(default_factory=dict)

    def observe(self, voice: int, attribution: Attribution, duration_s: float) -> None:
        """Take in one finished utterance.

        Args:
            voice: whose voice it was.
            attribution: whose mouth moved, or UNKNOWN_PERSON.
            duration_s: how long the utterance was.
        """
        if attribution.person == UNKNOWN_PERSON:
            if attribution.seen:
                self.unseen[voice] = min(_DOUBT_S, self.unseen.get(voice, 0.0) + duration_s)
            return
        persons = self.evidence.setdefault(voice, {})
        persons[attribution.person] = persons.get(attribution.person, 0.0) + duration_s * attribution.share

    def person_of(self, voice: int) -> str | None:
        """The face that a voice is bound to, None while that is open.

        A face that another voice has more evidence for is not taken.
        """
        persons = self.evidence.get(voice, {})
        if not persons:
            return None
        best = max(sorted(persons), key=lambda person: persons[person])
        total = sum(persons.values()) + self.unseen.get(voice, 0.0)
        if persons[best] < _LEAST_S or persons[best] < _LEAST_SHARE * total:
            return None
        if any(other.get(best, 0.0) > persons[best] for v, other in self.evidence.items() if v != voice):
            return None
        return best

    def taken(self, voice: int | None) -> frozenset[str]:
        """Faces that other voices are bound to by much evidence: they do not speak with this one.

        A binding on little may be wrong, and must not keep what would correct it from being seen.
        """
        bound = (self.surely(other) for other in self.evidence if other != voice)
        return frozenset(person for person in bound if person is not None)

    def surely(self, voice: int) -> str | None:
        """The face that a voice is bound to by much evidence, else None."""
        person = self.person_of(voice)
        return person if person is not None and self.evidence[voice][person] >= _SURE_S else None

    def merge(self, voice: int, into: int) -> None:
        """A voice turned out to be another one: its evidence is that one's."""
        for person, seconds in self.evidence.pop(voice, {}).items():
            target = self.evidence.setdefault(into, {})
            target[person] = target.get(person, 0.0) + seconds
        self.unseen[into] = min(_DOUBT_S, self.unseen.get(into, 0.0) + self.unseen.pop(voice, 0.0))
