"""Fakes and input shufflers for tests: shipped, so that who embeds the engine can test with them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from core.inputs import AudioChunk, SourceInput, Tick


@dataclass
class FakeClock:
    """A clock that moves only when told to. Call it for the time; pass `sleep` where something waits.

    Attributes:
        now_s: the current time in seconds.
        sleeps: every duration that `sleep` was asked for, in order.
    """

    now_s: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """The current time in seconds."""
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        """Note the duration and move the clock by it."""
        self.sleeps.append(duration_s)
        self.advance(duration_s)

    def advance(self, duration_s: float) -> None:
        """Move the clock.

        Raises:
            ValueError: the duration is negative.
        """
        if duration_s < 0:
            raise ValueError(f"a clock cannot go back by {-duration_s} s")
        self.now_s += duration_s


def rechunk(
    inputs: Iterable[SourceInput | Tick], rng: np.random.Generator, *, max_samples: int = 8_000
) -> Iterator[SourceInput | Tick]:
    """Say the same thing in other pieces, to test that chunked equals whole.

    Audio that is contiguous is joined and cut again at random, at sizes from 1 to `max_samples` spread
    evenly over their orders of magnitude. Streams are interleaved anew at random; the order within each
    stream stays. A `Tick` speaks of every stream, so nothing moves across it.

    Args:
        inputs: a recording's inputs, in an order that keeps each stream's own.
        rng: where chance comes from.
        max_samples: the longest chunk of audio, >= 1.
    """
    streams: dict[str, list[SourceInput]] = {}
    for item in inputs:
        if isinstance(item, Tick):
            yield from _interleaved(streams, rng, max_samples)
            yield item
            streams = {}
        else:
            streams.setdefault(item.stream, []).append(item)
    yield from _interleaved(streams, rng, max_samples)


def _interleaved(
    streams: dict[str, list[SourceInput]], rng: np.random.Generator, max_samples: int
) -> Iterator[SourceInput]:
    """Merge the streams by drawing, each in proportion to what it has left."""
    queues = {name: list(_recut(items, rng, max_samples)) for name, items in streams.items()}
    labels = np.repeat(np.array(list(queues), dtype=object), [len(queue) for queue in queues.values()])
    positions = dict.fromkeys(queues, 0)
    for name in rng.permutation(labels):
        yield queues[name][positions[name]]
        positions[name] += 1


def _recut(items: Iterable[SourceInput], rng: np.random.Generator, max_samples: int) -> Iterator[SourceInput]:
    run: list[AudioChunk] = []
    for item in items:
        if isinstance(item, AudioChunk) and (not run or item.start_sample == run[-1].end_sample):
            run.append(item)
            continue
        yield from _cut(run, rng, max_samples)
        run = []
        if isinstance(item, AudioChunk):
            run = [item]
        else:
            yield item
    yield from _cut(run, rng, max_samples)


def _cut(run: list[AudioChunk], rng: np.random.Generator, max_samples: int) -> Iterator[AudioChunk]:
    if not run:
        return
    samples = np.concatenate([chunk.samples for chunk in run])
    start = 0
    while start < len(samples):
        size = round(float(np.exp(rng.uniform(0.0, np.log(max_samples)))))
        yield AudioChunk(run[0].stream, run[0].start_sample + start, samples[start : start + size])
        start += size
