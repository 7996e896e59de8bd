"""Decoded audio laid on a continuous 16 kHz timeline, where every hole is announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, AudioChunk, EndOfStream, Gap, Samples
from core.media.channels import ChannelChoice
from core.media.faults import FaultLog
from core.media.resampler import AudioFormat, Resampler

TOLERANCE_S: Final = 0.04
"""Time stamps are rounded and jitter by this much; only what exceeds it is a hole or an overlap."""

_MOST_PLANES: Final = 8
"""PyAV reads planes beyond these out of memory that is not theirs."""

RATES_HZ: Final = (2_000, 768_000)
"""Sample rates that recordings have."""


class AudioTimeline:
    """Puts frames where their time says, and otherwise trusts the count of samples.

    Holes above `TOLERANCE_S` become a `Gap`; overlaps are trimmed; anything smaller is absorbed.

    Args:
        stream: name of the stream.
        chunk_samples: length of the chunks; the last one before a gap or the end is shorter.
        faults: where holes and overlaps are told.
    """

    def __init__(self, stream: str, chunk_samples: int, faults: FaultLog) -> None:
        self._stream = stream
        self._chunk_samples = chunk_samples
        self._faults = faults
        self._start = 0  # sample index of the first sample in `_pending`
        self._pending: Samples = np.zeros(0, np.float32)
        self._format: AudioFormat | None = None
        self._resampler: Resampler | None = None
        self._run_s = 0.0  # when the current run of frames of one format began ...
        self._run_frames = 0  # ... and how many of its own samples it has had
        self._heard = False
        self._overlap_s = 0.0
        self._choices: dict[tuple[str, int], ChannelChoice] = {}
        self._refused: set[AudioFormat] = set()

    @property
    def expected_s(self) -> float:
        """Stream time at which the next frame continues without a hole."""
        return self._run_s + (self._run_frames / self._format.rate if self._format else 0.0)

    def push(self, frame: av.AudioFrame, t_s: float, *, damaged: bool) -> Iterator[AudioChunk | Gap]:
        """Lay down a frame presented at `t_s`; `damaged` when something before it was not readable."""
        audio = AudioFormat.of(frame)
        if frame.samples == 0 or not self._accepts(audio):
            return
        hole_s = t_s - self.expected_s
        if hole_s > TOLERANCE_S:
            yield from self._leave_hole(t_s, damaged=damaged)
        elif hole_s < -TOLERANCE_S:
            trimmed = self._trimmed(frame, -hole_s)
            if trimmed is None:
                return
            frame = trimmed
        elif not self._heard and hole_s > 0:
            # The first samples keep their exact distance from the pictures.
            self._pending = np.zeros(round(hole_s * SAMPLE_RATE), np.float32)
            self._run_s = t_s
        if audio != self._format:
            self._end_run()
            self._format, self._resampler = audio, Resampler(audio, self._choice(audio))
        assert self._resampler is not None
        self._heard = True
        self._run_frames += frame.samples
        self._append(self._resampler.push(frame))
        yield from self._full_chunks()

    def finish(self) -> Iterator[AudioChunk | EndOfStream]:
        """Give what is left and end the stream."""
        self._end_run()
        yield from self._full_chunks()
        yield from self._last_chunk()
        if not self._heard:
            self._faults.note("No sound could be decoded.")
        if self._overlap_s:
            self._faults.note(
                f"{self._overlap_s:.2f} s of sound overlapped what came before and were left out."
            )
        yield EndOfStream(self._stream, self._start / SAMPLE_RATE)

    def _accepts(self, audio: AudioFormat) -> bool:
        if audio == self._format:
            return True
        if audio in self._refused:
            return False
        try:
            if not RATES_HZ[0] <= audio.rate <= RATES_HZ[1]:
                raise ValueError("no recording has that rate")
            Resampler(audio)
        except (av.FFmpegError, ValueError):
            self._refused.add(audio)
            self._faults.note(
                f"The sound after {self.expected_s:.2f} s is in a form that cannot be used"
                f" ({audio.channels} channels at {audio.rate} Hz)."
            )
            return False
        return True

    def _choice(self, audio: AudioFormat) -> ChannelChoice | None:
        if audio.channels < 2:
            return None
        choice = self._choices.setdefault(
            (audio.layout, audio.channels), ChannelChoice(audio.channels, self._faults.note)
        )
        choice.begin(self._run_s)
        return choice

    def _leave_hole(self, t_s: float, *, damaged: bool) -> Iterator[AudioChunk | Gap]:
        self._end_run()
        yield from self._full_chunks()
        yield from self._last_chunk()
        start = max(round(t_s * SAMPLE_RATE), self._start + 1)
        t0_s, t1_s = self._start / SAMPLE_RATE, start / SAMPLE_RATE
        if damaged:
            reason = "the sound cannot be read here"
            self._faults.note(f"The sound from {t0_s:.2f} s to {t1_s:.2f} s could not be read.")
        elif self._heard:
            reason = "the recording has no sound here"
            self._faults.note(f"There is no sound from {t0_s:.2f} s to {t1_s:.2f} s.")
        else:
            reason = "the sound starts later"
        yield Gap(self._stream, t0_s, t1_s, reason)
        self._start, self._run_s = start, t1_s

    def _trimmed(self, frame: av.AudioFrame, overlap_s: float) -> av.AudioFrame | None:
        dropped = round(overlap_s * frame.sample_rate)
        self._overlap_s += min(dropped, frame.samples) / frame.sample_rate
        if dropped >= frame.samples or (frame.format.is_planar and frame.layout.nb_channels > _MOST_PLANES):
            return None
        values: NDArray[Any] = frame.to_ndarray()
        width = 1 if frame.format.is_planar else frame.layout.nb_channels
        kept = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(values[:, dropped * width :]),
            format=frame.format.name,
            layout=frame.layout.name,
        )
        kept.sample_rate = frame.sample_rate
        return kept

    def _end_run(self) -> None:
        if self._resampler is not None:
            self._append(self._resampler.flush())
        self._resampler = self._format = None
        self._run_s = (self._start + len(self._pending)) / SAMPLE_RATE
        self._run_frames = 0

    def _append(self, samples: Samples) -> None:
        self._pending = np.concatenate([self._pending, samples])

    def _full_chunks(self) -> Iterator[AudioChunk]:
        while len(self._pending) >= self._chunk_samples:
            yield from self._chunk(self._chunk_samples)

    def _last_chunk(self) -> Iterator[AudioChunk]:
        if len(self._pending):
            yield from self._chunk(len(self._pending))

    def _chunk(self, size: int) -> Iterator[AudioChunk]:
        chunk = AudioChunk(self._stream, self._start, self._pending[:size].copy())
        self._start, self._pending = chunk.end_sample, self._pending[size:]
        yield chunk
