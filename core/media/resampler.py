"""Any audio to 16 kHz mono float32, by libswresample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, NamedTuple, cast

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, Samples
from core.media.channels import ChannelChoice

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
    """Resamples one run of audio of constant format, and mixes its channels.

    The downmix is normalised, so that correlated channels cannot exceed full scale (swresample does that for
    integers only unless told). Layouts that it has no downmix for are averaged over their channels.

    Args:
        audio: the format of all frames.
        choice: compares the mix with its channels and gives one of them where the mix loses it; None gives
            the mix.

    Raises:
        av.FFmpegError: the format cannot be resampled.
    """

    def __init__(self, audio: AudioFormat, choice: ChannelChoice | None = None) -> None:
        average = "+".join(f"c{channel}" for channel in range(audio.channels))
        pan = [("pan", f"mono|c0<{average}")] if audio.channels > 8 else []
        conversion = f"osr={SAMPLE_RATE}:osf=flt:ochl=mono:rematrix_maxval=1.0"
        self._mix = _Chain(audio, [*pan, ("aresample", conversion)])
        self._choice = choice if audio.channels > 1 else None
        self._parts = (
            _Chain(audio, [("aresample", f"osr={SAMPLE_RATE}:osf=flt")], audio.channels)
            if self._choice is not None
            else None
        )

    def push(self, frame: av.AudioFrame) -> Samples:
        """Take a frame in and return what is ready: (n,) float32 in [-1, 1]; n may be 0."""
        frame.pts = None  # the timeline keeps time; swresample must not compensate on its own
        return self._chosen(frame)

    def flush(self) -> Samples:
        """Return the rest. The resampler is of no use afterwards."""
        rest = self._chosen(None)
        return rest if self._choice is None else np.concatenate([rest, self._choice.flush()])

    def _chosen(self, frame: av.AudioFrame | None) -> Samples:
        mix = self._mix.push(frame)
        if self._choice is None or self._parts is None:
            return cast(Samples, mix[0])
        return self._choice.push(mix[0], self._parts.push(frame))


class _Chain:
    """Some filters behind each other.

    Args:
        audio: what goes in.
        filters: name and options of each; the last gives float32.
        rows: channels that come out.
    """

    def __init__(self, audio: AudioFormat, filters: Sequence[tuple[str, str]], rows: int = 1) -> None:
        self._graph = Graph()
        self._source = self._graph.add_abuffer(
            sample_rate=audio.rate,
            format=audio.sample_format,
            layout=audio.layout,
            time_base=Fraction(1, audio.rate),
        )
        self._sink = self._graph.add("abuffersink")
        made = [self._graph.add(name, options) for name, options in filters]
        self._graph.link_nodes(self._source, *made, self._sink)
        self._graph.configure()
        self._rows = rows

    def push(self, frame: av.AudioFrame | None) -> NDArray[np.float32]:
        """(channels, n) float32 in [-1, 1], what is ready; None gives the rest."""
        self._source.push(frame)
        pieces = list(self._pulled())
        samples = np.concatenate([np.zeros((self._rows, 0), np.float32), *pieces], axis=1)
        samples = np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        clipped: NDArray[np.float32] = np.clip(samples, -1.0, 1.0, out=samples)
        return clipped

    def _pulled(self) -> Iterator[NDArray[np.float32]]:
        while True:
            try:
                frame = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.AudioFrame)
            # packed, because PyAV reads planes beyond the eighth out of memory that is not theirs
            yield frame.to_ndarray().reshape(-1, self._rows).T.astype(np.float32, copy=False)
