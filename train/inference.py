"""Running a network over token sets, as evaluation and calibration do.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from core.labels import MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.window import TokenShape, Window, WindowBatch, collate
from train.data.token_set import TokenSet
from train.data.window_augmentation import as_given

BATCH: Final = 128
"""Rows that are computed at once, at most."""

NUMBERS: Final = 1 << 24
"""Numbers that a batch's tokens have, at most: raw input is large."""


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What a network says, before calibration.

    Attributes:
        logits: (N, C) float32 of the fusion.
        peer_logits: (N, M, C) float32; rows of absent modalities have no meaning.
        attribution: (N, M) float32.
        counts: (N, M) int64 tokens of each modality.
    """

    logits: NDArray[np.float32]
    peer_logits: NDArray[np.float32]
    attribution: NDArray[np.float32]
    counts: NDArray[np.int64]

    @property
    def available(self) -> NDArray[np.bool_]:
        """(N, M) bool."""
        return self.counts > 0


def outputs_of(net: EmotionNet, windows: Sequence[Window], shapes: Mapping[Modality, TokenShape]) -> Outputs:
    """Run the network over windows, which may be made only when they are asked for."""
    rows = max(1, min(BATCH, NUMBERS // sum(s.length * s.width for s in shapes.values())))
    parts = []
    for start in range(0, len(windows), rows):
        chunk = [windows[i] for i in range(start, min(start + rows, len(windows)))]
        parts.append(_run(net, collate(chunk, _trimmed(chunk, shapes))))
    return Outputs(*(np.concatenate([getattr(p, name) for p in parts]) for name in Outputs.__slots__))


class EvaluationWindows(Sequence[Window]):
    """Each example of a token set as one window with those of its modalities; one without any is empty.

    Windows are made when they are asked for.

    Args:
        tokens: the examples.
        modalities: which may be in a window.
    """

    def __init__(self, tokens: TokenSet, modalities: Collection[Modality] = MODALITIES) -> None:
        self._tokens = {m: rows for m, rows in tokens.tokens.items() if m in modalities}
        self._lengths = {m: rows.lengths for m, rows in self._tokens.items()}
        self._count = len(tokens)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> Window:  # type: ignore[override]
        if not 0 <= row < self._count:
            raise IndexError(row)
        kept = {
            m: as_given(rows[row], rows.timing) for m, rows in self._tokens.items() if self._lengths[m][row]
        }
        return Window("", 0.0, 1.0, kept)


def evaluation_windows(tokens: TokenSet, modalities: Collection[Modality] = MODALITIES) -> EvaluationWindows:
    """The windows on which a network is judged."""
    return EvaluationWindows(tokens, modalities)


def _trimmed(windows: list[Window], shapes: Mapping[Modality, TokenShape]) -> dict[Modality, TokenShape]:
    """No longer than these windows need: padding changes no result, but costs time."""
    longest = {m: max((len(w.tokens[m]) for w in windows if m in w.tokens), default=1) for m in shapes}
    return {m: TokenShape(min(s.length, longest[m]), s.width) for m, s in shapes.items()}


@torch.no_grad()
def _run(net: EmotionNet, batch: WindowBatch) -> Outputs:
    device = next(net.parameters()).device
    parts = [
        {m: torch.from_numpy(part[m]).to(device) for m in MODALITIES}
        for part in (batch.values, batch.times_s, batch.mask)
    ]
    logits, peer_logits, attribution = net(*parts)[:3]
    counts = np.stack([batch.mask[m].sum(axis=1) for m in MODALITIES], axis=1)
    return Outputs(logits.cpu().numpy(), peer_logits.cpu().numpy(), attribution.cpu().numpy(), counts)
