"""Evidence is summed as it should be: monotone, silent where nothing is there, and told truthfully."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.labels import MODALITIES
from core.models.evidence import MOST_DENIAL, EvidenceCombination, EvidenceWeights, combine
from core.models.fusion import CORRECTION, EmotionNet
from core.models.storage import load_network
from core.resources import shipped
from core.spec import FusionSpec, read_spec

LABELS = 3
SIZES = FusionSpec(
    width=8, heads=2, peer_layers=1, fusion_layers=1, feedforward=16, alone="peer", combination="evidence"
)


def weights(positive: float = 1.0, negative: float = 0.5, margin: float = 0.0) -> EvidenceWeights:
    full = torch.ones(3, LABELS)
    cross, none = torch.zeros(3, LABELS, LABELS), torch.zeros(LABELS)
    return EvidenceWeights(positive * full, negative * full, margin * full, cross, none, 0.0 * full)


def evidence(**rows: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.tensor([[rows.get(m, [9.0] * LABELS) for m in MODALITIES]])
    return values, torch.tensor([[m in rows for m in MODALITIES]])


def test_evidence_for_adds_up_evidence_against_counts_its_weight_and_absent_peers_count_nothing():
    said, there = evidence(text=[1.0, -1.0, 0.0], audio=[2.0, 1.0, 0.0])
    logits = combine(said, there, weights(), torch.full((LABELS,), -1.0))
    assert logits.tolist() == [[2.0, -0.5, -1.0]]


def test_evidence_below_the_margin_counts_nothing():
    said, there = evidence(text=[0.4, 1.5, -1.0])
    logits = combine(said, there, weights(margin=0.5), torch.zeros(LABELS))
    assert logits.tolist() == [[0.0, 1.0, -0.5]]


def test_evidence_for_other_labels_bears_on_a_label_only_where_voice_and_face_are_both_there():
    cross = torch.zeros(3, LABELS, LABELS)
    cross[MODALITIES.index("audio"), 0, 1] = 0.5
    both = weights()._replace(cross=cross, pair_bias=torch.full((LABELS,), -0.25))
    said, there = evidence(audio=[2.0, 0.0, 0.0], visual=[0.0, 0.0, 0.0])
    assert combine(said, there, both, torch.zeros(LABELS)).tolist() == [[1.75, 0.75, -0.25]]
    said, there = evidence(audio=[2.0, 0.0, 0.0], text=[0.0, 0.0, 0.0])
    assert combine(said, there, both, torch.zeros(LABELS)).tolist() == [[2.0, 0.0, 0.0]]


def test_evidence_against_counts_no_more_than_people_ever_say():
    said, there = evidence(text=[-MOST_DENIAL, -9.0, 0.0])
    logits = combine(said, there, weights(), torch.zeros(LABELS))[0]
    assert logits[1] == logits[0] == -0.5 * MOST_DENIAL


def test_a_modality_that_says_neutral_is_hushed_in_everything_else_and_only_it():
    calm = torch.zeros(3, LABELS)
    calm[MODALITIES.index("text"), 2] = 1.0
    hushed = weights()._replace(calm=calm)
    said, there = evidence(text=[1.0, -1.0, 2.0], audio=[1.0, 0.0, 2.0])
    least = math.exp(-2.0)
    found = combine(said, there, hushed, torch.zeros(LABELS))[0]
    assert found.tolist() == pytest.approx([1.0 + least, -0.5 * least, 4.0])
    said, there = evidence(text=[1.0, -1.0, -1.0], audio=[1.0, 0.0, 2.0])  # nothing speaks for it: as ever
    assert combine(said, there, hushed, torch.zeros(LABELS))[0].tolist() == pytest.approx([2.0, -0.5, 1.5])


def test_weights_from_before_there_was_calm_are_read_as_none():
    made = EvidenceCombination(LABELS)
    old = {name: value for name, value in made.state_dict().items() if name != "calm"}
    read = EvidenceCombination(LABELS)
    read.load_state_dict(old)
    assert float(read.weights.calm.detach().max()) < 1e-9


def net(seed: int = 0) -> EmotionNet:
    torch.manual_seed(seed)
    made = EmotionNet(dict.fromkeys(MODALITIES, 4), LABELS, SIZES, dropout=0.0)
    with torch.no_grad():  # weights that a training could lead to, far from where it begins
        for parameter in made.combination.parameters():
            parameter.add_(torch.randn_like(parameter))
    return made.eval()


def windows(seed: int, widths: dict[str, int], rows: int = 4) -> tuple[dict, dict, dict]:
    """Random tokens; each row has at least one modality."""
    generator = torch.Generator().manual_seed(seed)
    values = {m: torch.randn(rows, 5, widths[m], generator=generator) for m in MODALITIES}
    times_s = {m: torch.arange(5).float().expand(rows, -1) / 5 for m in MODALITIES}
    there = torch.rand(rows, 3, generator=generator) < 0.7
    there[torch.arange(rows), torch.randint(0, 3, (rows,), generator=generator)] = True
    mask = {m: there[:, i : i + 1].expand(-1, 5) for i, m in enumerate(MODALITIES)}
    return values, times_s, mask


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    modality=st.sampled_from(MODALITIES),
    label=st.integers(0, LABELS - 1),
    more=st.floats(0.0, 6.0),
)
def test_more_evidence_of_a_peer_for_a_label_never_lowers_the_fused_logit(seed, modality, label, more):
    made, given_windows = net(seed % 7), windows(seed, dict.fromkeys(MODALITIES, 4))
    before = made(*given_windows)[0][:, label]
    with torch.no_grad():
        made.peers[modality].head.bias[label] += more
    assert (made(*given_windows)[0][:, label] >= before - 1e-5).all()


@pytest.fixture(scope="module")
def default() -> EmotionNet:
    folder = shipped("checkpoints/default")
    return load_network(read_spec(folder), folder)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    modality=st.sampled_from(MODALITIES),
    label=st.integers(0, 6),
    more=st.floats(0.0, 6.0),
)
def test_the_shipped_fusion_never_lowers_a_label_for_which_a_peer_has_more_evidence(
    default, seed, modality, label, more
):
    """To 1e-5 of a logit. The calibration is monotone too: temperatures are above 0."""
    assert default.combination is not None
    spec = read_spec(shipped("checkpoints/default"))
    given_windows = windows(seed, {m: e.width for m, e in spec.encoders.items()})
    before = default(*given_windows)[0][:, label]
    bias = default.peers[modality].head.bias
    kept = bias.detach().clone()
    with torch.no_grad():
        bias[label] += more
        after = default(*given_windows)[0][:, label]
        bias.copy_(kept)
    assert (after >= before - 1e-5).all()
    assert all(t > 0 for branch in spec.calibration.branches() for t in branch.temperature)


def test_the_label_queries_correct_the_sum_within_their_bound_only():
    made = net()
    values, times_s, mask = windows(3, dict.fromkeys(MODALITIES, 4))
    out = made.details(values, times_s, mask)
    available = torch.stack([mask[m].any(dim=1) for m in MODALITIES], dim=1)
    summed = made.combination(out.peer_logits, available)
    assert ((out.logits - summed).abs() <= CORRECTION + 1e-6).all()


def test_attribution_is_the_change_when_a_modality_is_taken_away():
    """A peer that says nothing beyond its base rates decided nothing; one that says the more the more."""
    made = net()
    with torch.no_grad():
        for m, bias in zip(MODALITIES, (0.0, 0.5, 3.0), strict=True):
            made.peers[m].head.weight.zero_()
            made.peers[m].head.bias.fill_(bias)
        combination = EvidenceCombination(LABELS)
        nothing = torch.zeros(3, LABELS)
        combination.set_evidence(nothing + 1.0, nothing, nothing, nothing[0])
        made.combination = combination
    values, times_s, _ = windows(0, dict.fromkeys(MODALITIES, 4))
    everything = {m: torch.ones(4, 5, dtype=torch.bool) for m in MODALITIES}
    shares = made(values, times_s, everything)[2]
    assert torch.allclose(shares.sum(dim=1), torch.ones(4))
    text, audio, visual = shares.mean(dim=0).tolist()
    assert text == pytest.approx(0.0, abs=1e-4)
    assert 0.01 < audio < visual


def test_a_modality_alone_has_the_whole_attribution_and_absent_ones_have_none():
    made = net()
    values, times_s, _ = windows(0, dict.fromkeys(MODALITIES, 4))
    mask = {m: torch.full((4, 5), m == "visual") for m in MODALITIES}
    assert np.allclose(made(values, times_s, mask)[2].detach().numpy(), [[0.0, 0.0, 1.0]] * 4, atol=1e-5)
