"""Label-blind joined windows of validation parts: nobody knows their labels, but the teacher has a view.

They are all there is to choose and calibrate a fusion by where no corpus has several modalities together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from core.labels import MODALITIES, Modality
from core.window import TokenShape, Window
from train.data.token_set import TokenSet
from train.data.window_augmentation import WindowAugmentation
from train.fusion.batches import BatchConfig, BatchMaker

SEED: Final = 1
"""Of the draw: the same windows in every validation."""


def joined_windows(
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    names: tuple[Modality, ...],
    placement: WindowAugmentation,
    count: int,
) -> list[Window]:
    """Windows with exactly `names`, each modality of an unrelated example; none where a modality is nowhere.

    Args:
        validation: validation parts.
        shapes: static sizes.
        names: at least two modalities.
        placement: how windows are drawn.
        count: how many are drawn; truly paired examples among them may give fewer.
    """
    sets = [_only(s, names) for s in validation if len(s) and set(s.tokens) & set(names)]
    if {m for s in sets for m in s.tokens} != set(names):
        return []
    shares = BatchConfig(
        two_missing=0, one_missing=float(len(names) == 2), all_present=float(len(names) == 3)
    )
    maker = BatchMaker(sets, shapes, shares, placement, seed=SEED)
    return [w for w in maker.windows(0, count) if set(w.tokens) == set(names)]


def truly_paired(validation: Sequence[TokenSet], names: tuple[Modality, ...]) -> list[TokenSet]:
    """The examples of each validation part that truly have all of `names`; parts without any are left out."""
    columns = [MODALITIES.index(m) for m in names]
    found = []
    for tokens in validation:
        rows = np.flatnonzero(tokens.present[:, columns].all(axis=1))
        if len(rows):
            found.append(tokens.take([int(i) for i in rows]))
    return found


def _only(tokens: TokenSet, names: tuple[Modality, ...]) -> TokenSet:
    kept = {m: r for m, r in tokens.tokens.items() if m in names}
    return TokenSet(
        tokens.corpus, tokens.ids, tokens.sources, tokens.splits, tokens.targets, tokens.known, kept
    )
