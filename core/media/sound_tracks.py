"""Which of several sound tracks is heard: the first one, unless it is silent and another is not."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import av
import numpy as np

from core.inputs import SAMPLE_RATE
from core.media.channels import AUDIBLE, BLOCK
from core.media.container import open_container
from core.media.decoder import MediaStream, StreamDecoder
from core.media.resampler import AudioFormat, Resampler

_LISTENS_S: Final = 120.0
_SPEAKS: Final = 8
"""Audible blocks of a quarter of a second: two seconds of voice."""

_SILENT_SHARE: Final = 0.1
"""A track with less than this share of another's audible blocks counts as silent beside it."""


def speaking_track(path: Path, tracks: Sequence[int]) -> int:
    """Choose among the sound tracks of a file, of which the first is the one that players choose.

    Args:
        path: the file.
        tracks: indices of the streams, at least one. With one, nothing is read.
    """
    if len(tracks) == 1 or (spoken := _audible_blocks(path, tracks[0], _SPEAKS)) >= _SPEAKS:
        return tracks[0]
    others = {track: _audible_blocks(path, track) for track in tracks[1:]}
    best = max(others, key=lambda track: others[track])
    return best if spoken < _SILENT_SHARE * others[best] else tracks[0]


def tracks_sentence(tracks: Sequence[int], used: int) -> str:
    """What is told about a file with several sound tracks: which one is used, counted from 1 in the file.

    Args:
        tracks: as for `speaking_track`.
        used: what it chose.
    """
    in_file = sorted(tracks)
    numbers = [str(number) for number, track in enumerate(in_file, 1) if track != used]
    rest = f"track {numbers[0]} is not" if len(numbers) == 1 else f"tracks {', '.join(numbers)} are not"
    why = "" if used == tracks[0] else f" (track {in_file.index(tracks[0]) + 1} is silent)"
    return (
        f"The recording has {len(tracks)} sound tracks; track {in_file.index(used) + 1} is used, {rest}{why}."
    )


def _audible_blocks(path: Path, track: int, enough: int | None = None) -> int:
    """How many blocks of a track's first minutes rise above its steady noise; stops when there are enough."""
    levels: list[float] = []
    pending = np.zeros(0, np.float32)
    with open_container(path) as container:
        stream = container.streams[track]
        assert isinstance(stream, MediaStream)
        resampler: Resampler | None = None
        audio: AudioFormat | None = None
        for frame in StreamDecoder(container, stream).frames():
            assert isinstance(frame, av.AudioFrame)
            if AudioFormat.of(frame) != audio:
                audio, resampler = AudioFormat.of(frame), None
                with contextlib.suppress(av.FFmpegError, ValueError):
                    resampler = Resampler(audio)
            if resampler is None or not frame.samples:
                continue
            pending = np.concatenate([pending, resampler.push(frame)])
            while len(pending) >= BLOCK:
                levels.append(float(np.sqrt(np.mean(np.square(pending[:BLOCK], dtype=np.float64)))))
                pending = pending[BLOCK:]
            if enough is not None and _audible(levels) >= enough:
                break
            if len(levels) * BLOCK >= _LISTENS_S * SAMPLE_RATE:
                break
    return _audible(levels)


def _audible(levels: list[float]) -> int:
    steady = float(np.percentile(levels, 10)) if len(levels) >= _SPEAKS else 0.0
    return sum(level > max(AUDIBLE, 2 * steady) for level in levels)
