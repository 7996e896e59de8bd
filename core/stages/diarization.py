"""Who speaks by the sound of the voice, on one stream, while it goes on.

Features of 80 ms come from the speaker network. Every 160 ms a window of .64 s around it is embedded; windows
are grouped by voice again and again, so that an early mistake does not stay; and the newest ones are assigned
to the voices by the most likely path, in which a change has its price. A window counts as decided 1.6 s after
it was heard (at first 6.4 s), or when the speaker pauses.

The stage sees no clock and no audio. Voices are numbered 1, 2, ... in the order in which they were found.
Embeddings tell a voice from other voices, so they are biometric data: they live in this state and nowhere
else, and end with the run.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.config import SpeakersConfig
from core.inputs import SAMPLE_RATE
from core.stages.clustering import group, most_likely_path

FEATURE_SAMPLES: Final = 1280
"""One feature stands for 80 ms."""
STEP_SAMPLES: Final = 2 * FEATURE_SAMPLES
"""One decision stands for 160 ms."""

_HALF: Final = 4
"""Features on each side of a step's middle that its window holds."""
_LEAST_FEATURES: Final = 4
_DELAY_STEPS: Final = 10
_EARLY_DELAY_STEPS: Final = 40
"""At first, when voices are not known yet, decisions wait longer, so that they can still be changed."""
_EARLY_STEPS: Final = 90
_PAUSE_STEPS: Final = 4
_PAUSE_SHARE: Final = 0.3
"""After a pause a change costs this part of what it costs within speech."""
_CLOSE_STEPS: Final = 6
_REGROUP_EARLY, _REGROUP_LATE, _EARLY = 3, 6, 90
_MOST_ATOMS: Final = 160
_KEPT_STEPS: Final = 600
_SPEECH: Final = 0.5


class SpeakerHead(Protocol):
    """What the stage needs of `core.encoders.speaker.SpeakerHead`."""

    def embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]: ...  # noqa: D102


@dataclass(slots=True)
class Step:
    """One window that holds speech.

    Attributes:
        index: number of its 160 ms.
        embedding: (E,) float32.
        quiet: steps without speech right before it.
        voice: None until decided.
    """

    index: int
    embedding: NDArray[np.float32]
    quiet: int
    voice: int | None = None


@dataclass(slots=True)
class Atom:
    """Windows that are kept for grouping: one, or the mean of several old ones of one voice."""

    mean: NDArray[np.float32]
    weight: float
    voice: int | None = None


@dataclass(slots=True)
class DiarizerState:
    """Everything that a `Diarizer` remembers.

    Attributes:
        speech: 80 ms -> sum and number of speech probabilities heard in it.
        features: 80 ms -> its feature; only those that a window still needs.
        next_step: the first one not looked at yet.
        quiet: steps without speech since the last one with.
        pending: steps with speech that are not decided yet, in order.
        decided: step -> voice; the newest ten minutes.
        decided_step: all steps before it are decided.
        atoms: windows for grouping, oldest first.
        centres: voice -> mean of its windows, (E,) float64.
        heard: steps with speech so far.
        fresh: windows since the voices were last grouped.
        voices: how many were ever found.
        last: voice of the last decided step.
        merges: voices that turned out to be others, and were not told yet.
    """

    speech: dict[int, tuple[float, int]] = field(default_factory=dict)
    features: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    next_step: int = 0
    quiet: int = 99
    pending: list[Step] = field(default_factory=list)
    decided: dict[int, int] = field(default_factory=dict)
    decided_step: int = 0
    atoms: list[Atom] = field(default_factory=list)
    centres: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    heard: int = 0
    fresh: int = 0
    voices: int = 0
    last: int | None = None
    merges: list[tuple[int, int]] = field(default_factory=list)


