"""The objective of a training step: which losses, with which weights, on which branch.

Legend as in `train.fusion.losses`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.labels import MODALITIES
from core.models.evidence import EvidenceWeights, combine
from core.models.fusion import NetDetails
from train.fusion import losses
from train.fusion.momentum_queue import MomentumQueue

DistillationKind = Literal["evidence", "mean", "each", "people", "product"]


class LossConfig(Strict):
    """Weights of the losses; 0 switches one off, so an ablation is a list of these keys.

    Attributes:
        fusion, peers: supervised loss of the fusion and of each peer.
        logit_adjustment: strength of the base-rate correction in the supervised losses.
        distillation: weight of the fusion's divergence from the teacher.
        distillation_kind: what the peers teach together: "evidence" = sum of their evidence (see
            `train.fusion.losses.teacher`); "mean" = mean of their logits; "each" = the paper's
            KL(peer || fusion), every peer by itself; "people" = their evidence weighed as people weigh voice
            and face (see `train.calibration.people`); "product" = product of logits with half of the
            divergence, as in the released code of the paper.
        temperature: of the distillation, fixed.
        collaboration: weight of the peers' divergence from the fusion.
        doubt: whether the teacher counts less where it contradicts a known label.
        full_view: weight of the divergence of the fusion on a partial view from the fusion on the full view.
        contrastive, contrastive_width: InfoNCE between modalities, and the width of its projections.
        contrastive_queue: remembered rows of earlier steps that serve as further negatives; 0 = none.
        consistency: label-consistency calibration.
        affect: valence and arousal.
    """

    fusion: float = Field(1.0, ge=0)
    peers: float = Field(0.4, ge=0)
    logit_adjustment: float = Field(0.0, ge=0, le=1)
    distillation: float = Field(1.0, ge=0)
    distillation_kind: DistillationKind = "evidence"
    temperature: float = Field(2.0, ge=1, le=3)
    collaboration: float = Field(0.0, ge=0)
    doubt: bool = True
    full_view: float = Field(0.0, ge=0)
    contrastive: float = Field(0.0, ge=0)
    contrastive_width: int = Field(64, gt=0)
    contrastive_queue: int = Field(0, ge=0)
    consistency: float = Field(0.1, ge=0)
    affect: float = Field(0.2, ge=0)


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What is known of the rows of a batch.

    Attributes:
        fusion, fusion_mask: (B, C) target of the whole row and which labels are known; nothing is known of a
            row whose modalities come from different recordings.
        peers, peers_mask: (B, M, C) target of each modality alone; all False where it is absent.
        available: (B, M) bool.
        groups: (B,) integer id of the recording.
        paired: (B,) bool, True where all modalities of the row come from one recording.
        affect, affect_mask: (B, 2) valence and arousal.
    """

    fusion: Tensor
    fusion_mask: Tensor
    peers: Tensor
    peers_mask: Tensor
    available: Tensor
    groups: Tensor
    paired: Tensor
    affect: Tensor
    affect_mask: Tensor

    def to(self, device: torch.device) -> Targets:
        """Copy to a device."""
        return Targets(**{name: getattr(self, name).to(device) for name in self.__slots__})


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """What was derived from training and validation data before the training starts.

    Attributes:
        prior_logit: (C,) log-odds of the base rates in the training data.
        temperature, bias: (M, C) calibration of the peers as they enter the teacher.
        reliability: (M, C) weight of each peer in the teacher.
        base_logits: (M, C) log-odds of the labels in each peer's own corpora.
        people: how people weigh evidence; None where nothing is taught that way.
    """

    prior_logit: Tensor
    temperature: Tensor
    bias: Tensor
    reliability: Tensor
    base_logits: Tensor
    people: EvidenceWeights | None = None

    def to(self, device: torch.device) -> Teacher:
        """Copy to a device."""
        moved = {name: getattr(self, name).to(device) for name in self.__slots__ if name != "people"}
        people = None if self.people is None else EvidenceWeights(*(w.to(device) for w in self.people))
        return Teacher(**moved, people=people)

    @property
    def base(self) -> Tensor:
        """(C,) log-odds where nobody has evidence: one number for all labels.

        How often a label is present differs between corpora of words, voices and faces, and is a property of
        the use. Where several modalities meet, evidence alone tells labels apart.
        """
        return self.base_logits.mean().expand(self.base_logits.shape[1])

    def logits(self, peer_logits: Tensor, available: Tensor, kind: DistillationKind = "evidence") -> Tensor:
        """(B, M, C) logits of the peers and (B, M) bool -> (B, C) what they teach together, without gradient.

        "evidence" and "mean" as in `train.fusion.losses.teacher`; "people" as in
        `core.models.evidence.combine` with people's weights, where a peer alone teaches its own logits.
        """
        calibrated = peer_logits / self.temperature + self.bias
        if kind == "people" and self.people is not None:
            evidence = (calibrated - self.base_logits).detach()
            together = combine(evidence, available, self.people, self.base)
            own = torch.where(available[..., None], calibrated, 0.0).sum(dim=1).detach()
            return torch.where(available.sum(dim=1, keepdim=True) == 1, own, together)
        base = None if kind == "mean" else self.base_logits
        return losses.teacher(calibrated, available, self.reliability, base)


