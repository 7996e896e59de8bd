"""Exported networks say what the trained ones say, and only the right export is taken."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
import torch

from core.backends.artifacts import check_weights, export_folder, is_exported
from core.backends.base import NETWORKS
from core.backends.export import export
from core.backends.networks import Networks
from core.backends.onnx import OnnxNetwork
from core.encoders.audio import AudioEncoder
from core.encoders.crop_scaling import scale_crops
from core.encoders.log_mel import log_mel, padded_block
from core.encoders.text import TextEncoder
from core.encoders.text_tokens import PieceTokenizer
from core.encoders.visual import ExpressionNet
from core.errors import ModelError, SpecMismatch
from core.inputs import SAMPLE_RATE
from core.labels import MODALITIES
from core.models.calibration import fusion_output
from core.models.storage import load_network
from core.spec import pattern, read_spec
from core.window import Tokens, Window, collate

PATTERNS = [p for n in (1, 2, 3) for p in itertools.combinations(MODALITIES, n)]
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def spec(random_checkpoint):
    return read_spec(random_checkpoint)


@pytest.fixture(scope="module")
def networks(spec, exported, weights):
    return Networks(spec, {name: OnnxNetwork(exported / f"{name}.onnx") for name in NETWORKS}, weights)


@pytest.fixture(scope="module")
def net(spec, random_checkpoint):
    return load_network(spec, random_checkpoint).eval()


def window(spec, present, seed):
    rng = np.random.default_rng(seed)
    tokens = {}
    for modality in present:
        shape = spec.token_shapes[modality]
        count = int(rng.integers(1, shape.length + 1))
        times_s = np.sort(rng.uniform(0, 6, count)).astype(np.float32)
        tokens[modality] = Tokens(rng.normal(size=(count, shape.width)).astype(np.float32), times_s)
    return Window("p1", 4.0, 10.0, tokens)


def by_torch(spec, net, windows):
    batch = collate(windows, spec.token_shapes)
    parts = (
        {m: torch.from_numpy(part[m]) for m in MODALITIES}
        for part in (batch.values, batch.times_s, batch.mask)
    )
    with torch.no_grad():
        answer = [value.numpy() for value in net(*parts)]
    counts = np.stack([batch.mask[m].sum(axis=1) for m in MODALITIES], axis=1)
    return [
        fusion_output(
            *(answer[i][row] for i in range(3)),
            batch.available[row],
            spec,
            tokens=counts[row],
            affect=answer[3][row],
        )
        for row in range(len(windows))
    ]


def same(ours, theirs):
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-4)
    assert list(ours.peers) == list(theirs.peers)
    for modality in ours.peers:
        np.testing.assert_allclose(ours.peers[modality], theirs.peers[modality], atol=1e-4)
        assert ours.attribution[modality] == pytest.approx(theirs.attribution[modality], abs=1e-4)
    assert ours.valence == pytest.approx(theirs.valence, abs=1e-4)
    assert ours.arousal == pytest.approx(theirs.arousal, abs=1e-4)
    assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)


@pytest.mark.parametrize("present", PATTERNS, ids=pattern)
@pytest.mark.parametrize("count", [1, 3])
def test_the_exported_fusion_says_what_the_trained_one_says(networks, net, spec, present, count):
    windows = [window(spec, present, seed) for seed in range(count)]
    for ours, theirs in zip(networks.fuse(windows), by_torch(spec, net, windows), strict=True):
        assert tuple(ours.peers) == present
        same(ours, theirs)


def test_a_window_is_judged_alike_alone_and_among_others_of_other_patterns(networks, spec):
    windows = [window(spec, present, seed) for seed, present in enumerate(PATTERNS * 6)]
    together = networks.fuse(windows)  # 42: more than fit into one batch
    assert len(together) == len(windows)
    for index in (0, 17, 41):
        same(together[index], networks.fuse([windows[index]])[0])


def test_a_window_without_any_modality_is_refused(networks):
    with pytest.raises(ValueError, match="modality"):
        networks.fuse([Window("p1", 0.0, 6.0, {})])


def test_tokens_that_are_no_numbers_are_an_error_and_no_estimate(networks, spec):
    broken = Tokens(np.full((3, spec.encoders["visual"].width), np.nan, np.float32), np.zeros(3, np.float32))
    with pytest.raises(ModelError, match="not a number"):
        networks.fuse([Window("p1", 0.0, 6.0, {"visual": broken})])


@pytest.mark.parametrize("words", [("No!",), ("Don't", "forget", "a", "jacket,"), ("wonderfully",) * 40])
def test_text_tokens_are_those_of_the_trained_encoder(networks, weights, random_checkpoint, words):
    times_s = tuple(float(i) for i in range(len(words)))
    ours = networks.encode_text(words, times_s)
    encoder = TextEncoder.load(weights("minilm"), random_checkpoint)
    pieces = PieceTokenizer(weights("minilm")).pieces(words, times_s)
    ids = torch.from_numpy(pieces.ids)[None]
    with torch.no_grad():
        theirs = encoder(ids, torch.ones_like(ids, dtype=torch.bool))[0].numpy()
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4)
    assert ours.times_s.tolist() == pieces.times_s.tolist()


@pytest.mark.parametrize("context_s", [0.0, 0.7, 1.5])
def test_audio_tokens_are_those_of_the_trained_encoder_and_lie_in_their_block(
    networks, weights, random_checkpoint, context_s
):
    block, context = SAMPLE_RATE // 2, round(context_s * SAMPLE_RATE)
    samples = RNG.normal(size=context + block).astype(np.float32) * 0.1
    ours = networks.encode_audio(160_000, samples, block)
    encoder = AudioEncoder.load(weights("whisper-base"), random_checkpoint)
    with torch.no_grad():
        theirs = encoder(torch.from_numpy(log_mel(padded_block(samples)))[None])[0].numpy()
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4)
    begin_s = 10.0 + context_s
    np.testing.assert_allclose(ours.times_s, begin_s + np.array([0.05, 0.15, 0.25, 0.35, 0.45]), atol=1e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_visual_tokens_are_those_of_the_trained_encoder(networks, random_checkpoint, count):
    crops = RNG.integers(0, 256, (count, 48, 48), np.uint8)
    with torch.no_grad():
        theirs = ExpressionNet.load(random_checkpoint)(torch.from_numpy(scale_crops(crops))).numpy()
    np.testing.assert_allclose(networks.encode_visual(crops), theirs, atol=1e-4)


# --- which export is taken ---------------------------------------------------------------------------


@pytest.fixture
def copy(exported, tmp_path):
    """An export that a test may damage."""
    return shutil.copytree(exported, tmp_path / "copy")


def test_the_export_of_a_checkpoint_is_recognised(spec, exported):
    assert is_exported(spec, exported)
    assert {f"{name}.onnx" for name in NETWORKS} < {path.name for path in exported.iterdir()}


def test_without_a_manifest_an_export_counts_as_unfinished(spec, copy):
    (copy / "manifest.json").unlink()
    assert not is_exported(spec, copy)
    assert not is_exported(spec, copy / "nowhere")


def test_a_damaged_network_is_refused(spec, copy):
    path = copy / "visual.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"visual\.onnx.*damaged.*Delete the folder"):
        is_exported(spec, copy)


def test_an_export_with_a_network_missing_is_refused(spec, copy):
    (copy / "audio.onnx").unlink()
    with pytest.raises(ModelError, match=r"audio\.onnx"):
        is_exported(spec, copy)


def test_the_export_of_another_checkpoint_is_refused(spec, exported):
    other = spec.model_copy(update={"summary": "Another one."})
    with pytest.raises(ModelError, match="another checkpoint"):
        is_exported(other, exported)
    assert export_folder(other) != export_folder(spec)


@pytest.mark.parametrize("text", ["", "[]", '{"files": {}}', json.dumps({"files": 3, "spec_sha256": None})])
def test_an_unreadable_manifest_is_refused_and_says_what_to_do(spec, copy, text):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match="Delete the folder"):
        is_exported(spec, copy)


def test_a_third_party_weight_other_than_the_trained_one_is_refused(spec, random_checkpoint, weights):
    check_weights(spec, random_checkpoint, weights)
    text = spec.encoders["text"].model_copy(update={"weight_sha256": "0" * 64})
    other = spec.model_copy(update={"encoders": {**spec.encoders, "text": text}})
    with pytest.raises(SpecMismatch, match="trained with another minilm"):
        check_weights(other, random_checkpoint, weights)


def test_adapters_other_than_the_trained_ones_are_refused_before_anything_is_exported(
    random_checkpoint, weights, tmp_path
):
    checkpoint = shutil.copytree(random_checkpoint, tmp_path / "checkpoint")
    path = checkpoint / "text_adapter.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(SpecMismatch, match="text_adapter"):
        export(checkpoint, tmp_path / "out", weights)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"text\.onnx.*cannot be run"):
        OnnxNetwork(path)
