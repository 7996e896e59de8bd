"""Token rows that are made when they are asked for: raw input of a corpus does not fit into memory.

A second of video is 600 kB as tubelets in bytes and four times as much in float32, so rows stay where they
lie, as bytes and 16-bit samples, and become tokens one batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.inputs import Samples
from core.models.raw import audio_patches, tubelets
from core.window import Tokens
from train.corpora.sound import read_samples
from train.data.token_set import Timing
from train.raw.reading import square


class RawRow(Protocol):
    """One example's tokens of one modality, not yet made."""

    @property
    def length(self) -> int:
        """Number of tokens."""
        ...

    def tokens(self) -> Tokens:
        """Make them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class StoredFrames:
    """Frames in a file of the cache, of which `name` is the beginning of the arrays' names."""

    path: Path
    name: str

    @property
    def length(self) -> int:
        """196."""
        return tubelets.TUBELETS

    def tokens(self) -> Tokens:
        """(196, 3072) tubelets."""
        with np.load(self.path, allow_pickle=False) as data:
            frames, times_s = data[f"{self.name}.frames"], data[f"{self.name}.frame_times_s"]
        return Tokens(tubelets.tubelets(frames), tubelets.tubelet_times(times_s))


@dataclass(frozen=True, slots=True, eq=False)
class StillFrame:
    """One picture, (H, W) or (H, W, 3) uint8, seen 16 times."""

    image: NDArray[np.uint8]

    @property
    def length(self) -> int:
        """196."""
        return tubelets.TUBELETS

    def tokens(self) -> Tokens:
        """(196, 3072) tubelets, all at the second 0."""
        frames = square(self.image)[None]
        return Tokens(tubelets.tubelets(frames), np.zeros(tubelets.TUBELETS, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class StoredWave:
    """Sound of `samples` samples in a file of the cache, as 16-bit numbers."""

    path: Path
    name: str
    samples: int

    @property
    def length(self) -> int:
        """One token for each 40 ms."""
        return -(-self.samples // audio_patches.WIDTH)

    def tokens(self) -> Tokens:
        """(T, 640) patches."""
        with np.load(self.path, allow_pickle=False) as data:
            return patches_of(data[f"{self.name}.samples"].astype(np.float32) / np.float32(32_767))


@dataclass(frozen=True, slots=True, eq=False)
class SoundFile:
    """A whole sound file of `samples` samples at 16 kHz."""

    path: Path
    samples: int

    @property
    def length(self) -> int:
        """One token for each 40 ms."""
        return -(-self.samples // audio_patches.WIDTH)

    def tokens(self) -> Tokens:
        """(T, 640) patches."""
        return patches_of(read_samples(self.path))


def patches_of(samples: Samples) -> Tokens:
    """A wave form as tokens."""
    values = audio_patches.audio_patches(samples)
    return Tokens(values, audio_patches.patch_times(len(values)))


class RawRows:
    """Rows of one modality of a corpus; like `train.data.token_set.Ragged`, but nothing is in memory.

    Args:
        rows: one for each example, None where it lacks the modality.
        width: D of the tokens.
    """

    timing: Timing = "fixed"

    def __init__(self, rows: Sequence[RawRow | None], width: int) -> None:
        self._rows = tuple(rows)
        self.width = width
        self.lengths = np.array([0 if row is None else row.length for row in rows], np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Tokens:
        """Tokens of example `row`, float32."""
        found = self._rows[row]
        if found is None:
            return Tokens(np.zeros((0, self.width), np.float32), np.zeros(0, np.float32))
        return found.tokens()

    def take(self, rows: Sequence[int]) -> RawRows:
        """The examples `rows`, in that order."""
        return RawRows([self._rows[row] for row in rows], self.width)
