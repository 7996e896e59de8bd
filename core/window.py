"""`Window` and `collate`: the contract between training and the live loop.

Legend: B batch, T tokens, D token width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Tokens of one modality with a time for each.

    Attributes:
        values: (T, D) float32.
        times_s: (T,) float32; seconds, in stream time before a window is cut, since the window's start after.
    """

    values: NDArray[np.float32]
    times_s: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What is known of one person between two times. A modality that is absent is missing from `tokens`.

    Attributes:
        person: whom it is about.
        t0_s, t1_s: stream time, t0_s < t1_s.
        tokens: modality -> tokens, times in seconds since t0_s; at least one token each.
    """

    person: str
    t0_s: float
    t1_s: float
    tokens: dict[Modality, Tokens]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Modalities present, in the canonical order."""
        return tuple(m for m in MODALITIES if m in self.tokens)


@dataclass(frozen=True, slots=True)
class TokenShape:
    """Static size of one modality in a batch: at most `length` tokens of `width` numbers."""

    length: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class WindowBatch:
    """Windows padded to static shapes.

    Attributes, each a dict over all three modalities:
        values: (B, T_m, D_m) float32, zero where masked.
        times_s: (B, T_m) float32, zero where masked.
        mask: (B, T_m) bool, True for a real token. A missing modality is all False.
    """

    values: dict[Modality, NDArray[np.float32]]
    times_s: dict[Modality, NDArray[np.float32]]
    mask: dict[Modality, NDArray[np.bool_]]

    @property
    def available(self) -> NDArray[np.bool_]:
        """(B, 3) bool: which modalities have at least one token, in the canonical order."""
        return np.stack([self.mask[m].any(axis=1) for m in MODALITIES], axis=1)


def collate(windows: list[Window], shapes: dict[Modality, TokenShape]) -> WindowBatch:
    """Pad windows to the static shapes of a spec.

    Args:
        windows: B windows; tokens beyond a modality's length are dropped, oldest first: the newest are
            nearest to the estimate.
        shapes: size of each modality; every modality of `MODALITIES` must be named.

    Raises:
        ValueError: a window's token width differs from the shape's.
    """
    count = len(windows)
    values = {m: np.zeros((count, shapes[m].length, shapes[m].width), np.float32) for m in MODALITIES}
    times = {m: np.zeros((count, shapes[m].length), np.float32) for m in MODALITIES}
    mask = {m: np.zeros((count, shapes[m].length), np.bool_) for m in MODALITIES}
    for row, window in enumerate(windows):
        for modality, tokens in window.tokens.items():
            shape = shapes[modality]
            if tokens.values.shape[1] != shape.width:
                raise ValueError(
                    f"{modality} tokens are {tokens.values.shape[1]} wide, the model takes {shape.width}"
                )
            kept = min(len(tokens), shape.length)
            values[modality][row, :kept] = tokens.values[-kept:]
            times[modality][row, :kept] = tokens.times_s[-kept:]
            mask[modality][row, :kept] = True
    return WindowBatch(values, times, mask)
