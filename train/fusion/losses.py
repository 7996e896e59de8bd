"""The losses, each a pure function.

Legend: B batch rows, C labels, d width, M = 3 modalities; y targets in [0, 1], z logits.

Every function returns one number per row, (B,), which is 0 where the row has nothing to learn from. The loss
of a batch is their mean over *all* rows, so that cutting a batch into equal shards, over processes or over
accumulation steps, changes nothing. Numbering as in docs/method.md.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

DENIAL = 0.5
"""Weight of a less reliable peer's evidence against a label, in the teacher."""

MAX_SCALE = 100.0
"""Upper bound of the contrastive scale (Radford et al. 2021)."""


def per_row(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over the last axis, 0 for a row whose weights are all 0. Both (..., C) -> (...)."""
    weight = weight.to(values.dtype)
    total = weight.sum(dim=-1)
    return torch.where(total > 0, (values * weight).sum(dim=-1) / total.clamp(min=1e-8), 0.0)


def supervised(
    logits: Tensor, targets: Tensor, label_mask: Tensor, prior_logit: Tensor | None = None
) -> Tensor:
    """1. Binary cross entropy on soft targets with logit adjustment.

    With a prior, the network is asked for the evidence beyond the base rate (Menon et al. 2021): the base
    rate's logit is added in training only.

    Args:
        logits: (..., C), not probabilities.
        targets: (..., C) in [0, 1]; votes give fractions.
        label_mask: (..., C) bool, False where the label is unknown or the modality absent.
        prior_logit: (C,) log-odds of each label's base rate, already scaled by its strength, or None.

    Returns:
        (...) mean over the known labels.
    """
    z = logits if prior_logit is None else logits + prior_logit
    loss = -(targets * logsigmoid(z) + (1.0 - targets) * logsigmoid(-z))
    return per_row(loss, label_mask)


def teacher(
    peer_logits: Tensor, available: Tensor, reliability: Tensor, base_logits: Tensor | None = None
) -> Tensor:
    """2. What the available peers teach together, without gradient.

    Without `base_logits`: z_bar = sum_m pi_m z_m with pi = reliability renormalised to 1 over the peers that
    are there: the reliability-weighted mean.

    With `base_logits`: z_bar = z_0 + sum_m pi_m e_m, where e_m = z_m - base_m is a peer's evidence beyond the
    base rates of its own corpora, z_0 the common base rate, and pi_m = reliability over that of the most
    reliable peer there, per label. A mean would let a peer that has nothing to say dilute one that has; and
    a peer whose corpora hardly know a label would veto it. For the same reason evidence *against* a label
    counts `DENIAL` times when it comes from any but the most reliable peer: words that do not speak of fear
    say little about a voice that does. A peer alone teaches its own logits.

    Args:
        peer_logits: (B, M, C), calibrated.
        available: (B, M) bool.
        reliability: (M,) or (M, C), >= 0.
        base_logits: (M, C) log-odds of the labels in each peer's corpora, or None.

    Returns:
        (B, C); 0 (that is: undecided) where no peer is available.
    """
    weight = reliability if reliability.ndim == 2 else reliability[:, None]  # (M, C or 1)
    weight = weight * available[..., None].to(peer_logits.dtype)  # (B, M, C or 1)
    share = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-8)
    kept = torch.where(available[..., None], peer_logits, 0.0)
    mean = (share * kept).sum(dim=1)
    if base_logits is None:
        return mean.detach()
    part = weight / weight.amax(dim=1, keepdim=True).clamp(min=1e-8)
    evidence = torch.where(available[..., None], peer_logits - base_logits, 0.0)
    heard = torch.where((evidence < 0) & (part < 1.0), DENIAL * evidence, evidence)
    there = available[..., None].to(peer_logits.dtype)
    common = (there * base_logits).sum(dim=1) / there.sum(dim=1).clamp(min=1.0)
    return (common + (part * heard).sum(dim=1)).detach()


def bernoulli_kl(teacher_logits: Tensor, student_logits: Tensor, temperature: float) -> Tensor:
    """3. T^2 KL(q || s) of independent labels, q = sigmoid(z_teacher / T), s = sigmoid(z_student / T).

    Both halves of the divergence, by logsigmoid: finite for any finite logit, 0 where the two agree.

    Args:
        teacher_logits, student_logits: (..., C).
        temperature: T, fixed, in [1, 3].

    Returns:
        (..., C).
    """
    zt, zs = teacher_logits / temperature, student_logits / temperature
    q = zt.sigmoid()
    present = q * (logsigmoid(zt) - logsigmoid(zs))
    absent = (1.0 - q) * (logsigmoid(-zt) - logsigmoid(-zs))
    return temperature**2 * (present + absent)


def peers_kl(peer_logits: Tensor, student_logits: Tensor, available: Tensor, temperature: float) -> Tensor:
    """3. KL(peer || fusion), averaged over the peers that are there: the paper's own distillation.

    Args:
        peer_logits: (B, M, C); they get no gradient.
        student_logits: (B, C).
        available: (B, M) bool.
        temperature: as for `bernoulli_kl`.

    Returns:
        (B, C); 0 where no peer is available.
    """
    each = bernoulli_kl(peer_logits.detach(), student_logits[:, None], temperature)  # (B, M, C)
    there = available[..., None].to(each.dtype)
    total = torch.where(available[..., None], each, 0.0).sum(dim=1)
    return total / there.sum(dim=1).clamp(min=1.0)


def teacher_trust(teacher_logits: Tensor, targets: Tensor, label_mask: Tensor) -> Tensor:
    """3. Weight of the teacher: 1 - |q - y| where the label is known, else 1. All (..., C)."""
    trust = 1.0 - (teacher_logits.sigmoid() - targets).abs()
    return torch.where(label_mask, trust, torch.ones_like(trust)).detach()


def product_teacher(peer_logits: Tensor, available: Tensor) -> Tensor:
    """The product of the peers' logits, as in the released code of the paper. For ablations only.

    Two peers that both deny a label make a positive product: this teacher is wrong by construction.
    """
    kept = torch.where(available[..., None], peer_logits, 1.0)
    return kept.prod(dim=1).detach()


def half_kl(teacher_logits: Tensor, student_logits: Tensor, temperature: float) -> Tensor:
    """Only the "present" half of `bernoulli_kl`, as in the released code of the paper. For ablations only."""
    zt, zs = teacher_logits / temperature, student_logits / temperature
    return temperature**2 * zt.sigmoid() * (logsigmoid(zt) - logsigmoid(zs))


class QueuedRows(NamedTuple):
    """Rows of earlier steps, which serve as negatives only.

    Attributes:
        a, b: (Q, d) summaries of the two modalities.
        groups: (Q,) id of the recording.
        present: (Q,) bool; the others do not count.
    """

    a: Tensor
    b: Tensor
    groups: Tensor
    present: Tensor


def info_nce(
    a: Tensor,
    b: Tensor,
    groups: Tensor,
    present: Tensor,
    log_scale: Tensor,
    queued: QueuedRows | None = None,
) -> Tensor:
    """4. Symmetric InfoNCE between two modalities of the same windows.

    Args:
        a, b: (B, d) summaries of the two modalities; normalised here.
        groups: (B,) integer id of the recording. Rows of one recording are never each other's negatives.
        present: (B,) bool, rows that have both modalities; the others neither learn nor serve as negatives.
        log_scale: () logarithm of the scale of the cosines, clamped to `MAX_SCALE`.
        queued: further negatives, or None.

    Returns:
        (B,).
    """
    scale = log_scale.exp().clamp(max=MAX_SCALE)
    a, b = normalize(a.float(), dim=-1), normalize(b.float(), dim=-1)
    similarity = scale * a @ b.T  # (B, B)
    same = groups[:, None] == groups[None, :]
    own = torch.eye(len(a), dtype=torch.bool, device=a.device)
    usable = (own | ~same) & present[None, :] & present[:, None]
    masked = similarity.masked_fill(~(usable | own), float("-inf"))
    forward, backward = masked, masked.T
    if queued is not None:
        strange = (groups[:, None] != queued.groups[None, :]) & queued.present[None, :]  # (B, Q)
        older = scale * a @ normalize(queued.b, dim=-1).T
        forward = torch.cat([forward, older.masked_fill(~strange, float("-inf"))], dim=1)
        older = scale * b @ normalize(queued.a, dim=-1).T
        backward = torch.cat([backward, older.masked_fill(~strange, float("-inf"))], dim=1)
    own_score = masked.diagonal()
    loss = forward.logsumexp(dim=1) + backward.logsumexp(dim=1) - 2.0 * own_score
    return torch.where(present, 0.5 * loss, 0.0)


def label_consistency(
    logits: Tensor,
    targets: Tensor,
    label_mask: Tensor,
    *,
    positive_from: float = 0.5,
    negative_below: float = 0.2,
) -> Tensor:
    """5. Each positive label against the negatives only: -log softmax over {it} and the negatives.

    Positives do not compete with each other. Labels between the two bounds take no part.

    Args:
        logits, targets, label_mask: (B, C).
        positive_from, negative_below: what counts as positive and as negative in soft targets.

    Returns:
        (B,) mean over the row's positives; 0 for rows without a positive or without a negative.
    """
    positive = label_mask & (targets >= positive_from)
    negative = label_mask & (targets < negative_below)
    # A large negative number, not -inf: rows without negatives must have finite gradients.
    rivals = logits.masked_fill(~negative, -1.0e4).logsumexp(dim=-1, keepdim=True)  # (B, 1)
    loss = -logsigmoid(logits - rivals)  # -log(e^z / (e^z + sum of rivals))
    return per_row(loss, positive & negative.any(dim=-1, keepdim=True))


def affect_regression(estimate: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """6. Mean squared error of valence and arousal, all (B, 2), where `mask` is True."""
    return per_row((estimate - targets) ** 2, mask)
