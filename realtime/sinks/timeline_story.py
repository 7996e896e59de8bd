"""What `timeline.png` is drawn from: as much of a run as the picture can show, however long the run.

Rolling estimates are averaged into bins that double in length when they become too many; utterances that
begin within one pixel of each other are drawn as one. A long run needs no more memory than half an hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.events import EmotionEstimate, Event, Hello, Status, Transcript, Utterance
from core.labels import MODALITIES

Array = NDArray[np.float64]

MAX_BINS: Final = 1400
PIXELS: Final = 2000
"""What begins closer together than the run's length divided by this cannot be told apart in the picture."""
MAX_SPEECH: Final = 4000
MAX_TROUBLES: Final = 4000
MAX_CHARACTERS: Final = 800
"""Two lines of words over the picture's whole width."""
STILL_CHANGING: Final = 100
"""The newest utterances are left alone: their words and labels may yet come."""


@dataclass
class Speech:
    """One utterance as the picture shows it: words and final labels are "" and empty until they are known."""

    person: str
    t0_s: float
    t1_s: float
    text: str = ""
    labels: tuple[str, ...] = ()


class Curve:
    """The rolling estimates of one person, averaged into at most `MAX_BINS` bins of equal length.

    Args:
        hop_s: seconds between estimates, the length of a bin at first; > 0.

    Attributes:
        number: how many estimates were added.
        end_s: the newest of their times; 0 before the first.
    """

    def __init__(self, hop_s: float) -> None:
        self.number = 0
        self.end_s = 0.0
        self._step_s = hop_s
        self._sums: dict[int, Array] = {}  # bin -> number, sums of the probabilities, sums of the presences

    def __len__(self) -> int:
        """The bins that are kept."""
        return len(self._sums)

    def add(self, t_s: float, probabilities: Iterable[float], present: Iterable[bool]) -> None:
        """Take in one estimate.

        Args:
            t_s: end of its window, >= 0.
            probabilities: one per label.
            present: one per modality, whether it was used.
        """
        while self._bin(t_s) >= MAX_BINS:
            self._coarsen()
        self._put(self._bin(t_s), np.array([1.0, *probabilities, *present]))
        self.number += 1
        self.end_s = max(self.end_s, t_s)

    def means(self, end_s: float) -> tuple[Array, Array, Array]:
        """The curve up to `end_s`, which no estimate exceeds.

        Returns:
            times (n,) in seconds, probabilities (n, C), present (n, M) in [0, 1]; NaN where the person has no
            estimate.
        """
        count = int(np.ceil(end_s / self._step_s)) + 1
        width = len(next(iter(self._sums.values())))
        sums = np.zeros((count, width))
        for index, row in self._sums.items():
            sums[min(index, count - 1)] += row
        number = sums[:, :1]
        number[number == 0] = np.nan
        means = sums[:, 1:] / number
        lonely = np.flatnonzero(np.isnan(number[1:, 0]) & ~np.isnan(number[:-1, 0])) + 1
        means[lonely] = means[lonely - 1]  # one estimate a little late leaves no hole
        times_s = np.arange(count, dtype=np.float64) * self._step_s
        return times_s, means[:, : -len(MODALITIES)], means[:, -len(MODALITIES) :]

    def _bin(self, t_s: float) -> int:
        return int(t_s / self._step_s + 1e-6)

    def _put(self, index: int, row: Array) -> None:
        self._sums[index] = self._sums[index] + row if index in self._sums else row

    def _coarsen(self) -> None:
        fine, self._sums = self._sums, {}
        self._step_s *= 2.0
        for index, row in fine.items():
            self._put(index // 2, row)


@dataclass
class Story:
    """What the picture is drawn from. `troubles_s`: times of warnings and errors."""

    hello: Hello
    curves: dict[str, Curve] = field(default_factory=dict)
    speech: dict[str, Speech] = field(default_factory=dict)
    troubles_s: list[float] = field(default_factory=list)
    _room: int = MAX_SPEECH

    @property
    def end_s(self) -> float:
        """The end of what is known, at least one second."""
        curves = (curve.end_s for curve in self.curves.values())
        return max([1.0, *curves, *(speech.t1_s for speech in self.speech.values())])

    def tell(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case EmotionEstimate(final=True, utterance=str(utterance)) if utterance in self.speech:
                labels = ("not enough evidence",) if event.abstained else event.active
                self.speech[utterance].labels = labels
            case EmotionEstimate(final=False):
                curve = self.curves.setdefault(event.person, Curve(self.hello.hop_s))
                probabilities = (event.probabilities.get(label, 0.0) for label in self.hello.labels)
                present = (modality in event.modalities for modality in MODALITIES)
                curve.add(event.t1_s, probabilities, present)
            case Utterance():
                speech = self._speech(event.id, event)
                speech.t0_s, speech.t1_s = event.t0_s, event.t1_s
            case Transcript():
                self._speech(event.utterance, event).text = event.text[:MAX_CHARACTERS]
            case Status(level="warning" | "error"):
                self.troubles_s.append(event.t_s)
                if len(self.troubles_s) > MAX_TROUBLES:
                    self._thin_troubles()

    def _speech(self, utterance: str, event: Utterance | Transcript) -> Speech:
        if utterance not in self.speech and len(self.speech) >= self._room:
            self._thin_speech()
        speech = self.speech.setdefault(utterance, Speech(event.person, event.t0_s, event.t1_s))
        speech.person = event.person
        return speech

    def _thin_speech(self) -> None:
        """Join what one person said within one pixel. Its last words are kept: the others have no room."""
        pixel_s = self.end_s / PIXELS
        names = list(self.speech)
        settled, changing = names[:-STILL_CHANGING], names[-STILL_CHANGING:]
        kept: dict[str, Speech] = {}
        newest: dict[str, Speech] = {}
        for name in sorted(settled, key=lambda name: self.speech[name].t0_s):
            speech = self.speech[name]
            before = newest.get(speech.person)
            if before is not None and speech.t0_s - before.t0_s < pixel_s:
                before.t1_s = max(before.t1_s, speech.t1_s)
                before.text, before.labels = speech.text, speech.labels
            else:
                kept[name] = newest[speech.person] = speech
        self.speech = kept | {name: self.speech[name] for name in changing}
        self._room = max(MAX_SPEECH, len(self.speech) + STILL_CHANGING)

    def _thin_troubles(self) -> None:
        """Keep at most one for each pixel."""
        pixel_s = max(self.end_s, *self.troubles_s) / PIXELS
        self.troubles_s = sorted({int(t_s / pixel_s): t_s for t_s in self.troubles_s}.values())
