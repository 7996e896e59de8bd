"""The curves of a run so far, in bounded memory: what a page that joins late draws before its own."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from core.events import EmotionEstimate, Event, Hello
from realtime.sinks.downsampled_series import DownsampledSeries

MAX_BINS: Final = 900
MAX_PEOPLE: Final = 12
_STEPS: Final = 10_000
"""Probabilities are given as whole numbers of these."""


class Curves:
    """The rolling estimates of each person, averaged into at most `MAX_BINS` bins of equal length.

    Of `MAX_PEOPLE` people at most; who was heard of least recently goes first.
    """

    def __init__(self) -> None:
        self._hello: Hello | None = None
        self._people: dict[str, DownsampledSeries] = {}

    def add(self, event: Event) -> None:
        """Take in one event; a hello makes all before it forgotten."""
        if isinstance(event, Hello):
            self._hello = event
            self._people.clear()
        elif isinstance(event, EmotionEstimate) and not event.final and self._hello is not None:
            self._estimate(event, self._hello)

    def _estimate(self, event: EmotionEstimate, hello: Hello) -> None:
        series = self._people.pop(event.person, None)
        width = 2 * len(hello.labels) + 2
        if series is None:
            series = DownsampledSeries(0, width, hello.hop_s, MAX_BINS)
        self._people[event.person] = series
        while len(self._people) > MAX_PEOPLE:
            del self._people[next(iter(self._people))]
        values = np.array(
            [
                *(event.probabilities.get(label, 0.0) for label in hello.labels),
                *(label in event.active for label in hello.labels),
                event.confidence,
                event.abstained,
            ],
            np.float32,
        )
        series.add(event.t1_s, values[:0], values)

    def forget(self) -> None:
        """Remember nothing: consent was withdrawn."""
        self._hello = None
        self._people.clear()

    def as_json(self) -> dict[str, Any]:
        """What is known, for `/v1/curves`.

        Returns:
            `labels`; `step_s`: person -> seconds between its values; `people`: person -> lists of equal
            length: `t` in seconds, `values` (one list per time) and `confidence` in steps of 0.0001,
            `present` (bit n for label n), `abstained` (0 or 1).
        """
        hello = self._hello
        if hello is None:
            return {"labels": [], "step_s": {}, "people": {}}
        people = {
            person: _lists(series, len(hello.labels), hello.hop_s) for person, series in self._people.items()
        }
        steps = {person: series.step_s for person, series in self._people.items()}
        return {"labels": list(hello.labels), "step_s": steps, "people": people}


def _lists(series: DownsampledSeries, labels: int, hop_s: float) -> dict[str, list[Any]]:
    means = series.means
    (there,) = np.nonzero(series.counts)
    rows = means[there]
    times_s = there * series.step_s + (series.step_s + hop_s) / 2
    bits = (rows[:, labels : 2 * labels] >= 0.5) @ (1 << np.arange(labels))
    return {
        "t": [round(float(t_s), 3) for t_s in times_s],
        "values": np.rint(rows[:, :labels] * _STEPS).astype(int).tolist(),
        "present": bits.astype(int).tolist(),
        "confidence": np.rint(rows[:, -2] * _STEPS).astype(int).tolist(),
        "abstained": (rows[:, -1] >= 0.5).astype(int).tolist(),
    }
