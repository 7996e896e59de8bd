"""Windows: which tokens of whom fall between two times. The one cutter, live and in training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from core.engine.utterance import Utterance
from core.labels import Modality
from core.window import Tokens, Window


def cut(person: str, t0_s: float, t1_s: float, parts: dict[Modality, list[Tokens]]) -> Window:
    """Cut one window.

    Args:
        person: whom the tokens belong to.
        t0_s, t1_s: stream time; tokens with t0_s <= time <= t1_s are kept.
        parts: modality -> token runs in stream time, each in time order.

    Returns:
        A window whose token times count from t0_s; a modality without a token in range is absent.
    """
    tokens: dict[Modality, Tokens] = {}
    for modality, runs in parts.items():
        kept = [between(run, t0_s, t1_s) for run in runs]
        kept = [run for run in kept if len(run)]
        if kept:
            values = np.concatenate([run.values for run in kept])
            times_s = np.concatenate([run.times_s for run in kept]) - np.float32(t0_s)
            order = np.argsort(times_s, kind="stable")
            tokens[modality] = Tokens(values[order], times_s[order])
    return Window(person, t0_s, t1_s, tokens)


def between(tokens: Tokens, t0_s: float, t1_s: float) -> Tokens:
    """The tokens with t0_s <= time <= t1_s."""
    inside = (tokens.times_s >= t0_s) & (tokens.times_s <= t1_s)
    return Tokens(tokens.values[inside], tokens.times_s[inside])


@dataclass(slots=True)
class FaceTokens:
    """Visual tokens of every track in the recent past.

    Attributes:
        keep_s: how long a token stays.
    """

    keep_s: float
    _tracks: dict[str, list[Tokens]] = field(default_factory=dict)

    def push(self, track: str, token: Tokens) -> None:
        """Add tokens of a track and forget what is older than `keep_s`."""
        runs = self._tracks.setdefault(track, [])
        runs.append(token)
        horizon = float(token.times_s[-1]) - self.keep_s
        while float(runs[0].times_s[-1]) < horizon:
            runs.pop(0)

    def of(self, person: str) -> list[Tokens]:
        """Token runs of one track, in time order."""
        return self._tracks.get(person, [])

    def seen_since(self, t_s: float) -> list[str]:
        """Tracks with a token at or after `t_s`, in order of appearance."""
        return [track for track, runs in self._tracks.items() if float(runs[-1].times_s[-1]) >= t_s]

    def forget_before(self, t_s: float) -> None:
        """Drop tracks that were not seen since `t_s`."""
        for track in [t for t, runs in self._tracks.items() if float(runs[-1].times_s[-1]) < t_s]:
            del self._tracks[track]


def token_runs(person: str, utterances: list[Utterance], faces: FaceTokens) -> dict[Modality, list[Tokens]]:
    """All token runs that belong to a person: the utterances given, and the face."""
    own = [u for u in utterances if u.person == person]
    return {
        "text": [u.text for u in own if u.text is not None],
        "audio": [run for u in own for run in u.audio],
        "visual": faces.of(person),
    }


def span_runs(
    utterances: list[Utterance], faces: FaceTokens, t0_s: float, t1_s: float
) -> dict[Modality, list[Tokens]]:
    """All token runs of a span of time, whoever is heard and seen in it.

    The face is that of the person who speaks for longest, else the one with most tokens in the span; of
    equals, the first.
    """
    spoken = [u for u in utterances if u.t0_s < t1_s and u.t1_s(t1_s) > t0_s]
    counts = {
        track: sum(len(between(run, t0_s, t1_s)) for run in faces.of(track))
        for track in faces.seen_since(-math.inf)
    }
    speaking = {u.person: u.t1_s(t1_s) - u.t0_s for u in spoken if counts.get(u.person)}
    weights = speaking or {track: count for track, count in counts.items() if count}
    return {
        "text": [u.text for u in spoken if u.text is not None],
        "audio": [run for u in spoken for run in u.audio],
        "visual": faces.of(max(weights, key=lambda track: weights[track])) if weights else [],
    }
