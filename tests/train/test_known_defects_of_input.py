"""Defects of the paper's released code in what goes in and comes out (docs/method.md), one test for each.

Those of losses and teacher are in `test_known_defects.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from core.labels import EMOTIONS, MODALITIES, Modality
from core.models.calibration import fusion_output
from core.models.embeddings import RAW_WIDTHS
from core.models.fusion import EmotionNet
from core.models.raw.audio_patches import audio_patches
from core.models.raw.tubelets import TubeletEmbedding, tubelets
from core.models.raw.word_pieces import PieceEmbedding
from core.spec import PATTERNS, BranchCalibration, CalibrationSpec, EncoderSpec, FusionSpec, ModelSpec
from train.initialisation import set_input_statistics
from train.testing import WIDTHS, corpus, network

ROOT = Path(__file__).parents[2]
SIZES = FusionSpec(width=16, heads=2, peer_layers=1, fusion_layers=1, feedforward=16, queries="token")


def raw_network() -> EmotionNet:
    torch.manual_seed(0)
    embeddings = {"text": PieceEmbedding(20, 16), "visual": TubeletEmbedding(16)}
    return EmotionNet(dict(RAW_WIDTHS), 7, SIZES, dropout=0.0, embeddings=embeddings).eval()


def heard(net: EmotionNet, wave: np.ndarray) -> torch.Tensor:
    tokens = torch.from_numpy(audio_patches(wave.astype(np.float32)))[None]
    times, mask = torch.arange(tokens.shape[1])[None] * 0.04, torch.ones(tokens.shape[:2], dtype=torch.bool)
    return net.peers["audio"](tokens, times, mask).logits


def seen(net: EmotionNet, frames: np.ndarray) -> torch.Tensor:
    tokens = torch.from_numpy(tubelets(frames.astype(np.uint8)))[None]
    mask = torch.ones(tokens.shape[:2], dtype=torch.bool)
    return net.peers["visual"](tokens, torch.zeros(tokens.shape[:2]), mask).logits


def test_sound_keeps_its_wave_form_and_not_the_sign_alone():
    times = np.arange(16_000) / 16_000
    soft, loud = 0.05 * np.sin(2 * np.pi * 200 * times), 0.6 * np.sin(2 * np.pi * 200 * times)
    assert len(np.unique(audio_patches(soft.astype(np.float32)))) > 300
    assert np.array_equal(np.sign(soft), np.sign(loud)), "one bit would be the same for both"
    net = raw_network()
    assert not torch.allclose(heard(net, soft), heard(net, loud), atol=1e-4)


@pytest.mark.parametrize("seconds", [0.001, 0.04, 0.3, 3.19, 3.2, 9.0])
def test_clips_of_any_length_are_heard(seconds):
    wave = np.random.default_rng(0).uniform(-1, 1, round(seconds * 16_000))
    assert torch.isfinite(heard(raw_network(), wave)).all()


@pytest.mark.parametrize("count", [1, 3, 15, 16])
def test_clips_of_few_frames_are_seen(count):
    frames = np.random.default_rng(0).integers(0, 256, (count, 112, 112, 3))
    assert torch.isfinite(seen(raw_network(), frames)).all()


def test_what_does_not_move_is_seen_all_the_same():
    net = raw_network()
    bright, dark = np.full((16, 112, 112, 3), 210), np.full((16, 112, 112, 3), 40)
    assert not torch.allclose(seen(net, bright), seen(net, dark), atol=1e-4), "appearance counts"
    other = np.random.default_rng(1).integers(0, 256, (16, 112, 112, 3))
    mixed = np.concatenate([bright[:4], other[4:]])
    np.testing.assert_array_equal(
        tubelets(mixed.astype(np.uint8))[:49], tubelets(bright.astype(np.uint8))[:49]
    )


def test_samples_of_a_batch_do_not_attend_to_each_other_on_raw_input():
    net = raw_network()
    lengths: dict[Modality, int] = {"text": 5, "audio": 6, "visual": 98}
    values = {m: torch.rand(3, t, RAW_WIDTHS[m]) * (19 if m == "text" else 1) for m, t in lengths.items()}
    times = {m: torch.rand(3, t) for m, t in lengths.items()}
    mask = {m: torch.ones(3, t, dtype=torch.bool) for m, t in lengths.items()}
    together = net(values, times, mask)[0]
    changed = {m: torch.cat([v[:1], v[1:].flip(1)]) for m, v in values.items()}
    torch.testing.assert_close(net(changed, times, mask)[0][:1], together[:1])
    assert not torch.allclose(net(changed, times, mask)[0][1:], together[1:])


def test_input_is_scaled_by_training_data_alone():
    whole = corpus("paired", MODALITIES)
    strange = corpus("paired", MODALITIES)
    held = [row for row, split in enumerate(strange.splits) if split != "train"]
    for ragged in strange.tokens.values():
        for row in held:
            ragged.values[ragged.offsets[row] : ragged.offsets[row + 1]] += 1000
    one, other = network(), network()
    set_input_statistics(one, [whole.part("train")])
    set_input_statistics(other, [strange.part("train")])
    for modality in MODALITIES:
        assert torch.equal(one.peers[modality].input_mean, other.peers[modality].input_mean)
        assert torch.equal(one.peers[modality].input_scale, other.peers[modality].input_scale)
    assert WIDTHS["audio"] == len(one.peers["audio"].input_mean)


def test_what_is_shown_is_what_the_network_said():
    flat = BranchCalibration(temperature=(1.0,) * 7, bias=(0.0,) * 7)
    encoder = EncoderSpec(kind="none", weight=None, weight_sha256=None, width=4, max_tokens=4)
    calibration = CalibrationSpec(
        fusion=dict.fromkeys(PATTERNS, flat), peers=dict.fromkeys(MODALITIES, flat), thresholds=(0.5,) * 7
    )
    spec = ModelSpec(
        name="n",
        labels=EMOTIONS,
        encoders=dict.fromkeys(MODALITIES, encoder),
        fusion=SIZES,
        calibration=calibration,
        license="none",
        summary="s",
    )
    there = np.array([False, True, False])
    for top in range(7):
        logits = np.full(7, -2.0, np.float32)
        logits[top] = 2.0
        said = fusion_output(logits, np.zeros((3, 7), np.float32), np.array([0.0, 1.0, 0.0]), there, spec)
        np.testing.assert_allclose(said.probabilities, 1 / (1 + np.exp(-logits)), rtol=1e-5)
        assert spec.labels[int(np.argmax(said.probabilities))] == EMOTIONS[top]


def test_no_emotion_is_written_into_the_live_code():
    """Names of labels come from the checkpoint; only their list, colours, shapes and adjectives name them."""
    drawn = {"realtime/sinks/timeline_figure.py", "realtime/desktop/theme.py", "realtime/report/signs.py"}
    allowed = {"core/labels.py", "realtime/summary/wording.py"} | drawn
    for folder in ("core", "realtime"):
        for path in (ROOT / folder).rglob("*.py"):
            if str(path.relative_to(ROOT)) not in allowed:
                constants = {
                    node.value
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.Constant)
                }
                assert not constants & set(EMOTIONS), path
