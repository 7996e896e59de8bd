"""Ablations: which data they may touch, what is kept, and that their intervals mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import train.ablation.runs as runs_module
from core.errors import ConfigError
from train.ablation.command import compared
from train.ablation.config import AblationConfig, preset_of, read_ablation
from train.ablation.figures import compare, draws, figure_of, resampled
from train.ablation.report import markdown, table, write_into
from train.ablation.runs import AblationData, calibrated_predictions, load_run, run_once, save_run
from train.config import TrainingConfig, read_config
from train.metrics import figures
from train.testing import SHAPES, corpus, network
from train.training_data import Paths, TrainingData

FOLDER = Path(__file__).parents[2] / "configs" / "train"
VARIANTS = {
    "ours": {},
    "plain": {"flags": ["losses.distillation=0"]},
    "late": {"answer": "late average"},
    "best": {"answer": "best peer"},
}


def ablation(**changes) -> AblationConfig:
    values = {"title": "t", "preset": "p.yaml", "corpus": "both", "figure": "macro_f1", "variants": VARIANTS}
    return AblationConfig.from_mapping(values | changes, where="here")


# --- what may differ --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ablate_ravdess_av", "ablate_text"])
def test_a_shipped_ablation_is_valid_in_every_flag_and_says_how_it_is_run(name):
    path = FOLDER / f"{name}.yaml"
    found = read_ablation(path)
    assert path.read_text().startswith(f"# emotrack train ablate configs/train/{name}.yaml")
    assert len(found.seeds) >= 3
    assert found.reference == "ours"


@pytest.mark.parametrize("name", ["ravdess_av", "elderreact"])
def test_a_preset_of_features_names_its_labels_and_says_how_it_is_run(name):
    path = FOLDER / f"{name}.yaml"
    config = read_config(path, [])
    assert path.read_text().startswith(f"# emotrack train fit configs/train/{name}.yaml")
    assert config.labels != TrainingConfig.model_fields["labels"].default
    assert config.peers == "fresh"


def write_ablation(folder: Path, flags: str) -> Path:
    (folder / "p.yaml").write_text("summary: s\nlicense: l\npeers: fresh\ncorpora: {goemotions: {}}\n")
    path = folder / "a.yaml"
    path.write_text(
        "title: t\npreset: p.yaml\ncorpus: goemotions\nfigure: macro_f1\n"
        f"variants: {{ours: {{}}, other: {{flags: [{flags}]}}}}\n"
    )
    return path


def test_a_variant_that_learns_from_other_data_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="changes corpora"):
        read_ablation(write_ablation(tmp_path, "'corpora={xed: {}, goemotions: {}}'"))


def test_a_misspelt_flag_is_found_before_anything_runs(tmp_path):
    with pytest.raises(ConfigError, match="distillation"):
        read_ablation(write_ablation(tmp_path, "losses.destillation=0"))


def test_a_run_has_the_flags_of_its_variant_and_its_seed(tmp_path):
    path = write_ablation(tmp_path, "sizes.queries=token")
    found = read_ablation(path)
    config = preset_of(found, path, found.variants["other"], 7)
    assert (config.sizes.queries, config.optimisation.seed) == ("token", 7)


# --- figures ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10_000), rows=st.integers(4, 30))
def test_figures_by_weights_are_those_of_the_harness(seed, rows):
    rng = np.random.default_rng(seed)
    p, cuts = rng.random((rows, 4)), rng.random(4)
    targets = (rng.random((rows, 4)) < 0.3).astype(np.float32)
    known = np.ones((rows, 4), np.bool_)
    known[:, 3] = rng.random() < 0.5
    right = figures(p, targets, known, cuts)
    for name in ("macro_f1", "micro_f1"):
        assert figure_of(name, p, cuts, targets, known) == pytest.approx(right[name])
    if "accuracy" in right:
        assert figure_of("accuracy", p, cuts, targets, known) == pytest.approx(right["accuracy"])
    weights = draws(rows, 3, seed)
    chosen = np.repeat(np.arange(rows), weights[1].astype(int))
    again = figure_of("macro_f1", p[chosen], cuts, targets[chosen], known[chosen])
    assert resampled("macro_f1", p, cuts, targets, known, weights)[1] == pytest.approx(again)


def test_a_variant_that_says_the_same_differs_by_nothing():
    drawn = np.random.default_rng(0).random((3, 200))
    found = compare(
        {"ours": drawn, "same": drawn.copy()}, {"ours": [0.1, 0.2, 0.3], "same": [0.1, 0.2, 0.3]}, "ours"
    )
    assert found["same"].difference_interval == (0.0, 0.0)
    assert found["ours"].interval[0] < found["ours"].mean + 0.5 < found["ours"].interval[1] + 0.5


def test_the_luck_of_a_seed_widens_the_interval():
    steady, lucky = np.full((3, 500), 0.5), np.repeat([[0.4], [0.5], [0.6]], 500, axis=1)
    found = compare({"a": steady, "b": lucky}, {"a": [0.5] * 3, "b": [0.4, 0.5, 0.6]}, "a")
    assert found["a"].interval == (0.5, 0.5)
    assert found["b"].difference_interval[0] < -0.03 < 0.03 < found["b"].difference_interval[1]


# --- runs ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers():
    tokens = corpus("both", ("audio", "visual"))
    torch.manual_seed(0)
    found = calibrated_predictions(
        network().eval(), tokens.part("validation"), tokens.part("test"), SHAPES, ablation()
    )
    return tokens, found


def test_every_answer_is_there_with_probabilities_for_the_test_part(answers):
    tokens, found = answers
    assert set(found) == {"fusion", "fusion of audio", "fusion of visual", "late average", "best peer"}
    for said in found.values():
        assert said.probabilities.shape == (len(tokens.part("test")), 7)
        assert np.isfinite(said.probabilities).all()


def test_the_test_part_decides_nothing(answers):
    tokens, found = answers
    other = corpus("both", ("audio", "visual"), seed=5)
    torch.manual_seed(0)
    again = calibrated_predictions(
        network().eval(), tokens.part("validation"), other.part("test"), SHAPES, ablation()
    )
    for name, said in found.items():
        np.testing.assert_array_equal(said.thresholds, again[name].thresholds)


def test_a_finished_run_is_read_and_not_trained_again(answers, tmp_path, monkeypatch):
    tokens, found = answers
    config = TrainingConfig(summary="s", license="l", corpora={"goemotions": {}})
    ablation_data = AblationData(TrainingData([tokens], _Spec(), tmp_path, ()), tokens.part("test"))  # type: ignore[arg-type]
    key = runs_module._key(ablation(), config, ablation_data)
    save_run(found, tmp_path / f"{key}.npz")
    monkeypatch.setattr(runs_module, "train_network", None)
    paths = Paths(tmp_path, tmp_path, tmp_path, tmp_path, lambda name: tmp_path)
    again = run_once(ablation(), config, ablation_data, paths, tmp_path)
    np.testing.assert_array_equal(again["fusion"].probabilities, found["fusion"].probabilities)
    assert not list(tmp_path.glob("*.part"))


class _Spec:
    """No encoder at all."""

    def __init__(self):
        self.encoders = {}


# --- the table ----------------------------------------------------------------------------------------


@pytest.fixture
def report(answers, tmp_path):
    tokens, found = answers
    save_run(found, tmp_path / "run.npz")
    ablation_data = AblationData(TrainingData([tokens], None, tmp_path, ()), tokens.part("test"))  # type: ignore[arg-type]
    flags = {("losses.distillation=0",), ()}
    done = {(f, seed): load_run(tmp_path / "run.npz") for f in flags for seed in (0, 1, 2)}
    return compared(ablation(not_applicable={"none": "because"}), ablation_data, done, name="tiny")


def test_the_table_has_every_variant_the_constant_and_what_does_not_apply(report):
    text = markdown(report)
    for name in (*VARIANTS, "constant", "- none: because", "audio alone", "emotrack train ablate"):
        assert name in text
    assert table(report).row_count == len(VARIANTS) + 1
    assert report.rows["plain"].difference == 0.0


def test_the_table_is_written_between_its_markers_only(report, tmp_path):
    document = tmp_path / "results.md"
    document.write_text("before\n<!-- ablation tiny -->\nold\n<!-- end of ablation tiny -->\nafter\n")
    write_into(document, "tiny", markdown(report))
    once = document.read_text()
    write_into(document, "tiny", markdown(report))
    assert document.read_text() == once
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once


def test_a_document_without_markers_is_left_alone_and_told(report, tmp_path):
    document = tmp_path / "results.md"
    document.write_text("nothing\n")
    with pytest.raises(ConfigError, match="no place"):
        write_into(document, "tiny", markdown(report))
    assert document.read_text() == "nothing\n"
