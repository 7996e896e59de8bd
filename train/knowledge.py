"""What the second stage knows before it starts: base rates, and how far each peer can be trusted.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration
from core.window import TokenShape
from train.calibrate import fit_branch, reliability
from train.distillation import Knowledge
from train.inference import Outputs, evaluation_windows, outputs_of
from train.tokens import TokenSet

FLAT = BranchCalibration(temperature=(1.0,) * len(EMOTIONS), bias=(0.0,) * len(EMOTIONS))
"""Changes nothing."""


class Judged:
    """The examples of several validation sets that have a modality, with what the network said of them.

    Args:
        sets: validation parts.
        outputs: of each set, with that modality alone.
        modality: which.
        weights: corpus -> weight of one example.
    """

    def __init__(
        self,
        sets: Sequence[TokenSet],
        outputs: Sequence[Outputs],
        modality: Modality,
        weights: Mapping[str, float],
    ) -> None:
        column = MODALITIES.index(modality)
        rows = [o.available[:, column] for o in outputs]
        self.targets = np.concatenate([s.targets[r] for s, r in zip(sets, rows, strict=True)])
        self.known = np.concatenate([s.known[r] for s, r in zip(sets, rows, strict=True)])
        self.logits = np.concatenate([o.logits[r] for o, r in zip(outputs, rows, strict=True)])
        self.peer = np.concatenate([o.peer_logits[r, column] for o, r in zip(outputs, rows, strict=True)])
        self.counts = np.concatenate([o.counts[r] for o, r in zip(outputs, rows, strict=True)])
        self.weights = np.concatenate(
            [np.full(int(r.sum()), weights.get(s.corpus, 1.0)) for s, r in zip(sets, rows, strict=True)]
        )


def judge(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    modality: Modality,
    weights: Mapping[str, float],
) -> Judged | None:
    """Run the network over all validation examples with one modality alone; None where none has it."""
    having = [s for s in validation if modality in s.tokens and len(s)]
    if not having:
        return None
    outputs = [outputs_of(net, evaluation_windows(s, (modality,)), shapes) for s in having]
    return Judged(having, outputs, modality, weights)


def calibrated_peers(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    weights: Mapping[str, float],
) -> tuple[dict[Modality, BranchCalibration], NDArray[np.float64]]:
    """Each peer's calibration, and its reliability (M, C); a modality without data counts for nothing."""
    branches: dict[Modality, BranchCalibration] = dict.fromkeys(MODALITIES, FLAT)
    trust = np.zeros((len(MODALITIES), len(EMOTIONS)))
    for i, modality in enumerate(MODALITIES):
        seen = judge(net, validation, shapes, modality, weights)
        if seen is not None:
            branches[modality] = fit_branch(seen.peer, seen.targets, seen.known, seen.weights)
            trust[i] = reliability(seen.peer, seen.targets, seen.known, branches[modality])
    return branches, trust


def knowledge_of(
    train: Sequence[TokenSet],
    branches: Mapping[Modality, BranchCalibration],
    trust: NDArray[np.float64],
) -> Knowledge:
    """Pack base rates of the training data and the peers' calibration for the losses."""
    known = np.concatenate([s.known for s in train])
    targets = np.concatenate([s.targets for s in train])
    rate = ((targets * known).sum(axis=0) + 1.0) / (known.sum(axis=0) + 2.0)
    as_rows = [branches[m] for m in MODALITIES]
    return Knowledge(
        torch.tensor(np.log(rate / (1 - rate)), dtype=torch.float32),
        torch.tensor([b.temperature for b in as_rows], dtype=torch.float32),
        torch.tensor([b.bias for b in as_rows], dtype=torch.float32),
        torch.tensor(trust, dtype=torch.float32),
    )
