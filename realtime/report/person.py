"""What a report keeps of one person: curves, shares and absences, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.events import EmotionEstimate, Hello
from core.labels import MODALITIES
from realtime.report.shares import Shares
from realtime.sinks.downsampled_series import Array, DownsampledSeries

MAX_REASONS: Final = 200
LISTED: Final = 6
OTHER: Final = "other reasons"
NOT_SAID: Final = "no reason was written down"


@dataclass
class Absence:
    """One reason for which one modality was missing.

    Attributes:
        total_s: for how long altogether.
        stretches: how often.
        first: the first stretches of time, in seconds.
    """

    total_s: float = 0.0
    stretches: int = 0
    first: list[tuple[float, float]] = field(default_factory=list)


class Absences:
    """The reasons of one person. They are of few kinds, so it needs no more memory for a longer run."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Absence] = {}
        """(modality, reason) -> when."""
        self._going_on: dict[str, tuple[str, float]] = {}  # modality -> reason and until when

    def add(self, modality: str, reason: str | None, t0_s: float, t1_s: float) -> None:
        """Take in that a modality was missing for a reason, or, with None, that it was there.

        Args:
            modality: of text, audio, visual.
            reason: in a few words.
            t0_s, t1_s: when; never before what was said last of the same modality.
        """
        before = self._going_on.pop(modality, None)
        if reason is None:
            return
        if (modality, reason) not in self.found and len(self.found) >= MAX_REASONS:
            reason = OTHER
        absence = self.found.setdefault((modality, reason), Absence())
        absence.total_s += t1_s - t0_s
        if before is not None and before[0] == reason and t0_s - before[1] < 1e-6:
            if absence.stretches <= LISTED:
                absence.first[-1] = (absence.first[-1][0], t1_s)
        else:
            absence.stretches += 1
            if absence.stretches <= LISTED:
                absence.first.append((t0_s, t1_s))
        self._going_on[modality] = (reason, t1_s)


SHORTEST_HOP_S: Final = 0.02
HOLE_HOPS: Final = 4
HOLE_S: Final = 1.0
"""Where no estimate comes for longer than this and `HOLE_HOPS`, nothing is known of the person."""


class Person:
    """One person.

    The curves' values are: the fused probability of each label (with lowest and highest), the lowest and the
    highest of what the modalities and the fusion say of it, which labels are present, which modalities were
    used, and whether the estimate abstained.

    Args:
        name: of the person.
        hello: of the run.

    Attributes:
        rolling: shares of the estimated time.
        finals: shares of the final estimates.
        curves: over time, of the rolling estimates.
        absences: why modalities were missing, of the rolling estimates.
        end_s: when the newest rolling estimate ends.
    """

    def __init__(self, name: str, hello: Hello) -> None:
        self.name = name
        self.labels = hello.labels
        self.rolling = Shares(hello.labels)
        self.finals = Shares(hello.labels)
        self.absences = Absences()
        self.end_s = 0.0
        self._hop_s = max(hello.hop_s, SHORTEST_HOP_S)
        size = len(hello.labels)
        self.curves = DownsampledSeries(size, 3 * size + len(MODALITIES) + 1, self._hop_s)

    def add(self, estimate: EmotionEstimate, lacking: frozenset[str]) -> None:
        """Take in one estimate; `lacking` are fields of it that an older run did not write."""
        if estimate.final:
            self.finals.add(estimate.active, 1.0, abstained=estimate.abstained)
            return
        t1_s = max(estimate.t1_s, self.end_s)
        t0_s = self._since(t1_s)
        self.rolling.add(estimate.active, t1_s - t0_s, abstained=estimate.abstained)
        if "modalities" not in lacking:
            for modality in MODALITIES:
                used = modality in estimate.modalities
                reason = None if used else estimate.missing.get(modality, NOT_SAID)
                self.absences.add(modality, reason, t0_s, t1_s)
        self.curves.add(t1_s, *self._values(estimate))
        self.end_s = t1_s

    def _since(self, t1_s: float) -> float:
        """From when on an estimate speaks: since the one before it, if that is not long ago."""
        if self.rolling.count == 0 or t1_s - self.end_s > max(HOLE_HOPS * self._hop_s, HOLE_S):
            return t1_s - self._hop_s
        return self.end_s

    def _values(self, estimate: EmotionEstimate) -> tuple[Array, Array]:
        said = estimate.probabilities
        sources = [said, *estimate.peers.values()]
        fused = np.array([said.get(label, 0.0) for label in self.labels], np.float32)
        spans = [[source[label] for source in sources if label in source] or [0.0] for label in self.labels]
        lowest, highest = map(min, spans), map(max, spans)
        active = [label in estimate.active and not estimate.abstained for label in self.labels]
        used = [modality in estimate.modalities for modality in MODALITIES]
        return fused, np.array([*lowest, *highest, *active, *used, estimate.abstained], np.float32)

    def series(self, max_bins: int) -> Series:
        """The curves as they are to be drawn, in at most so many bins, for good."""
        while len(self.curves.counts) > max_bins:
            self.curves.coarsen()
        return Series(self.curves, len(self.labels), max(HOLE_HOPS * self._hop_s, HOLE_S))


class Series:
    """A person's curves, taken apart.

    Args:
        curves: of the person.
        labels: how many.
        hole_s: bins without an estimate that lie between two not farther apart than this hold the former.

    Attributes:
        step_s: length of a bin.
        filled: (n,) whether a bin holds an estimate.
        mean, low, high: (n, L) the fused probability in each bin.
        lowest, highest: (n, L) mean of the lowest and highest that modalities and fusion say.
        active: (n, L) share of the bin's estimates in which the label is present.
        used: (n, M) share in which the modality was used.
        abstained: (n,) share that abstained.
    """

    def __init__(self, curves: DownsampledSeries, labels: int, hole_s: float) -> None:
        self.step_s = curves.step_s
        counts = curves.counts
        places = np.arange(len(counts))
        before = np.maximum.accumulate(np.where(counts > 0, places, -1))
        after = np.minimum.accumulate(np.where(counts > 0, places, len(counts))[::-1])[::-1]
        near = (after - before) * self.step_s <= max(hole_s, 2 * self.step_s) * (1 + 1e-6)
        self.filled: NDArray[np.bool_] = (before >= 0) & near
        source = np.where(self.filled, before, places)
        self.low, self.high = curves.low[source], curves.high[source]
        cuts = np.cumsum([labels] * 4 + [len(MODALITIES)])
        parts = np.split(curves.means[source], cuts, axis=1)
        self.mean, self.lowest, self.highest, self.active, self.used, last = parts
        self.abstained = last[:, 0]
