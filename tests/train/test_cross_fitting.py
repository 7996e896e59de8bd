"""Cross-fitting: folds by source, calibration on left-out sources, a network that has seen them all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import train.cross_fitting as module
from core.errors import ConfigError
from core.labels import EMOTIONS, MODALITIES
from core.spec import BranchCalibration, CalibrationSpec, EncoderSpec, ModelSpec, pattern
from train.calibration.stage import PATTERNS
from train.calibration.teacher import identity_calibration
from train.config import TrainingConfig
from train.cross_fitting import cross_fit, fold_of, left_out, mean_calibration
from train.inference import evaluation_windows, outputs_of
from train.initialisation import new_network
from train.parallel import World
from train.progress import RunLog
from train.testing import SHAPES, SIZES, WIDTHS, corpus
from train.training_data import Paths, TrainingData

HERE = World(0, 1, torch.device("cpu"))


def config(**changes) -> TrainingConfig:
    values = {
        "summary": "s",
        "license": "l",
        "corpora": {"ravdess_av": {}},
        "peers": "fresh",
        "folds": 3,
        "sizes": SIZES.model_dump(include={"width", "heads", "peer_layers", "fusion_layers", "feedforward"}),
        "optimisation": {"steps": 6, "batch": 8, "validate_every": 2, "save_every": 0, "device": "cpu"},
    }
    return TrainingConfig.from_mapping(values | changes, where="here")


def spec() -> ModelSpec:
    return ModelSpec(
        name="tiny",
        labels=EMOTIONS,
        encoders={
            m: EncoderSpec(kind="none", weight=None, weight_sha256=None, width=WIDTHS[m], max_tokens=8)
            for m in MODALITIES
        },
        fusion=SIZES,
        calibration=calibration(1.0),
        license="l",
        summary="s",
    )


def calibration(temperature: float) -> CalibrationSpec:
    branch = BranchCalibration(temperature=(temperature,) * 7, bias=(temperature,) * 7)
    return CalibrationSpec(
        fusion=dict.fromkeys(map(pattern, PATTERNS), branch),
        peers=dict.fromkeys(MODALITIES, branch),
        thresholds=(temperature / 10,) * 7,
    )


def run(folder: Path, *, resume: bool = False):
    folder.mkdir(exist_ok=True)
    tokens = corpus("ravdess_av", ("audio", "visual"))
    kept = tokens.take([i for i, split in enumerate(tokens.splits) if split != "test"])
    inputs = TrainingData([kept], spec(), folder, ())
    paths = Paths(folder, folder, folder, folder, lambda name: folder)
    return cross_fit(config(), paths, inputs, HERE, RunLog(), folder, resume=resume)


def test_no_source_is_on_both_sides_of_a_fold_and_folds_are_even():
    tokens = corpus("made-up", ("audio",), examples=90)
    dealt = fold_of(tokens, 4)
    sizes = Counter(dealt[source] for source in tokens.sources)
    assert max(sizes.values()) - min(sizes.values()) <= 2
    for fold in range(4):
        part = left_out(tokens, dealt, fold)
        assert not set(part.part("train").sources) & set(part.part("validation").sources)
        assert set(part.part("validation").sources) == {s for s, k in dealt.items() if k == fold}


def test_the_mean_of_equal_calibrations_is_that_calibration():
    assert mean_calibration([calibration(2.0)] * 3) == calibration(2.0)


def test_temperatures_are_averaged_by_their_logarithm():
    found = mean_calibration([calibration(0.5), calibration(2.0)])
    assert found.peers["audio"].temperature == pytest.approx((1.0,) * 7)
    assert found.peers["audio"].bias == pytest.approx((1.25,) * 7)


def test_the_last_network_learns_from_every_source_and_stops_where_the_folds_are_best(tmp_path):
    fitted, found = run(tmp_path)
    curve = [row["folds"] for row in fitted.history]
    assert len(curve) == 3
    best = max(range(3), key=lambda i: curve[i])
    assert [row["score"] for row in fitted.history][best] == 0.0
    assert found.fusion["audio+visual"] != identity_calibration(7)
    assert all(np.isfinite(v.numpy()).all() for v in fitted.net.state_dict().values())


def test_a_resumed_run_reads_its_finished_folds_and_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole, calibrated = run(tmp_path / "whole")
    trained = []
    real = module.train_network

    def counting(settings, paths, inputs, world, log, state, **options):
        trained.append([tokens.splits for tokens in inputs.sets])
        if len(trained) == 3:
            raise KeyboardInterrupt
        return real(settings, paths, inputs, world, log, state, **options)

    monkeypatch.setattr(module, "train_network", counting)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut")
    again, same = run(tmp_path / "cut", resume=True)
    assert len(trained) == 5, "two folds, the third twice, and the network of all"
    assert trained[2] == trained[3]
    assert trained[2] not in trained[:2]
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name]), name
    assert same == calibrated


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"peers": "first_stage"}])
def test_settings_that_contradict_folds_are_refused(wrong):
    with pytest.raises(ConfigError, match="folds"):
        config(**wrong)


def test_a_peer_that_begins_linear_says_what_a_logistic_regression_says():
    tokens = corpus("ravdess_av", ("audio",))
    linear = {"statistics": ["audio"], **SIZES.model_dump(include={"width", "heads", "feedforward"})}
    settings = config(
        sizes=linear | {"peer_layers": 1, "fusion_layers": 1}, linear_start={"audio": 1000.0}, folds=0
    )
    plan = spec().model_copy(update={"fusion": settings.sizes.spec()})
    net = new_network(settings, plan, Path(), [tokens.part("train")]).eval()
    part = tokens.part("train")
    said = outputs_of(net, evaluation_windows(part), SHAPES).peer_logits[:, 1] > 0
    assert (said == (part.targets > 0.5)).mean() > 0.95


def test_a_linear_beginning_without_statistics_is_refused():
    with pytest.raises(ConfigError, match="statistics"):
        config(linear_start={"audio": 1.0})
