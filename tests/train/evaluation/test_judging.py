"""Judging at operating points: which one is meant, and that nothing but the calibration differs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ConfigError
from core.models.calibration import fusion_output
from core.models.storage import load_network
from train.evaluation.branches import branches_of
from train.evaluation.judge_checkpoint import evaluate, point_for
from train.evaluation.model_card import model_card
from train.evaluation.tables import abstention_line, caption, label_table, main_table, rows
from train.testing import corpus

TALK = corpus("talk", ("text", "audio"), examples=60)


@pytest.fixture(scope="module")
def report(checkpoint):
    return evaluate(*checkpoint, TALK, "all", resamples=5)


def test_auto_takes_the_own_point_where_there_is_one(checkpoint):
    _, spec = checkpoint
    assert point_for(spec, "talk", "auto") == "talk"
    assert point_for(spec, "elsewhere", "auto") == "default"
    assert point_for(spec, "elsewhere", "talk") == "talk"
    with pytest.raises(ConfigError, match=r"no operating point 'forum'.*default, talk"):
        point_for(spec, "talk", "forum")


def test_both_points_stand_in_the_report_and_the_headline_is_the_chosen_one(checkpoint, report):
    assert (report.operating_point, set(report.points)) == ("talk", {"default", "talk"})
    assert report.metrics == report.points["talk"].branches["fusion"] == report.branches["fusion"]
    default = evaluate(*checkpoint, TALK, "all", resamples=0, operating_point="default")
    assert set(default.points) == {"default"}
    assert default.metrics == report.points["default"].branches["fusion"]
    assert default.metrics["ece"] != report.metrics["ece"]
    assert default.metrics["map"] == pytest.approx(report.metrics["map"]), "order is not calibration's work"


def test_what_is_measured_is_what_runs_live_at_either_point(checkpoint):
    folder, spec = checkpoint
    branches, _ = branches_of(load_network(spec, folder), spec, TALK)
    outputs = branches["fusion"].outputs
    for point in ("default", "talk"):
        said, chosen = branches["fusion"].at(spec.calibration.at(point)), spec.at(point)
        for row in range(5):
            live = fusion_output(
                outputs.logits[row],
                outputs.peer_logits[row],
                outputs.attribution[row],
                outputs.available[row],
                chosen,
                tokens=outputs.counts[row],
            )
            np.testing.assert_array_equal(live.probabilities, said.probabilities[row])
            np.testing.assert_array_equal(live.thresholds, said.thresholds[row])


def test_examples_that_lack_a_modality_are_judged_on_what_they_have(checkpoint):
    ragged = TALK.tokens["audio"]
    kept = replace(ragged, offsets=np.where(np.arange(61) <= 30, ragged.offsets, ragged.offsets[30]))
    half = replace(TALK, tokens={**TALK.tokens, "audio": kept})
    found = evaluate(*checkpoint, half, "all", resamples=0)
    assert found.branches["fusion"]["n"] == 60
    assert found.branches["audio"]["n"] == found.patterns["text+audio"]["n"] == 30


def test_a_branch_that_the_corpus_has_not_is_refused(checkpoint):
    with pytest.raises(ConfigError, match=r"has no visual.*fusion, text, audio"):
        evaluate(*checkpoint, TALK, "all", branch="visual", resamples=0)


def test_the_report_is_json_and_says_how_small_the_calibration_error_could_be(report):
    loaded = json.loads(json.dumps(report.as_dict()))
    assert {"metrics", "constants", "intervals", "n", "branches", "points", "abstention"} <= set(loaded)
    wanted = {"macro_f1", "micro_f1", "weighted_f1", "samples_f1", "binary_weighted_f1", "accuracy", "uar"}
    wanted |= {"map", "auroc", "jaccard", "hamming", "ece", "ece_floor", "brier", "n"}
    assert wanted <= set(loaded["metrics"])
    assert f"{report.metrics['ece_floor']:.3f}" in caption(report)


def test_tables_hold_both_points_the_constants_and_every_label(report):
    names = [name for name, _ in rows(report)]
    assert {"fusion @ default", "fusion @ talk", "text @ talk", "constant: all present"} <= set(names)
    assert main_table(report).row_count >= len(names)
    assert label_table(report).row_count == 7
    assert "confidence" in abstention_line(report)


def test_the_model_card_tells_both_points_and_what_they_were_fitted_on(checkpoint, report):
    text = model_card(checkpoint[1], ["ravdess"], [report], ["ravdess", "tess"])
    assert text.count("| ravdess | audio |") == 1
    assert "| tess | audio | CC BY-NC-ND 4.0 |" in text
    assert "| talk | 20 examples | 10 |" in text
    for point in ("default", "talk"):
        assert (
            f"| talk (60) | fusion | {point} | {report.points[point].branches['fusion']['macro_f1']:.3f}"
            in text
        )
