"""What the second stage knows before it starts: base rates, and how far each peer can be trusted.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from core.labels import MODALITIES, Modality
from core.models.evidence import EvidenceWeights
from core.models.fusion import EmotionNet
from core.spec import BranchCalibration
from core.window import TokenShape
from train.calibration.fitting import fit_branch, reliability
from train.data.token_set import TokenSet
from train.fusion.objective import Teacher
from train.inference import Outputs, evaluation_windows, outputs_of

FEW_SOURCES: Final = 100
"""Speakers or recordings below which validation data cannot show that a peer may be sharpened."""


def identity_calibration(labels: int) -> BranchCalibration:
    """The calibration of so many labels that changes nothing."""
    return BranchCalibration(temperature=(1.0,) * labels, bias=(0.0,) * labels)


def may_sharpen(sources: int) -> bool:
    """Whether so many speakers or recordings can show that a temperature below 1 is right.

    A few speakers of the training's own corpora may all be easy; on others a sharpened peer is sure and
    wrong.
    """
    return sources >= FEW_SOURCES


class ValidationOutputs:
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
        self.sources = sum(
            len({s.sources[i] for i in np.flatnonzero(r)}) for s, r in zip(sets, rows, strict=True)
        )
        self.weights = np.concatenate(
            [np.full(int(r.sum()), weights.get(s.corpus, 1.0)) for s, r in zip(sets, rows, strict=True)]
        )


def validation_outputs(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    modality: Modality,
    weights: Mapping[str, float],
) -> ValidationOutputs | None:
    """Run the network over all validation examples with one modality alone; None where none has it."""
    having = [s for s in validation if modality in s.tokens and len(s)]
    if not having:
        return None
    outputs = [outputs_of(net, evaluation_windows(s, (modality,)), shapes) for s in having]
    return ValidationOutputs(having, outputs, modality, weights)


@dataclass(frozen=True, slots=True, eq=False)
class PeerReliability:
    """What validation data say of the peers.

    Attributes:
        branches: calibration of each peer.
        trust: (M, C) its reliability; 0 for a modality without data.
        base_logits: (M, C) log-odds of the base rates in its corpora; NaN where nothing is known.
    """

    branches: dict[Modality, BranchCalibration]
    trust: NDArray[np.float64]
    base_logits: NDArray[np.float64]

    @property
    def known_base_logits(self) -> NDArray[np.float64]:
        """(M, C) `base_logits`; where a modality knows nothing of a label, the mean over those that do."""
        known = ~np.isnan(self.base_logits)
        total = np.where(known, self.base_logits, 0.0).sum(axis=0)
        return np.where(known, self.base_logits, total / np.maximum(known.sum(axis=0), 1))


def measure_reliability(
    net: EmotionNet,
    validation: Sequence[TokenSet],
    shapes: Mapping[Modality, TokenShape],
    weights: Mapping[str, float],
) -> PeerReliability:
    """Calibrate each peer on the examples that have its modality, and see how much it knows."""
    labels = validation[0].targets.shape[1]
    branches: dict[Modality, BranchCalibration] = dict.fromkeys(MODALITIES, identity_calibration(labels))
    trust = np.zeros((len(MODALITIES), labels))
    base = np.full(trust.shape, np.nan)
    for i, modality in enumerate(MODALITIES):
        outputs = validation_outputs(net, validation, shapes, modality, weights)
        if outputs is not None:
            branches[modality] = fit_branch(
                outputs.peer,
                outputs.targets,
                outputs.known,
                outputs.weights,
                sharpen=may_sharpen(outputs.sources),
            )
            trust[i] = reliability(outputs.peer, outputs.targets, outputs.known, branches[modality])
            base[i] = _log_odds(outputs.targets, outputs.known, outputs.weights)
    return PeerReliability(branches, trust, base)


def equal_reliability(train: Sequence[TokenSet]) -> PeerReliability:
    """What can be said of peers that have learned nothing yet: as much trust for each, logits as they are."""
    labels = train[0].targets.shape[1]
    trust = np.zeros((len(MODALITIES), labels))
    base = np.full(trust.shape, np.nan)
    for i, modality in enumerate(MODALITIES):
        rows = [(s, s.present[:, i]) for s in train if modality in s.tokens]
        if rows:
            trust[i] = 1.0
            known = np.concatenate([s.known[there] for s, there in rows])
            base[i] = _log_odds(
                np.concatenate([s.targets[there] for s, there in rows]), known, np.ones(len(known))
            )
    return PeerReliability(dict.fromkeys(MODALITIES, identity_calibration(labels)), trust, base)


def make_teacher(
    train: Sequence[TokenSet], peer_reliability: PeerReliability, people: EvidenceWeights | None = None
) -> Teacher:
    """Pack base rates of the training data, the peers' reliability and people's weights for the losses."""
    known = np.concatenate([s.known for s in train])
    prior = _log_odds(np.concatenate([s.targets for s in train]), known, np.ones(len(known)))
    rows = [peer_reliability.branches[m] for m in MODALITIES]

    def tensor(values: ArrayLike) -> torch.Tensor:
        return torch.tensor(np.asarray(values, np.float32))

    return Teacher(
        prior_logit=tensor(np.nan_to_num(prior)),
        temperature=tensor([b.temperature for b in rows]),
        bias=tensor([b.bias for b in rows]),
        reliability=tensor(peer_reliability.trust),
        base_logits=tensor(peer_reliability.known_base_logits),
        people=people,
    )


def _log_odds(
    targets: NDArray[np.floating], known: NDArray[np.bool_], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(C,) log-odds of the base rates, by one example smoothed; NaN for a label that is never known."""
    weight = known * weights[:, None]
    rate = ((targets * weight).sum(axis=0) + 0.5) / (weight.sum(axis=0) + 1.0)
    return np.where(known.any(axis=0), np.log(rate / (1 - rate)), np.nan)
