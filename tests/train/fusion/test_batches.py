"""Batches: label-blind joining, modality dropout, and reproducibility."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.labels import MODALITIES
from core.window import Tokens
from train.data.window_augmentation import WindowAugmentation, as_given, place
from train.fusion.batches import BatchConfig, BatchMaker
from train.testing import SHAPES, corpus, singles


def maker(sets, seed: int = 0, **pairing) -> BatchMaker:
    return BatchMaker(sets, SHAPES, BatchConfig(**pairing), WindowAugmentation(noise=0.0), seed)


def test_a_batch_depends_on_seed_and_step_alone():
    one, other = maker(singles()), maker(singles())
    other.batch(3, 16)
    for a, b in ((one.batch(7, 16), other.batch(7, 16)),):
        assert all(torch.equal(a.values[m], b.values[m]) for m in MODALITIES)
        assert torch.equal(a.targets.peers, b.targets.peers)
    assert not torch.equal(one.batch(7, 16).targets.groups, one.batch(8, 16).targets.groups)


def test_shards_of_a_batch_join_to_the_whole():
    whole = maker(singles()).batch(0, 12)
    parts = [maker(singles()).batch(0, 12, slice(i, i + 4)) for i in (0, 4, 8)]
    for m in MODALITIES:
        assert torch.equal(whole.values[m], torch.cat([p.values[m] for p in parts]))
    assert torch.equal(whole.targets.fusion, torch.cat([p.targets.fusion for p in parts]))


def test_joined_rows_have_no_label_of_their_own_but_each_peer_keeps_its_examples():
    batch = maker(singles()).batch(0, 200)
    t = batch.targets
    assert not t.fusion_mask[~t.paired].any()
    assert t.fusion_mask[t.paired].all()
    assert torch.equal(t.peers_mask.any(dim=2), t.available)
    alone = t.paired.nonzero()[:, 0]
    assert (t.available[alone].sum(dim=1) == 1).all()


def test_joining_is_blind_to_labels():
    t = maker(singles(), all_present=1, one_missing=0, two_missing=0).batch(0, 3000).targets
    text, audio = t.peers[:, 0, 0], t.peers[:, 1, 0]
    together = (text * audio).mean()
    assert together.item() == pytest.approx((text.mean() * audio.mean()).item(), abs=0.025)


def test_modalities_are_dropped_in_the_proportions_asked_for():
    sets = [corpus("paired", MODALITIES, examples=100)]
    counts = maker(sets).batch(0, 4000).targets.available.sum(dim=1)
    shares = [(counts == n).float().mean().item() for n in (3, 2, 1)]
    assert shares == pytest.approx([0.5, 0.35, 0.15], abs=0.03)


def test_all_seven_patterns_occur():
    patterns = {tuple(row) for row in maker(singles()).batch(0, 300).targets.available.tolist()}
    assert patterns == set(itertools.product((False, True), repeat=3)) - {(False, False, False)}


def test_without_joining_unrelated_examples_never_meet():
    t = maker(singles(), join=False).batch(0, 100).targets
    assert t.paired.all()
    assert (t.available.sum(dim=1) == 1).all()


def test_a_corpus_of_weight_zero_is_never_drawn():
    t = maker(singles(), corpora={"only-text": 0.0}, even_modalities=False).batch(0, 100).targets
    assert not t.available[:, 0].any()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 140),
    timing=st.sampled_from(["timed", "ordered", "views"]),
    gap_s=st.floats(0.01, 1.0),
)
def test_every_placement_lies_in_a_live_window_in_order_of_time(seed, count, timing, gap_s):
    times_s = np.arange(count) * (gap_s if timing == "timed" else 1)
    times_s = times_s.astype(np.float32)
    tokens = Tokens(np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32), times_s)
    placed = place(tokens, timing, WindowAugmentation(), np.random.default_rng(seed))
    assert len(placed) >= 1
    assert len(placed.values) == len(placed.times_s)
    assert (placed.times_s >= -1e-4).all()
    assert (placed.times_s <= 12.0 + 1e-3).all()
    assert (np.diff(placed.times_s) >= 0).all()


def test_evaluation_sees_one_look_at_a_picture_and_the_words_in_order():
    tokens = Tokens(np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3, dtype=np.float32))
    assert len(as_given(tokens, "views")) == 1
    assert (np.diff(as_given(tokens, "ordered").times_s) > 0).all()
