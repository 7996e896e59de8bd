"""Any audio to 16 kHz mono float32, by libswresample."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

import av
import numpy as np
from av.filter import Graph

from core.inputs import SAMPLE_RATE, Samples

MAX_CHANNELS: Final = 64
"""libswresample takes no more."""


class AudioFormat(NamedTuple):
    """What a decoded frame looks like; a change of it needs a new resampler."""

    sample_format: str
    layout: str
    channels: int
    rate: int

    @classmethod
    def of(cls, frame: av.AudioFrame) -> AudioFormat:
        """The format of a frame."""
        return cls(frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate)


class Resampler:
    """Resamples one run of audio of constant format.

    The downmix is normalised, so that correlated channels cannot exceed full scale (swresample does that for
    integers only unless told). Layouts that it has no downmix for are averaged over their channels.

    Raises:
        av.FFmpegError: the format cannot be resampled.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._graph = Graph()
        self._source = self._graph.add_abuffer(
            sample_rate=audio.rate,
            format=audio.sample_format,
            layout=audio.layout,
            time_base=Fraction(1, audio.rate),
        )
        chain = [self._source]
        if audio.channels > 8:
            mean = "+".join(f"c{channel}" for channel in range(audio.channels))
            chain.append(self._graph.add("pan", f"mono|c0<{mean}"))
        conversion = f"osr={SAMPLE_RATE}:osf=flt:ochl=mono:rematrix_maxval=1.0"
        self._sink = self._graph.add("abuffersink")
        self._graph.link_nodes(*chain, self._graph.add("aresample", conversion), self._sink)
        self._graph.configure()

    def push(self, frame: av.AudioFrame) -> Samples:
        """Take a frame in and return what is ready: (n,) float32 in [-1, 1]; n may be 0."""
        frame.pts = None  # the timeline keeps time; swresample must not compensate on its own
        self._source.push(frame)
        return self._ready()

    def flush(self) -> Samples:
        """Return the rest. The resampler is of no use afterwards."""
        self._source.push(None)
        return self._ready()

    def _ready(self) -> Samples:
        pieces = [np.zeros(0, np.float32), *self._pulled()]
        samples: Samples = np.nan_to_num(np.concatenate(pieces), copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        return np.clip(samples, -1.0, 1.0, out=samples)

    def _pulled(self) -> Iterator[Samples]:
        while True:
            try:
                frame = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            yield frame.to_ndarray()[0].astype(np.float32, copy=False)