class Projections(nn.Module):
    """Maps the peers' summaries into the common space of the contrastive loss. In training only."""

    def __init__(self, width: int, projected: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, projected) for _ in MODALITIES)
        self.log_scale = nn.Parameter(torch.tensor(1.0 / 0.07).log())

    def forward(self, summaries: Tensor) -> Tensor:
        """(B, M, d) -> (B, M, projected)."""
        return torch.stack([project(summaries[:, i]) for i, project in enumerate(self.maps)], dim=1)


def objective(
    out: NetDetails,
    targets: Targets,
    config: LossConfig,
    teacher: Teacher,
) -> dict[str, Tensor]:
    """All row-wise losses of a batch, weighted. Their sum is minimised.

    Args:
        out: of the network.
        targets: of the same rows.
        config: weights.
        teacher: priors and the teacher's calibration.

    Returns:
        name -> () tensor, only for losses with a weight.
    """
    rows = _supervision(out, targets, config, teacher)
    rows |= _distillation(out, targets, config, teacher)
    return {name: row.mean() for name, row in rows.items()}


def view_consistency(full: Tensor, partial: Tensor, config: LossConfig) -> Tensor:
    """Divergence of the fusion on a partial view from itself on the full view. Both (B, C) logits -> ()."""
    return losses.bernoulli_kl(full.detach(), partial, config.temperature).mean() * config.full_view


def contrastive(
    projected: Tensor,
    groups: Tensor,
    available: Tensor,
    paired: Tensor,
    log_scale: Tensor,
    queue: MomentumQueue | None = None,
) -> Tensor:
    """InfoNCE averaged over the three pairs of modalities. (B, M, p), (B,), (B, M), (B,) -> ()."""
    pairs = list(itertools.combinations(range(len(MODALITIES)), 2))
    terms = [
        losses.info_nce(
            projected[:, i],
            projected[:, j],
            groups,
            available[:, i] & available[:, j] & paired,
            log_scale,
            None if queue is None else queue.queued(i, j),
        )
        for i, j in pairs
    ]
    return torch.stack(terms).mean()


def _supervision(
    out: NetDetails, targets: Targets, config: LossConfig, teacher: Teacher
) -> dict[str, Tensor]:
    prior = teacher.prior_logit * config.logit_adjustment if config.logit_adjustment else None
    rows: dict[str, Tensor] = {}
    if config.fusion:
        rows["fusion"] = config.fusion * losses.supervised(
            out.logits, targets.fusion, targets.fusion_mask, prior
        )
    if config.peers:
        each = losses.supervised(out.peer_logits, targets.peers, targets.peers_mask, prior)  # (B, M)
        rows["peers"] = config.peers * each.sum(dim=1)
    if config.consistency:
        rows["consistency"] = config.consistency * losses.label_consistency(
            out.logits, targets.fusion, targets.fusion_mask
        )
    if config.affect and out.affect is not None:
        rows["affect"] = config.affect * losses.affect_regression(
            out.affect, targets.affect, targets.affect_mask
        )
    return rows


def _distillation(
    out: NetDetails, targets: Targets, config: LossConfig, teacher: Teacher
) -> dict[str, Tensor]:
    rows: dict[str, Tensor] = {}
    if config.distillation and config.distillation_kind == "product":
        taught = losses.product_teacher(out.peer_logits, targets.available)
        half = losses.half_kl(taught, out.logits, config.temperature)
        rows["distillation"] = config.distillation * half.mean(dim=-1)
    elif config.distillation and config.distillation_kind == "each":
        each = losses.peers_kl(out.peer_logits, out.logits, targets.available, config.temperature)
        rows["distillation"] = config.distillation * each.mean(dim=-1)
    elif config.distillation:
        taught = teacher.logits(out.peer_logits, targets.available, config.distillation_kind)
        divergence = losses.bernoulli_kl(taught, out.logits, config.temperature)
        if config.doubt:
            trust = losses.teacher_trust(taught, targets.fusion, targets.fusion_mask)
            divergence = divergence * trust
        rows["distillation"] = config.distillation * divergence.mean(dim=-1)
    if config.collaboration:
        toward = losses.bernoulli_kl(out.logits.detach()[:, None], out.peer_logits, config.temperature)
        each = torch.where(targets.available, toward.mean(dim=-1), 0.0)  # (B, M)
        rows["collaboration"] = config.collaboration * each.sum(dim=1)
    return rows
