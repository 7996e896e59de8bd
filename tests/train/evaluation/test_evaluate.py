"""From a trained network to a calibrated checkpoint, and its evaluation as it would run live."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from core.errors import ConfigError
from core.labels import EMOTIONS, MODALITIES
from core.models.storage import save_network
from core.spec import EncoderSpec, ModelSpec, pattern, write_spec
from train.calibration.stage import PATTERNS, calibrate
from train.calibration.teacher import identity_calibration, make_teacher, measure_reliability
from train.config import read_config
from train.data.window_augmentation import WindowAugmentation
from train.evaluation.judge_checkpoint import evaluate
from train.evaluation.model_card import model_card
from train.evaluation.tables import label_table, main_table
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.fit import OptimisationConfig, fit
from train.fusion.objective import LossConfig
from train.parallel import World
from train.progress import RunLog
from train.testing import SHAPES, SIZES, WIDTHS, corpus, network, singles, thinned


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint that was trained on made-up corpora, one for each modality and one with all three."""
    torch.manual_seed(0)
    sets = [*singles(), corpus("paired", MODALITIES, seed=7)]
    train, validation = [s.part("train") for s in sets], [s.part("validation") for s in sets]
    net = network(dropout=0.0, peer_gradient=0.1)
    peer_reliability = measure_reliability(net.eval(), validation, SHAPES, {})
    fit(
        net,
        BatchMaker(train, SHAPES, BatchConfig(), WindowAugmentation(), 0),
        make_teacher(train, peer_reliability),
        OptimisationConfig(steps=150, batch=32, rate=1e-2, peer_rate_factor=1, average=0.9, device="cpu"),
        LossConfig(),
        World(0, 1, torch.device("cpu")),
        validate=lambda net: {"score": 0.0},
        log=RunLog(),
    )
    folder = tmp_path_factory.mktemp("checkpoint")
    calibration = calibrate(net, validation, SHAPES, {}, WindowAugmentation(), 150)
    spec = ModelSpec(
        name="made-up",
        labels=EMOTIONS,
        encoders={
            m: EncoderSpec(kind="none", weight=None, weight_sha256=None, width=WIDTHS[m], max_tokens=8)
            for m in MODALITIES
        },
        fusion=SIZES.model_copy(update={"file_sha256": save_network(net, folder / "model.safetensors")}),
        calibration=calibration,
        license="none",
        summary="Made up.",
    )
    write_spec(spec, folder)
    return folder, spec, corpus("paired", MODALITIES, examples=200, seed=8)


def test_every_pattern_is_calibrated(trained):
    _, spec, _ = trained
    assert set(spec.calibration.fusion) == {pattern(p) for p in PATTERNS}
    assert all(t > 0 for branch in spec.calibration.fusion.values() for t in branch.temperature)


def test_the_fusion_is_not_worse_than_the_best_peer_and_all_beat_the_constants(trained):
    folder, spec, tokens = trained
    report = evaluate(folder, spec, tokens, "all", resamples=20)
    assert set(report.branches) == {"fusion", *MODALITIES}
    assert set(report.patterns) == {pattern(p) for p in PATTERNS}
    best_peer = max(report.branches[m]["map"] for m in MODALITIES)
    assert report.branches["fusion"]["map"] > best_peer - 0.03
    assert report.metrics["map"] > report.constants["base rates"]["map"] + 0.2
    low, high = report.intervals["macro_f1"]
    assert low <= report.metrics["macro_f1"] <= high


def test_a_report_is_json_a_table_and_a_model_card(trained):
    folder, spec, tokens = trained
    report = evaluate(folder, spec, tokens, "all", branch="audio", resamples=0)
    loaded = json.loads(json.dumps(report.as_dict()))
    assert {"metrics", "constants", "intervals", "n"} <= set(loaded)
    assert {"macro_f1", "micro_f1", "accuracy", "uar", "map", "ece", "brier"} <= set(loaded["metrics"])
    assert loaded["metrics"] == report.branches["audio"]
    assert main_table(report).row_count >= 4 + 4 + 4
    assert label_table(report).row_count == 7
    card = model_card(spec, ["goemotions", "ravdess"], [report])
    assert "CC BY-NC-SA 4.0" in card
    assert "prohibited in the European Union" in card
    assert f"{report.metrics['macro_f1']:.3f}" in card


def test_only_the_corpus_own_modalities_take_part(trained):
    folder, spec, _ = trained
    report = evaluate(folder, spec, singles()[1], "all", resamples=0)
    assert set(report.branches) == {"fusion", "audio"}
    assert set(report.patterns) == {"audio"}


def test_test_data_have_no_influence_on_what_is_fitted():
    net = network()
    sets = singles()
    validation = [s.part("validation") for s in sets]
    once = calibrate(net.eval(), validation, SHAPES, {}, WindowAugmentation(), 100)
    for s in sets:
        rows = [i for i, split in enumerate(s.splits) if split == "test"]
        s.targets[rows] = 1 - s.targets[rows]
        for ragged in s.tokens.values():
            for row in rows:
                ragged.values[ragged.offsets[row] : ragged.offsets[row + 1]] += 100
    again = calibrate(net, [s.part("validation") for s in sets], SHAPES, {}, WindowAugmentation(), 100)
    assert once == again


def test_a_pattern_that_no_example_and_no_joined_window_has_stays_as_it_is():
    """All have a voice, and either words or a face: what is truly paired is never mixed with strangers."""
    whole = corpus("mine", MODALITIES, seed=3).part("validation")
    validation = thinned(thinned(whole, "text", lambda row: row % 2 == 0), "visual", lambda row: row % 2 == 1)
    found = calibrate(network().eval(), [validation], SHAPES, {}, WindowAugmentation(), 100)
    assert found.fusion["text+audio+visual"] == identity_calibration(len(EMOTIONS))
    assert found.fusion["text+audio"] != identity_calibration(len(EMOTIONS))


def test_reliability_gives_a_say_only_to_modalities_with_data():
    validation = [s.part("validation") for s in singles()[:2]]
    peer_reliability = measure_reliability(network().eval(), validation, SHAPES, {})
    assert (peer_reliability.trust[:2] > 0).all()
    assert np.array_equal(peer_reliability.trust[2], np.zeros(7))
    assert np.allclose(
        peer_reliability.known_base_logits[2], peer_reliability.known_base_logits[:2].mean(axis=0)
    )


def test_a_preset_refuses_what_it_does_not_know(tmp_path):
    path = tmp_path / "preset.yaml"
    path.write_text("summary: s\nlicense: l\ncorpora: {goemotions: {}}\nlosses: {temperature: 2}\n")
    assert read_config(path, ["optimisation.steps=7"]).optimisation.steps == 7
    with pytest.raises(ConfigError, match=r"losses\.temprature.*Did you mean temperature"):
        read_config(path, ["losses.temprature=2"])
