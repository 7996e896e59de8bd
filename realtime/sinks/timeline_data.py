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
from realtime.sinks.downsampled_series import DownsampledSeries

Array = NDArray[np.float64]

MAX_BINS: Final = 1400
PIXELS: Final = 2000
"""What begins closer together than the run's length divided by this cannot be told apart in the picture."""
MAX_SPEECH: Final = 4000
MAX_WARNINGS: Final = 4000
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
        self._hop_s = hop_s
        self._bins: DownsampledSeries | None = None

    def __len__(self) -> int:
        """The bins that hold something."""
        return int(np.count_nonzero(self._bins.counts)) if self._bins is not None else 0

    def add(self, t_s: float, probabilities: Iterable[float], present: Iterable[bool]) -> None:
        """Take in one estimate.

        Args:
            t_s: end of its window, >= 0.
            probabilities: one per label.
            present: one per modality, whether it was used.
        """
        values = np.array([*probabilities, *present], np.float32)
        if self._bins is None:
            self._bins = DownsampledSeries(0, len(values), self._hop_s, MAX_BINS)
        self._bins.add(t_s, values[:0], values)
        self.number += 1
        self.end_s = max(self.end_s, t_s)

    def points(self) -> tuple[Array, Array, Array]:
        """The curve, which holds at least one estimate.

        Returns:
            times (n,) in seconds, probabilities (n, C), present (n, M) in [0, 1]; NaN where the person has no
            estimate.
        """
        assert self._bins is not None, "nothing was added"
        means: Array = np.pad(self._bins.means.astype(np.float64), ((0, 1), (0, 0)), constant_values=np.nan)
        empty = np.isnan(means[:, 0])
        lonely = np.flatnonzero(empty[1:] & ~empty[:-1]) + 1
        means[lonely] = means[lonely - 1]  # one estimate a little late leaves no hole
        # A bin holds the estimates of one hop after its begin to its end; their mean stands in the middle.
        times_s = (
            np.arange(len(means), dtype=np.float64) * self._bins.step_s
            + (self._bins.step_s + self._hop_s) / 2
        )
        return times_s, means[:, : -len(MODALITIES)], means[:, -len(MODALITIES) :]


@dataclass
class TimelineData:
    """What the picture is drawn from. `warning_times_s`: times of warnings and errors."""

    hello: Hello
    curves: dict[str, Curve] = field(default_factory=dict)
    speech: dict[str, Speech] = field(default_factory=dict)
    warning_times_s: list[float] = field(default_factory=list)
    _room: int = MAX_SPEECH

    @property
    def end_s(self) -> float:
        """The end of what is known, at least one second."""
        curves = (curve.end_s for curve in self.curves.values())
        return max([1.0, *curves, *(speech.t1_s for speech in self.speech.values())])

    def add(self, event: Event) -> None:
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
                self.warning_times_s.append(event.t_s)
                if len(self.warning_times_s) > MAX_WARNINGS:
                    self._thin_warnings()

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

    def _thin_warnings(self) -> None:
        """Keep at most one for each pixel."""
        pixel_s = max(self.end_s, *self.warning_times_s) / PIXELS
        self.warning_times_s = sorted({int(t_s / pixel_s): t_s for t_s in self.warning_times_s}.values())
