"""One test for each defect of the paper's released code (docs/method.md), which would fail with that defect.

The defects that concern networks alone are tested beside those: the aggregation token and padding in
`tests/core/models/test_peers.py`, the mixing of a batch's samples in `tests/core/models/test_fusion.py`.
"""

from __future__ import annotations

import math

import pytest
import torch

from core.labels import EMOTIONS, MODALITIES
from core.models.fusion import EmotionNet, NetDetails
from core.spec import FusionSpec
from train.fusion import losses
from train.fusion.objective import LossConfig, Targets, Teacher, objective

SIZES = FusionSpec(width=16, heads=2, peer_layers=1, fusion_layers=1, feedforward=16)


def teacher() -> Teacher:
    return Teacher(torch.zeros(7), torch.ones(3, 7), torch.zeros(3, 7), torch.ones(3, 7), torch.zeros(3, 7))


def rows(count: int = 4) -> tuple[NetDetails, Targets]:
    torch.manual_seed(0)
    net = EmotionNet(dict.fromkeys(MODALITIES, 4), 7, SIZES, peer_gradient=0.0)
    values = {m: torch.randn(count, 3, 4) for m in MODALITIES}
    times = {m: torch.rand(count, 3) for m in MODALITIES}
    mask = {m: torch.ones(count, 3, dtype=torch.bool) for m in MODALITIES}
    out = net.details(values, times, mask)
    target = (torch.rand(count, 7) < 0.3).float()
    known = torch.ones(count, 7, dtype=torch.bool)
    targets = Targets(
        fusion=target,
        fusion_mask=known,
        peers=target[:, None].expand(-1, 3, -1),
        peers_mask=known[:, None].expand(-1, 3, -1),
        available=torch.ones(count, 3, dtype=torch.bool),
        groups=torch.arange(count),
        paired=torch.ones(count, dtype=torch.bool),
        affect=torch.zeros(count, 2),
        affect_mask=torch.zeros(count, 2, dtype=torch.bool),
    )
    return out, targets


def test_the_peers_learn_from_labels_not_only_from_each_other():
    out, targets = rows()
    parts = objective(out, targets, LossConfig(distillation=0, consistency=0, fusion=0), teacher())
    gradient = torch.autograd.grad(parts["peers"], out.peer_logits)[0]
    assert (gradient.abs().sum(dim=(0, 2)) > 0).all()


def test_the_supervised_loss_takes_logits_so_sigmoid_is_applied_once():
    sure = torch.full((1, 1), 20.0)
    known = torch.ones(1, 1, dtype=torch.bool)
    loss = losses.supervised(sure, torch.ones(1, 1), known).item()
    assert loss < 1e-6, f"a sigmoid applied twice never gets below {math.log(1 + math.exp(-1)):.3f}"


def test_two_peers_that_deny_a_label_teach_its_absence():
    peers = torch.full((1, 3, 1), -2.0)
    available = torch.tensor([[True, True, False]])
    assert losses.teacher(peers, available, torch.ones(3)).item() == pytest.approx(-2.0)
    assert losses.product_teacher(peers, available).item() > 0, "this is the defect, kept for ablations"


def test_both_halves_of_the_binary_divergence_count():
    teacher, student = torch.tensor([-4.0]), torch.tensor([3.0])
    mirrored = losses.bernoulli_kl(-teacher, -student, 2.0)
    torch.testing.assert_close(losses.bernoulli_kl(teacher, student, 2.0), mirrored)
    whole, half = losses.bernoulli_kl(teacher, student, 2.0), losses.half_kl(teacher, student, 2.0)
    assert half < 0 < whole, "half of it rewards a student that says yes to everything"


def test_the_temperature_is_fixed_and_within_bounds():
    assert not [
        name
        for name, _ in EmotionNet(dict.fromkeys(MODALITIES, 4), 7, SIZES).named_parameters()
        if "temp" in name
    ]
    with pytest.raises(ValueError, match="temperature"):
        LossConfig(temperature=0.5)


@pytest.mark.parametrize("value", [-7.5, -50.0, -1e4, 1e4])
def test_extreme_logits_give_finite_losses_and_gradients(value):
    z = torch.full((1, 3), value, requires_grad=True)
    known = torch.ones(1, 3, dtype=torch.bool)
    y = torch.tensor([[0.0, 0.5, 1.0]])
    total = (
        losses.bernoulli_kl(torch.zeros(1, 3), z, 1.0).sum()
        + losses.bernoulli_kl(z.detach(), torch.zeros(1, 3) + z * 0, 1.0).sum()
        + losses.supervised(z, y, known).sum()
        + losses.label_consistency(z, y, known).sum()
    )
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(z.grad).all()


def test_no_label_has_a_weight_of_zero():
    known = torch.ones(1, 7, dtype=torch.bool)
    for i, name in enumerate(EMOTIONS):
        z = torch.zeros(1, 7, requires_grad=True)
        y = torch.zeros(1, 7)
        y[0, i] = 1
        losses.supervised(z, y, known).sum().backward()
        assert z.grad[0, i] < 0, f"nothing is learnt about {name}"
        assert losses.label_consistency(z, y, known).item() > 0


def test_the_teacher_gets_no_gradient():
    out, targets = rows()
    config = LossConfig(fusion=0, peers=0, consistency=0)
    parts = objective(out, targets, config, teacher())
    gradients = torch.autograd.grad(parts["distillation"], out.peer_logits, allow_unused=True)
    assert gradients[0] is None
