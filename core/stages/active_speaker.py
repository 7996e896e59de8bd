"""Who speaks: an utterance is paired with the face whose mouth moves while it is heard.

`SpeakerAttribution` is the interface that the engine uses; `ActiveSpeakerDetector` implements it from mouth
motion alone. Nobody is named without evidence: speech from off the screen, over a still face, or with two
mouths moving alike belongs to an unknown person.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Final, Protocol

from core.labels import UNKNOWN_PERSON

_KEEP_S: Final = 30.0
_CONTEXT_S: Final = 10.0
"""Pauses this long before an utterance still tell how a mouth moves while nobody speaks."""
_SPEECH: Final = 0.5
_PAUSE: Final = 0.35
_NEAR_S: Final = 0.1
_REST_S: Final = 0.3
"""A pause begins and ends this far from speech: mouths open before the voice is heard."""
_REACH_S: Final = 0.3
"""A face counts as visible for this long around each of its detections."""
_MIN_VISIBLE: Final = 0.5
_MOVES: Final = 0.35
_MIN_SHARE: Final = 0.65
_DOUBT: Final = 1.0
_FAITH_IN_PAUSES: Final = 5.0


@dataclass(frozen=True, slots=True)
class Attribution:
    """To whom an utterance belongs.

    Attributes:
        person: id of a track, or UNKNOWN_PERSON.
        share: that person's part of all evidence in [0, 1]; the strongest's when nobody is named, 0 without
            evidence.
        reason: why, in a few words for people.
        seen: somebody was visible who could have been the speaker.
    """

    person: str
    share: float
    reason: str
    seen: bool = True


NOBODY_SEEN: Final = Attribution(UNKNOWN_PERSON, 0.0, "no face is visible for long enough", seen=False)


class SpeakerAttribution(Protocol):
    """Decides who speaks. Observations may come late and in any order."""

    def voice(self, t_s: float, probability: float) -> None:
        """At `t_s` somebody speaks, with this probability."""
        ...

    def mouth(self, t_s: float, track: str, motion: float) -> None:
        """At `t_s` the mouth of `track` moves; `motion` as `FaceDetection.mouth_motion`."""
        ...

    def decide(self, t0_s: float, t1_s: float, without: frozenset[str] = frozenset()) -> Attribution:
        """Who speaks between two times, by what is known now. Changes nothing."""
        ...


@dataclass(slots=True)
class ActiveSpeakerState:
    """Everything that `ActiveSpeakerDetector` remembers: the last 30 seconds.

    Attributes:
        voice: (time, probability of speech), in order of time.
        mouths: track -> (time, motion), in order of time.
        newest_s: the newest time heard of.
    """

    voice: list[tuple[float, float]] = field(default_factory=list)
    mouths: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    newest_s: float = -math.inf

    def copy(self) -> ActiveSpeakerState:
        """A copy that later observations of this state do not change."""
        mouths = {track: list(samples) for track, samples in self.mouths.items()}
        return ActiveSpeakerState(list(self.voice), mouths, self.newest_s)


class ActiveSpeakerDetector:
    """Names the visible person whose mouth moves during speech more than in pauses, and than all others'.

    A mouth's evidence is the mean of log(1 + motion) while there is speech, less the same in pauses (chewing,
    laughing) as far as pauses were seen. The logarithm keeps one large movement, a hand before the mouth for
    instance, from deciding. A name needs evidence of at least .35, visibility for half of the utterance, and
    .65 of the sum of all squared evidence.

    Args:
        state: where to go on from; a new one by default.
    """

    def __init__(self, state: ActiveSpeakerState | None = None) -> None:
        self.state = state if state is not None else ActiveSpeakerState()

    def voice(self, t_s: float, probability: float) -> None:
        """Note the probability of speech at a time; what is 30 s older is forgotten."""
        insort(self.state.voice, (t_s, probability))
        self._forget(t_s)

    def mouth(self, t_s: float, track: str, motion: float) -> None:
        """Note the motion of a track's mouth at a time; what is 30 s older is forgotten."""
        insort(self.state.mouths.setdefault(track, []), (t_s, motion))
        self._forget(t_s)

    def decide(self, t0_s: float, t1_s: float, without: frozenset[str] = frozenset()) -> Attribution:
        """Name the speaker between two times, or UNKNOWN_PERSON with the reason.

        Args:
            t0_s, t1_s: stream time.
            without: who is known not to speak, however the mouth moves: their voice is another one.
        """
        visible = {
            track: self._evidence(samples, t0_s, t1_s)
            for track, samples in self.state.mouths.items()
            if track not in without and _visible(samples, t0_s, t1_s) >= _MIN_VISIBLE
        }
        if not visible:
            return NOBODY_SEEN
        best = max(visible, key=lambda track: visible[track])
        total = math.fsum(evidence**2 for evidence in visible.values())
        share = visible[best] ** 2 / total if total > 0 else 0.0
        if visible[best] < _MOVES:
            return Attribution(UNKNOWN_PERSON, share, "no visible mouth moves with the speech")
        if share < _MIN_SHARE:
            return Attribution(UNKNOWN_PERSON, share, "several mouths move alike")
        alone = len(visible) == 1
        return Attribution(best, share, "the only visible mouth moves" if alone else "this mouth moves most")

    def _evidence(self, samples: list[tuple[float, float]], t0_s: float, t1_s: float) -> float:
        speech, near, pause = [], [], []
        for t_s, motion in _between(samples, t0_s - _CONTEXT_S, t1_s + _NEAR_S):
            level = math.log1p(max(0.0, motion))
            heard = [
                probability for _, probability in _between(self.state.voice, t_s - _REST_S, t_s + _REST_S)
            ]
            if t0_s <= t_s <= t1_s and self._speaks(t_s):
                speech.append(level)
            elif heard and max(heard) <= _PAUSE:
                pause.append(level)
            if t_s >= t0_s - _NEAR_S:
                near.append(level)
        # An utterance may be shorter than the time between two detections.
        levels = speech or near
        moving = math.fsum(levels) / (len(levels) + _DOUBT)
        resting = math.fsum(pause) / (len(pause) + _FAITH_IN_PAUSES)
        return max(0.0, moving - resting)

    def _speaks(self, t_s: float) -> bool:
        """Whether speech is heard at `t_s`: within an utterance, unless the voice says otherwise."""
        near = _between(self.state.voice, t_s - _NEAR_S, t_s + _NEAR_S)
        return not near or min(near, key=lambda sample: abs(sample[0] - t_s))[1] >= _SPEECH

    def _forget(self, t_s: float) -> None:
        state = self.state
        state.newest_s = max(state.newest_s, t_s)
        oldest = (state.newest_s - _KEEP_S, -math.inf)
        del state.voice[: bisect_left(state.voice, oldest)]
        for track, samples in list(state.mouths.items()):
            del samples[: bisect_left(samples, oldest)]
            if not samples:
                del state.mouths[track]


def _between(samples: list[tuple[float, float]], t0_s: float, t1_s: float) -> list[tuple[float, float]]:
    return samples[bisect_left(samples, (t0_s, -math.inf)) : bisect_left(samples, (t1_s, math.inf))]


def _visible(samples: list[tuple[float, float]], t0_s: float, t1_s: float) -> float:
    """Part of the time between two times for which a face is visible, in [0, 1]."""
    reached, covered = t0_s, 0.0
    for t_s, _ in _between(samples, t0_s - _REACH_S, t1_s + _REACH_S):
        start, end = max(reached, t_s - _REACH_S), min(t1_s, t_s + _REACH_S)
        covered += max(0.0, end - start)
        reached = max(reached, end)
    return covered / max(1e-6, t1_s - t0_s)