class Diarizer:
    """Assigns a voice to every 160 ms of speech.

    Args:
        head: embeds features.
        config: when windows are one voice.
        state: where to go on from; a new one by default.
    """

    def __init__(self, head: SpeakerHead, config: SpeakersConfig, state: DiarizerState | None = None) -> None:
        self.state = state if state is not None else DiarizerState()
        self._head = head
        self._config = config

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A stage that goes on from here independently; it shares the head, which remembers nothing."""
        return type(self)(self._head, self._config, copy.deepcopy(self.state, memo))

    # -- inputs ---------------------------------------------------------------------------------------

    def hear(self, middle_sample: int, probability: float) -> None:
        """Take in how likely the audio around a sample holds speech; call it for every frame, in order."""
        index = middle_sample // FEATURE_SAMPLES
        total, count = self.state.speech.get(index, (0.0, 0))
        self.state.speech[index] = (total + probability, count + 1)

    def push(self, first: int, values: NDArray[np.float32]) -> None:
        """Take features in: (F, D) float32, of the 80 ms from number `first` on."""
        for offset, value in enumerate(values):
            if first + offset >= 2 * self.state.next_step - _HALF:
                self.state.features[first + offset] = value

    def advance(self, until: int) -> None:
        """Look at every step whose window lies before the 80 ms of number `until`.

        Args:
            until: speech is known up to it, and every feature before it has come or never will.
        """
        state = self.state
        until_step = (until - 1 - _HALF) // 2 + 1
        while state.next_step < until_step:
            if state.features:
                self._look(state.next_step)
                state.next_step += 1
            else:  # nothing to look at: a pause of hours is not walked through
                self._rest(until_step - state.next_step)
                state.next_step = until_step
            self._forget()
        delay = _DELAY_STEPS if state.heard > _EARLY_STEPS else _EARLY_DELAY_STEPS
        while len(state.pending) > delay:
            self._decide(1)

    def close(self) -> None:
        """The speaker has paused: decide everything that was looked at."""
        if self.state.fresh:
            self._regroup()
        self._decide(len(self.state.pending))

    # -- answers --------------------------------------------------------------------------------------

    @property
    def decided_sample(self) -> int:
        """Sample up to which voices are decided."""
        state = self.state
        first_open = state.pending[0].index if state.pending else state.next_step
        return first_open * STEP_SAMPLES

    @property
    def least_samples(self) -> int:
        """Shortest stretch that counts as a change of voice, in samples."""
        return round(self._config.least_turn_s * SAMPLE_RATE)

    def voice_of(self, start_sample: int, end_sample: int) -> int | None:
        """The voice that speaks longest between two samples, by what is decided, else by what is likely."""
        first, last = start_sample // STEP_SAMPLES, -(-end_sample // STEP_SAMPLES)
        votes = Counter(v for s in range(first, last) if (v := self.state.decided.get(s)) is not None)
        if not votes:
            path = self._path()
            pairs = zip(self.state.pending, path, strict=False)
            votes = Counter(voice for step, voice in pairs if first <= step.index < last)
        return max(sorted(votes), key=lambda voice: votes[voice]) if votes else None

    def change_after(self, start_sample: int, end_sample: int) -> int | None:
        """Where the voice first becomes another one between two samples, as far as known; else None.

        A voice counts from `least_turn_s` on: a shorter stretch belongs to what was said before it.
        """
        first, last = start_sample // STEP_SAMPLES, -(-end_sample // STEP_SAMPLES)
        least = round(self.least_samples / STEP_SAMPLES)
        known = [(s, self.state.decided[s]) for s in range(first, last) if s in self.state.decided]
        before: int | None = None
        for voice, run in groupby(known, key=lambda pair: pair[1]):
            steps = [step for step, _ in run]
            if len(steps) < least:
                continue
            if before is not None and voice != before:
                return steps[0] * STEP_SAMPLES
            before = voice
        return None

    def take_merges(self) -> list[tuple[int, int]]:
        """Voices that turned out to be others since the last call: (what it was, what it is)."""
        merges, self.state.merges = self.state.merges, []
        return merges

    # -- windows --------------------------------------------------------------------------------------

    def _speaks(self, index: int) -> bool:
        total, count = self.state.speech.get(index, (0.0, 0))
        return count > 0 and total / count > _SPEECH

    def _look(self, step: int) -> None:
        state = self.state
        own = [i for i in (2 * step, 2 * step + 1) if self._speaks(i) and i in state.features]
        if not own:
            self._rest(1)
            return
        middle = 2 * step + 1
        around = [i for i in range(middle - _HALF, middle + _HALF) if i in state.features]
        spoken = [i for i in around if self._speaks(i)]
        used = spoken if len(spoken) >= _LEAST_FEATURES else [i for i in around if abs(i - middle) <= 2]
        if len(used) < 2:
            state.quiet += 1
            return
        embedding = self._head.embed(np.stack([state.features[i] for i in used]))
        state.pending.append(Step(step, embedding, state.quiet))
        state.quiet = 0
        state.heard += 1
        if step % 2 == 0:
            self._keep(embedding)
        state.fresh += 1
        if state.fresh >= (_REGROUP_EARLY if len(state.atoms) < _EARLY else _REGROUP_LATE):
            self._regroup()

    def _rest(self, steps: int) -> None:
        """So many steps hold no speech: after a while what is pending is decided."""
        before = self.state.quiet
        self.state.quiet += steps
        if before < _CLOSE_STEPS <= self.state.quiet and self.state.heard > _EARLY_STEPS:
            self.close()

    def _forget(self) -> None:
        """Drop what no later window needs."""
        state, oldest = self.state, 2 * self.state.next_step - _HALF - 1
        for index in [i for i in state.features if i < oldest]:
            del state.features[index]
        for index in [i for i in state.speech if i < oldest]:
            del state.speech[index]
        for step in [s for s in state.decided if s < state.next_step - _KEPT_STEPS]:
            del state.decided[step]

    # -- voices ---------------------------------------------------------------------------------------

    def _keep(self, embedding: NDArray[np.float32]) -> None:
        """Keep a window for grouping; when there are too many, the two oldest of one voice become one."""
        atoms = self.state.atoms
        atoms.append(Atom(embedding, 1.0))
        if len(atoms) <= _MOST_ATOMS:
            return
        counts = Counter(atom.voice for atom in atoms)
        largest = max(sorted(counts, key=str), key=lambda voice: counts[voice])
        first, second = [atom for atom in atoms if atom.voice == largest][:2]
        total = first.weight + second.weight
        both = first.mean * first.weight + second.mean * second.weight
        first.mean, first.weight = (both / total).astype(np.float32), total
        atoms[:] = [atom for atom in atoms if atom is not second]

    def _regroup(self) -> None:
        """Group all windows anew; a group keeps the voice that most of it had."""
        state, config = self.state, self._config
        state.fresh = 0
        if not state.atoms:
            return
        means = np.stack([atom.mean for atom in state.atoms])
        weights = np.array([atom.weight for atom in state.atoms], np.float32)
        labels = group(means, weights, link=config.link, at_least=config.at_least)
        sizes = {int(label): float(weights[labels == label].sum()) for label in np.unique(labels)}
        least = config.least_voice_s * SAMPLE_RATE / STEP_SAMPLES / 2
        large = sorted(
            (label for label in sizes if sizes[label] >= least), key=lambda label: (-sizes[label], label)
        )
        if not large:
            if state.centres or weights.sum() < 2:
                return
            large = [max(sorted(sizes), key=lambda label: sizes[label])]
        large = large[: config.at_most]
        known = sorted(state.centres)
        names = self._names(labels, weights, large)
        state.centres = {
            names[label]: np.average(means[labels == label], axis=0, weights=weights[labels == label])
            for label in large
        }
        belonged = [atom.voice for atom in state.atoms]
        for atom, label in zip(state.atoms, labels, strict=True):
            atom.voice = names.get(int(label))
        for voice in known:
            if voice not in state.centres:
                theirs = [a for a, was in zip(state.atoms, belonged, strict=True) if was == voice]
                self._merge(voice, theirs)

    def _merge(self, voice: int, atoms: list[Atom]) -> None:
        """A voice is no group any more: it is the one that most of its windows went to, else the nearest."""
        state = self.state
        votes: dict[int, float] = {}
        for atom in atoms:
            if atom.voice is not None:
                votes[atom.voice] = votes.get(atom.voice, 0.0) + atom.weight
        if not votes and len(state.centres) < self._config.at_most:
            return  # too few to be a group of their own for now
        if not votes:
            mean = np.sum([atom.mean * atom.weight for atom in atoms], axis=0)
            votes = {other: float(mean @ c / np.linalg.norm(c)) for other, c in state.centres.items()}
        into = max(sorted(votes), key=lambda other: votes[other])
        state.merges.append((voice, into))
        state.last = into if state.last == voice else state.last
        for step in [s for s, v in state.decided.items() if v == voice]:
            state.decided[step] = into

    def _names(
        self, labels: NDArray[np.intp], weights: NDArray[np.float32], large: list[int]
    ) -> dict[int, int]:
        """A voice for each group: the one that most of it had, if no larger group took it; else a new one."""
        state, names = self.state, dict[int, int]()
        shares: list[tuple[float, int, int]] = []
        for label in large:
            votes: dict[int, float] = {}
            for index in np.flatnonzero(labels == label):
                voice = state.atoms[index].voice
                if voice is not None:
                    votes[voice] = votes.get(voice, 0.0) + float(weights[index])
            shares += [(weight, -voice, label) for voice, weight in votes.items()]
        for _, negative, label in sorted(shares, reverse=True):
            if label not in names and -negative not in names.values():
                names[label] = -negative
        for label in sorted(set(large) - set(names)):
            state.voices += 1
            names[label] = state.voices
        return names

    # -- decisions ------------------------------------------------------------------------------------

    def _path(self) -> list[int]:
        """The most likely voice of each pending step; empty while there are no voices."""
        state = self.state
        if not state.centres or not state.pending:
            return []
        voices = sorted(state.centres)
        centres = np.stack([state.centres[v] / np.linalg.norm(state.centres[v]) for v in voices])
        likeness = np.stack([step.embedding for step in state.pending]) @ centres.T
        costs = np.array(
            [
                self._config.switch_cost * (_PAUSE_SHARE if step.quiet >= _PAUSE_STEPS else 1.0)
                for step in state.pending
            ]
        )
        entering = np.zeros(len(voices))
        if state.last in voices:
            entering -= costs[0]
            entering[voices.index(state.last)] = 0.0
        return [voices[i] for i in most_likely_path(likeness.astype(np.float64), entering, costs)]

    def _decide(self, count: int) -> None:
        """Settle the first `count` pending steps."""
        state = self.state
        path = self._path()
        for step, voice in zip(state.pending[:count], path, strict=False):
            state.decided[step.index] = state.last = voice
        del state.pending[:count]
