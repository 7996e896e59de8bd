"""What the second stage knows before it starts: base rates, and how far each peer can be trusted.

Legend: N examples, C labels, M = 3 modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from train.metrics import single_answers

FEW_SOURCES: Final = 100
"""Speakers or recordings below which validation data cannot show that a peer may be sharpened."""


STRAY: Final = 0.95
"""Quantile of a peer's evidence for a label, on examples of another one, up to which it counts nothing."""

_FEWEST_STRAY: Final = 20


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
        self._corpora = [(s.corpus, int(r.sum())) for s, r in zip(sets, rows, strict=True)]
        self.weights = self.weighed(weights)

    def weighed(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """(N,) weight of each example by its corpus."""
        return np.concatenate([np.full(count, weights.get(name, 1.0)) for name, count in self._corpora])


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
        stray: modality -> (C, C) the `STRAY` quantile of its evidence for each label (second axis) on
            examples that have another label alone (first axis); NaN where there are too few.
    """

    branches: dict[Modality, BranchCalibration]
    trust: NDArray[np.float64]
    base_logits: NDArray[np.float64]
    stray: dict[Modality, NDArray[np.float64]] = field(default_factory=dict)

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
    stray: dict[Modality, NDArray[np.float64]] = {}
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
            if not may_sharpen(outputs.sources):  # one calibration for all labels: one base for them, too
                base[i] = np.where(np.isnan(base[i]), np.nan, np.nanmean(base[i]))
            stray[modality] = _stray(outputs, branches[modality], base[i])
    return PeerReliability(branches, trust, base, stray)


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
    if people is not None:
        people = _deaf_to_stray(people, peer_reliability)

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


def _deaf_to_stray(people: EvidenceWeights, known: PeerReliability) -> EvidenceWeights:
    """The weights with margins out of which nothing sticks that emotionless examples give, too.

    It concerns modalities with `calm` labels, which are words; where too little is known, margins stay.
    """
    margin = people.margin.clone()
    for i, modality in enumerate(MODALITIES):
        for label in torch.nonzero(people.calm[i] > 0).flatten().tolist():
            found = known.stray.get(modality)
            if found is not None and not np.isnan(found[label]).any():
                others = torch.arange(margin.shape[1]) != label
                margin[i, others] = torch.tensor(found[label], dtype=margin.dtype).clamp(min=0.0)[others]
    return people._replace(margin=margin)


def _stray(
    outputs: ValidationOutputs, branch: BranchCalibration, base_logits: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(C, C) as in `PeerReliability.stray`."""
    evidence = outputs.peer / np.array(branch.temperature) + np.array(branch.bias) - base_logits
    answers = single_answers(outputs.targets, outputs.known)
    found = np.full((evidence.shape[1], evidence.shape[1]), np.nan)
    for label in range(len(found)):
        rows = answers == label
        if rows.sum() >= _FEWEST_STRAY:
            found[label] = np.quantile(evidence[rows], STRAY, axis=0)
    return found


def _log_odds(
    targets: NDArray[np.floating], known: NDArray[np.bool_], weights: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(C,) log-odds of the base rates, by one example smoothed; NaN for a label that is never known."""
    weight = known * weights[:, None]
    rate = ((targets * weight).sum(axis=0) + 0.5) / (weight.sum(axis=0) + 1.0)
    return np.where(known.any(axis=0), np.log(rate / (1 - rate)), np.nan)
