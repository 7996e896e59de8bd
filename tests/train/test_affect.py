"""Valence and arousal: taken from the corpora, learned where they are labelled, nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from core.labels import EMOTIONS, MODALITIES
from core.models.fusion import EmotionNet
from train.calibration.teacher import equal_reliability, make_teacher
from train.data.window_augmentation import WindowAugmentation
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.fit import fit
from train.fusion.learner import OptimisationConfig
from train.fusion.objective import LossConfig
from train.parallel import World
from train.progress import RunLog
from train.testing import SHAPES, SIZES, WIDTHS, corpus

AFFECTED = SIZES.model_copy(update={"valence_arousal": True})


def labelled():
    """Valence is told by happiness; of every second example only, and of arousal nothing is known."""
    tokens = corpus("paired", MODALITIES)
    happy = tokens.targets[:, EMOTIONS.index("happiness")]
    scales = [{"valence": float(2 * h - 1)} if i % 2 else {} for i, h in enumerate(happy)]
    return tokens.with_scales(scales)


def test_scales_of_examples_become_targets_and_stay_with_their_rows():
    tokens = labelled()
    assert np.isnan(tokens.affect[:, 1]).all()
    assert np.isnan(tokens.affect[::2, 0]).all()
    taken = tokens.take([5, 1])
    np.testing.assert_array_equal(taken.affect, tokens.affect[[5, 1]])
    assert corpus("plain", MODALITIES).with_scales([{}] * 60).affect is None


def test_only_what_is_labelled_counts_and_joined_rows_have_no_affect():
    pairing = BatchConfig(all_present=1, one_missing=0, two_missing=0)
    targets = BatchMaker([labelled()], SHAPES, pairing, WindowAugmentation(), 0).batch(0, 40).targets
    assert not targets.affect_mask[:, 1].any()
    assert 5 < targets.affect_mask[:, 0].sum() < 35
    assert torch.isfinite(targets.affect).all()
    singles = [replace(labelled(), tokens={m: labelled().tokens[m]}) for m in MODALITIES]
    joined = BatchMaker(singles, SHAPES, pairing, WindowAugmentation(), 0).batch(0, 40).targets
    assert not joined.paired.any()
    assert not joined.affect_mask.any()


def test_the_head_learns_valence():
    train = labelled().part("train")
    torch.manual_seed(0)
    net = EmotionNet(WIDTHS, 7, AFFECTED, dropout=0.0)
    fitted = fit(
        net,
        BatchMaker([train], SHAPES, BatchConfig(), WindowAugmentation(noise=0.0), 0),
        make_teacher([train], equal_reliability([train])),
        OptimisationConfig(steps=120, batch=32, rate=1e-2, peer_rate_factor=1, average=0.9, device="cpu"),
        LossConfig(affect=0.2),
        World(0, 1, torch.device("cpu")),
        validate=lambda net: {"score": 0.0},
        log=RunLog(),
    )
    batch = BatchMaker([train], SHAPES, BatchConfig(all_present=1), WindowAugmentation(noise=0.0), 9).batch(
        0, 64
    )
    with torch.no_grad():
        said = fitted.net.details(batch.values, batch.times_s, batch.mask).affect[:, 0]
    known = batch.targets.affect_mask[:, 0]
    agreement = torch.corrcoef(torch.stack([said[known], batch.targets.affect[known, 0]]))[0, 1]
    assert agreement > 0.6
