"""Adding up what the peers say: each label's evidence, weighed by modality, monotone in every peer.

Legend: B batch, C labels, M = 3 modalities in the order of `core.labels.MODALITIES`.

A peer's evidence for a label is its calibrated logit minus the log-odds of the label's base rate: 0 says
nothing, above 0 speaks for the label, below 0 against it. One form serves the teacher, whose weights come
from people's votes, and the network, which learns weights of its own from the teacher.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from core.labels import MODALITIES, Modality

PAIR: Final[tuple[Modality, Modality]] = ("audio", "visual")
"""The two modalities whose evidence for one label also bears on the others: people see and hear them as one
expression."""


LEAST: Final = 1e-3
"""Smallest weight or margin that a combination can begin with."""


MOST_DENIAL: Final = 1.5
"""Evidence against a label counts up to this: 99 % of the votes, from which the weights are learned, say no
more (1.54). Networks say up to three times as much, and a face that is sure would silence words and voice."""

NONE: Final = -40.0
"""What softplus makes 0 of, in effect."""


class EvidenceWeights(NamedTuple):
    """How evidence is weighed.

    Attributes:
        positive: (M, C) >= 0, weight of evidence for a label.
        negative: (M, C) >= 0, weight of evidence against it.
        margin: (M, C) >= 0, evidence for a label below this counts nothing.
        cross: (M, C, C) weight in label c (third axis) of what speaks for label k (second axis), diagonal 0;
            used where both modalities of `PAIR` are there. What speaks against k says nothing of c.
        pair_bias: (C,) added where both are there.
        calm: (M, C) >= 0: a modality whose evidence for label k is e > 0 counts exp(-calm[k] * e) for the
            other labels. An emotionless sentence is no evidence against the emotion in its voice, and the
            little that it says for one is noise.
    """

    positive: Tensor
    negative: Tensor
    margin: Tensor
    cross: Tensor
    pair_bias: Tensor
    calm: Tensor


def combine(evidence: Tensor, available: Tensor, weights: EvidenceWeights, base: Tensor) -> Tensor:
    """Sum weighed evidence.

    The result rises, or stays, with the evidence of any peer for the same label: its weights are >= 0.

    Args:
        evidence: (B, M, C); rows of absent modalities are ignored.
        available: (B, M) bool.
        weights: see there.
        base: (C,) log-odds where nobody has evidence.

    Returns:
        (B, C) logits.
    """
    there = available[..., None].to(evidence.dtype)  # (B, M, 1)
    e = torch.where(available[..., None], evidence, torch.zeros_like(evidence))
    weighed = weights.positive * (e - weights.margin).clamp(min=0.0) + weights.negative * e.clamp(
        -MOST_DENIAL, 0.0
    )
    hushed = weights.calm * e.clamp(min=0.0)  # (B, M, C)
    weighed = weighed * (hushed - hushed.sum(dim=2, keepdim=True)).exp()
    both = there[:, MODALITIES.index(PAIR[0])] * there[:, MODALITIES.index(PAIR[1])]  # (B, 1)
    across = torch.stack([e[:, i].clamp(min=0.0) @ weights.cross[i] for i in range(len(MODALITIES))]).sum(
        dim=0
    )  # (B, C)
    return base + (weighed * there).sum(dim=1) + both * (across + weights.pair_bias)


class EvidenceCombination(nn.Module):
    """`combine` with weights that are learned, on logits that are turned into evidence first.

    Args:
        num_labels: C.
    """

    slope: Tensor
    offset: Tensor
    base: Tensor
    off_diagonal: Tensor

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        shape = (len(MODALITIES), num_labels)
        self.register_buffer("slope", torch.ones(shape))
        self.register_buffer("offset", torch.zeros(shape))
        self.register_buffer("base", torch.zeros(num_labels))
        self.register_buffer("off_diagonal", 1.0 - torch.eye(num_labels), persistent=False)
        self.positive = nn.Parameter(torch.full(shape, _softplus_inverse(1.0)))
        self.negative = nn.Parameter(torch.full(shape, _softplus_inverse(0.5)))
        self.margin = nn.Parameter(torch.full(shape, _softplus_inverse(0.1)))
        self.cross = nn.Parameter(torch.zeros(*shape, num_labels))
        self.pair_bias = nn.Parameter(torch.zeros(num_labels))
        self.calm = nn.Parameter(torch.full(shape, _softplus_inverse(LEAST)))

    @property
    def weights(self) -> EvidenceWeights:
        """The weights as `combine` takes them."""
        return EvidenceWeights(
            softplus(self.positive),
            softplus(self.negative),
            softplus(self.margin),
            self.cross * self.off_diagonal,
            self.pair_bias,
            softplus(self.calm),
        )

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:  # noqa: ANN401
        """As torch's. Weights from before `calm` was learned have none of it."""
        state.setdefault(prefix + "calm", torch.full_like(self.calm, NONE))
        super()._load_from_state_dict(state, prefix, *rest)

    @torch.no_grad()
    def set_evidence(self, temperature: Tensor, bias: Tensor, base_logits: Tensor, base: Tensor) -> None:
        """How logits become evidence: logit / temperature + bias - base_logits.

        Args:
            temperature, bias, base_logits: (M, C); temperatures > 0.
            base: (C,) log-odds where nobody has evidence.
        """
        self.slope.copy_(1.0 / temperature)
        self.offset.copy_(bias - base_logits)
        self.base.copy_(base)

    @torch.no_grad()
    def set_weights(self, weights: EvidenceWeights) -> None:
        """Begin with these weights; what is 0 of those that cannot be becomes `LEAST`."""
        for name in ("positive", "negative", "margin", "calm"):
            value = getattr(weights, name).clamp(min=LEAST)
            getattr(self, name).copy_(value.expm1().log())
        self.cross.copy_(weights.cross)
        self.pair_bias.copy_(weights.pair_bias)

    def evidence(self, peer_logits: Tensor) -> Tensor:
        """(B, M, C) logits -> (B, M, C) evidence."""
        return peer_logits * self.slope + self.offset

    def forward(self, peer_logits: Tensor, available: Tensor) -> Tensor:
        """(B, M, C) logits of the peers, (B, M) bool -> (B, C) logits."""
        return combine(self.evidence(peer_logits), available, self.weights, self.base)


def _softplus_inverse(value: float) -> float:
    return float(torch.tensor(value).expm1().log())
