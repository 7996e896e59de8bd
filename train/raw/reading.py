"""Frames and wave forms of the labelled stretches of a recording, for raw input, in one pass.

Frames are 16, spread evenly over a stretch; the middle square of each is scaled to 112 x 112 pixels. Sound is
mono at 16 kHz, as sources give it. No more is held in memory than what is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.inputs import SAMPLE_RATE, AudioChunk, Samples, VideoFrame
from core.media.source import Recording
from core.models.raw.tubelets import FRAMES, SIDE

LONGEST_S = 12.0
"""A stretch without an end is read so far: no live window is longer."""


@dataclass(frozen=True, slots=True, eq=False)
class RawStretch:
    """What a stretch holds, times in seconds since its start.

    Attributes:
        frames: (F, 112, 112, 3) uint8, RGB, F from 0 (no pictures) to 16.
        frame_times_s: (F,) float32.
        samples: (n,) float32 in [-1, 1], 16 kHz; n = 0 without sound.
    """

    frames: NDArray[np.uint8]
    frame_times_s: NDArray[np.float32]
    samples: Samples


def read_stretches(recording: Recording, spans: Sequence[tuple[float, float | None]]) -> list[RawStretch]:
    """Read stretches, which may overlap, of an opened recording.

    Args:
        recording: is read from its beginning to the end of the last stretch.
        spans: borders in seconds; an end of None is that of the recording, at most 12 s after the start.

    Raises:
        SourceError: the recording cannot be decoded.
    """
    views = [_View(t0_s, t0_s + LONGEST_S if t1_s is None else t1_s) for t0_s, t1_s in spans]
    last_s = max(view.t1_s for view in views)
    over: set[str] = set()
    for item in recording.inputs():
        start_s = item.start_sample / SAMPLE_RATE if isinstance(item, AudioChunk) else 0.0
        start_s = item.t_s if isinstance(item, VideoFrame) else start_s
        if start_s > last_s and isinstance(item, AudioChunk | VideoFrame):
            over.add(item.stream)
            if over >= {stream.name for stream in recording.streams}:
                break
        for view in views:
            if isinstance(item, AudioChunk):
                view.push_audio(item)
            elif isinstance(item, VideoFrame):
                view.push_image(item)
    return [view.stretch() for view in views]


def square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) or (H, W) uint8 -> the middle square as (112, 112, 3)."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = image[top : top + side, left : left + side]
    method = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    scaled = cv2.resize(middle, (SIDE, SIDE), interpolation=method)
    return np.asarray(np.repeat(scaled[..., None], 3, axis=2) if scaled.ndim == 2 else scaled, np.uint8)


class _View:
    """One stretch: of each sixteenth of it the first frame, and the sound as far as there is any."""

    def __init__(self, t0_s: float, t1_s: float) -> None:
        self.t0_s, self.t1_s = t0_s, t1_s
        self._frames: dict[int, tuple[float, NDArray[np.uint8]]] = {}
        self._wave = np.zeros(math.ceil((t1_s - t0_s) * SAMPLE_RATE), np.float32)
        self._heard = 0

    def push_image(self, frame: VideoFrame) -> None:
        time_s = frame.t_s - self.t0_s
        part = math.floor(time_s / (self.t1_s - self.t0_s) * FRAMES)
        if 0 <= part < FRAMES and part not in self._frames:
            self._frames[part] = (time_s, square(frame.image))

    def push_audio(self, chunk: AudioChunk) -> None:
        place = chunk.start_sample - round(self.t0_s * SAMPLE_RATE)
        first, last = max(0, place), min(len(self._wave), place + len(chunk.samples))
        if last > first:
            self._wave[first:last] = chunk.samples[first - place : last - place]
            self._heard = max(self._heard, last)

    def stretch(self) -> RawStretch:
        kept = [self._frames[part] for part in sorted(self._frames)]
        images = np.stack([image for _, image in kept]) if kept else np.zeros((0, SIDE, SIDE, 3), np.uint8)
        return RawStretch(images, np.array([t for t, _ in kept], np.float32), self._wave[: self._heard])
