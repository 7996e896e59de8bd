"""The fusion network and the whole net: availability, attribution, gradients, storage."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SpecMismatch
from core.labels import EMOTIONS, MODALITIES
from core.models.fusion import DEFAULT_SIZES, EmotionNet, scale_gradient
from core.models.storage import load_network, save_network
from core.spec import BranchCalibration, CalibrationSpec, EncoderSpec, FusionSpec, ModelSpec, pattern

WIDTHS = {"text": 5, "audio": 6, "visual": 4}
LENGTHS = {"text": 3, "audio": 7, "visual": 4}
SIZES = FusionSpec(width=16, heads=2, peer_layers=1, fusion_layers=2, feedforward=32)
PATTERNS = [p for n in (1, 2, 3) for p in itertools.combinations(MODALITIES, n)]


def net(sizes: FusionSpec = SIZES, **options) -> EmotionNet:
    torch.manual_seed(0)
    return EmotionNet(WIDTHS, len(EMOTIONS), sizes, **options).eval()


def batch(rows: int = 2, present: tuple[str, ...] = MODALITIES, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    values = {m: torch.randn(rows, LENGTHS[m], WIDTHS[m], generator=generator) for m in MODALITIES}
    times = {m: torch.rand(rows, LENGTHS[m], generator=generator) * 6 for m in MODALITIES}
    mask = {m: torch.full((rows, LENGTHS[m]), m in present) for m in MODALITIES}
    return values, times, mask


@pytest.mark.parametrize("present", PATTERNS, ids=pattern)
def test_every_availability_pattern_gives_finite_logits_and_attribution_that_sums_to_one(present):
    logits, peer_logits, attribution = net()(*batch(present=present))
    assert logits.shape == (2, 7)
    assert peer_logits.shape == (2, 3, 7)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(peer_logits).all()
    torch.testing.assert_close(attribution.sum(dim=1), torch.ones(2))
    for i, modality in enumerate(MODALITIES):
        assert bool((attribution[:, i] > 0).all()) == (modality in present)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), absent=st.sampled_from(MODALITIES))
def test_an_absent_modality_has_no_influence_whatever_its_tensors_hold(seed, absent):
    present = tuple(m for m in MODALITIES if m != absent)
    model = net()
    values, times, mask = batch(present=present)
    before = model(values, times, mask)
    values[absent] = torch.randn(values[absent].shape, generator=torch.Generator().manual_seed(seed)) * 50
    after = model(values, times, mask)
    torch.testing.assert_close(before[0], after[0])
    torch.testing.assert_close(before[2], after[2])


def test_without_any_modality_nothing_is_nan_and_nothing_is_attributed():
    logits, _, attribution = net()(*batch(present=()))
    assert torch.isfinite(logits).all()
    assert attribution.abs().sum() == 0


def test_samples_of_a_batch_do_not_attend_to_each_other():
    model = net()
    values, times, mask = batch(rows=3)
    together = model(values, times, mask)[0]
    for i in range(3):
        row = slice(i, i + 1)
        alone = model(
            {m: v[row] for m, v in values.items()},
            {m: v[row] for m, v in times.items()},
            {m: v[row] for m, v in mask.items()},
        )[0]
        torch.testing.assert_close(together[row], alone)


def test_partly_filled_modalities_are_padded_without_effect():
    model = net()
    values, times, mask = batch()
    mask["audio"][:, 4:] = False
    short = model(
        values | {"audio": values["audio"][:, :4]},
        times | {"audio": times["audio"][:, :4]},
        mask | {"audio": mask["audio"][:, :4]},
    )
    torch.testing.assert_close(model(values, times, mask)[0], short[0])


def test_the_peers_get_a_tenth_of_the_fusions_gradient():
    gradients = {}
    for scale in (1.0, 0.1, 0.0):
        model = net(peer_gradient=scale)
        model(*batch())[0].sum().backward()
        gradients[scale] = model.peers["audio"].project.weight.grad.clone()
    torch.testing.assert_close(gradients[0.1], gradients[1.0] * 0.1)
    assert gradients[0.0].abs().sum() == 0
    x = torch.tensor([3.0], requires_grad=True)
    assert scale_gradient(x, 0.1).item() == pytest.approx(3.0)


def test_the_papers_single_fusion_token_is_an_option():
    model = net(SIZES.model_copy(update={"queries": "token"}))
    assert model.fusion.queries.shape[0] == 1
    assert model(*batch())[0].shape == (2, 7)


def test_the_valence_arousal_head_is_an_option_and_bounded():
    model = net(SIZES.model_copy(update={"valence_arousal": True}))
    affect = model(*batch())[3]
    assert affect.shape == (2, 2)
    assert affect.abs().max() <= 1


def test_the_default_sizes_stay_within_their_budget():
    widths = {"text": 384, "audio": 512, "visual": 128}
    count = sum(p.numel() for p in EmotionNet(widths, 7, DEFAULT_SIZES).parameters())
    assert 1_000_000 < count < 4_000_000


def spec(file_sha256: str) -> ModelSpec:
    flat = BranchCalibration(temperature=(1.0,) * 7, bias=(0.0,) * 7)
    return ModelSpec(
        name="test",
        labels=EMOTIONS,
        encoders={
            m: EncoderSpec(
                kind="none", weight=None, weight_sha256=None, width=WIDTHS[m], max_tokens=LENGTHS[m]
            )
            for m in MODALITIES
        },
        fusion=SIZES.model_copy(update={"file_sha256": file_sha256}),
        calibration=CalibrationSpec(
            fusion={pattern(p): flat for p in PATTERNS},
            peers=dict.fromkeys(MODALITIES, flat),
            thresholds=(0.5,) * 7,
        ),
        license="none",
        summary="test",
    )


def test_a_stored_network_comes_back_within_half_precision(tmp_path):
    model = net()
    model.peers["text"].set_input_statistics(torch.full((5,), 1e5), torch.full((5,), 1e6))
    digest = save_network(model, tmp_path / "model.safetensors")
    loaded = load_network(spec(digest), tmp_path)
    assert torch.equal(loaded.peers["text"].input_mean, model.peers["text"].input_mean)
    torch.testing.assert_close(loaded(*batch())[0], model(*batch())[0], rtol=0.02, atol=0.01)


def test_a_network_file_that_is_not_the_specs_is_refused(tmp_path):
    save_network(net(), tmp_path / "model.safetensors")
    with pytest.raises(SpecMismatch, match="hash differs"):
        load_network(spec("0" * 64), tmp_path)
    with pytest.raises(SpecMismatch, match="not there"):
        load_network(spec("0" * 64), tmp_path / "elsewhere")


def test_a_network_of_other_sizes_is_refused(tmp_path):
    digest = save_network(net(SIZES.model_copy(update={"fusion_layers": 1})), tmp_path / "model.safetensors")
    with pytest.raises(SpecMismatch, match="sizes"):
        load_network(spec(digest), tmp_path)


def test_the_network_exports_with_static_shapes():
    model = net()
    values, times, mask = batch(rows=1)
    program = torch.export.export(model, (values, times, mask), strict=False)
    torch.testing.assert_close(program.module()(values, times, mask)[0], model(values, times, mask)[0])


@pytest.mark.parametrize("present", PATTERNS, ids=pattern)
def test_the_only_peer_answers_where_the_sizes_say_so_and_the_fusion_everywhere_else(present):
    fused, peers, _ = net()(*batch(present=present))
    logits, _, _ = net(SIZES.model_copy(update={"alone": "peer"}))(*batch(present=present))
    expected = peers[:, MODALITIES.index(present[0])] if len(present) == 1 else fused
    torch.testing.assert_close(logits, expected)
