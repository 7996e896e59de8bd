"""The losses: golden values, gradients, masks, and invariance to sharding.

`tests/golden/losses.json` was computed with numpy from the formulas in docs/method.md, independently of
`train.fusion.losses`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from train.fusion import losses

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "losses.json").read_text())


def tensor(name: str, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.tensor(GOLDEN["inputs"][name]).to(dtype)


def contrasted() -> tuple[torch.Tensor, ...]:
    groups, present = tensor("groups", torch.long), tensor("present", torch.bool)
    return tensor("a"), tensor("b"), groups, present, torch.tensor(1 / 0.07).log()


def queued() -> losses.QueuedRows:
    rows = tensor("older_a", torch.float32), tensor("older_b", torch.float32)
    return losses.QueuedRows(*rows, tensor("older_groups", torch.long), tensor("older_present", torch.bool))


def compute() -> dict[str, torch.Tensor]:
    z, y, known = tensor("logits"), tensor("targets"), tensor("known", torch.bool)
    peers, available = tensor("peer_logits"), tensor("available", torch.bool)
    taught = losses.teacher(peers, available, tensor("reliability"))
    return {
        "supervised": losses.supervised(z, y, known),
        "supervised_adjusted": losses.supervised(z, y, known, tensor("prior_logit")),
        "teacher": taught,
        "teacher_evidence": losses.teacher(peers, available, tensor("reliability"), tensor("base")),
        "product_teacher": losses.product_teacher(peers, available),
        "half_kl": losses.half_kl(taught, z, 2.0),
        "peers_kl": losses.peers_kl(peers, z, available, 1.0),
        "info_nce_queue": losses.info_nce(*contrasted(), queued()),
        "bernoulli_kl": losses.bernoulli_kl(taught, z, 2.0),
        "teacher_trust": losses.teacher_trust(taught, y, known),
        "info_nce": losses.info_nce(*contrasted()),
        "label_consistency": losses.label_consistency(z, y, known),
        "affect": losses.affect_regression(
            tensor("affect"), tensor("affect_targets"), tensor("affect_known", torch.bool)
        ),
    }


@pytest.mark.parametrize("name", sorted(GOLDEN["expected"]))
def test_each_loss_has_its_golden_value(name):
    expected = torch.tensor(GOLDEN["expected"][name], dtype=torch.float64)
    torch.testing.assert_close(compute()[name].double(), expected, rtol=1e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences():
    y, known = tensor("targets"), tensor("known", torch.bool)
    peers, available = tensor("peer_logits"), tensor("available", torch.bool)
    z = tensor("logits").requires_grad_()
    taught = losses.teacher(peers, available, tensor("reliability"))
    prior = tensor("prior_logit")
    assert torch.autograd.gradcheck(lambda x: losses.supervised(x, y, known, prior), z)
    assert torch.autograd.gradcheck(lambda x: losses.bernoulli_kl(taught, x, 2.0), z)
    assert torch.autograd.gradcheck(lambda x: losses.label_consistency(x, y, known), z)
    estimate = tensor("affect").requires_grad_()
    goal, where = tensor("affect_targets"), tensor("affect_known", torch.bool)
    assert torch.autograd.gradcheck(lambda x: losses.affect_regression(x, goal, where), estimate)


def test_the_contrastive_gradient_points_down_and_ignores_absent_rows():
    a = tensor("a").float().requires_grad_()
    b = tensor("b").float()
    groups, present = tensor("groups", torch.long), tensor("present", torch.bool)
    scale = torch.tensor(2.0)
    before = losses.info_nce(a, b, groups, present, scale).mean()
    (gradient,) = torch.autograd.grad(before, a)
    assert torch.isfinite(gradient).all()
    assert gradient[~present].abs().sum() == 0
    after = losses.info_nce(a - 0.1 * gradient, b, groups, present, scale).mean()
    assert after < before


logit = st.floats(-60, 60)


@settings(max_examples=60, deadline=None)
@given(zt=logit, zs=logit, temperature=st.floats(1, 3))
def test_the_divergence_is_finite_never_negative_and_zero_only_in_agreement(zt, zs, temperature):
    t, s = torch.tensor([zt], dtype=torch.float64), torch.tensor([zs], dtype=torch.float64)
    loss = losses.bernoulli_kl(t, s, temperature)
    assert torch.isfinite(loss).all()
    assert loss.item() >= -1e-9
    assert losses.bernoulli_kl(t, t, temperature).item() == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 7), seed=st.integers(0, 99))
def test_a_batch_cut_into_shards_has_the_same_mean(cut, seed):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(8, 7, generator=generator)
    y = torch.rand(8, 7, generator=generator)
    known = torch.rand(8, 7, generator=generator) < 0.5
    known[seed % 8] = False
    whole = losses.supervised(z, y, known)
    parts = torch.cat(
        [losses.supervised(z[:cut], y[:cut], known[:cut]), losses.supervised(z[cut:], y[cut:], known[cut:])]
    )
    torch.testing.assert_close(whole, parts)
    assert whole[seed % 8] == 0


def test_what_an_unknown_label_holds_does_not_matter():
    z, y, known = tensor("logits"), tensor("targets"), tensor("known", torch.bool)
    other = torch.where(known, y, 1.0 - y)
    for loss in (losses.supervised, losses.label_consistency):
        torch.testing.assert_close(loss(z, y, known), loss(z, other, known))


def test_negatives_never_come_from_the_same_recording():
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(4, 5, generator=generator), torch.randn(4, 5, generator=generator)
    present = torch.ones(4, dtype=torch.bool)
    one_recording = torch.zeros(4, dtype=torch.long)
    loss = losses.info_nce(a, b, one_recording, present, torch.tensor(1.0))
    assert loss.abs().max() == 0, "four windows of one recording have nobody to be told apart from"
    assert losses.info_nce(a, b, torch.arange(4), present, torch.tensor(1.0)).min() > 0


def test_the_contrastive_scale_is_bounded():
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(4, 5, generator=generator), torch.randn(4, 5, generator=generator)
    args = (a, b, torch.arange(4), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(
        losses.info_nce(*args, torch.tensor(100.0).log()), losses.info_nce(*args, torch.tensor(20.0))
    )


def test_positives_do_not_compete_with_each_other():
    known = torch.ones(1, 4, dtype=torch.bool)
    y = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    quiet, loud = torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0, 9.0, 0.0, 0.0]])
    assert losses.label_consistency(loud, y, known) < losses.label_consistency(quiet, y, known)
    nothing = torch.zeros(1, 4)
    assert losses.label_consistency(loud, nothing, known) == 0


def evidence(peers, available=(True, True, True), reliability=(0.6, 0.3, 0.3), base=(-4.0, -1.0, -2.0)):
    teach = losses.teacher(
        torch.tensor(peers)[None, :, None],
        torch.tensor(available)[None],
        torch.tensor(reliability),
        torch.tensor(base)[:, None],
    )
    return teach.item()


def test_peers_with_nothing_to_say_neither_veto_nor_dilute():
    alone = evidence((2.0, 0.0, 0.0), available=(True, False, False))
    assert alone == pytest.approx(2.0)
    joined = evidence((2.0, -1.0, -2.0))  # the other two say no more than their base rates
    assert joined - (-4 - 1 - 2) / 3 == pytest.approx(2.0 - -4.0)


def test_peers_that_agree_are_surer_together_and_denial_by_the_less_reliable_counts_half():
    one, agreeing = evidence((0.0, -1.0, -2.0)), evidence((0.0, 1.0, -2.0))
    assert agreeing - one == pytest.approx(0.5 * 2.0)
    denied = evidence((0.0, -3.0, -2.0))
    assert denied - one == pytest.approx(-0.5 * losses.DENIAL * 2.0)


def test_without_any_peer_the_teacher_is_undecided():
    nobody = (False, False, False)
    assert evidence((1.0, 1.0, 1.0), available=nobody) == 0
    assert losses.teacher(torch.ones(1, 3, 2), torch.tensor([nobody]), torch.ones(3)).abs().sum() == 0
