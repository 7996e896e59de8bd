"""The specification of a checkpoint: read, written, hashed, refused."""

from __future__ import annotations

import itertools
import json

import pytest
from pydantic import ValidationError

from core.errors import ConfigError, SpecMismatch
from core.labels import MODALITIES
from core.spec import SPEC_VERSION, ModelSpec, pattern, read_spec, write_spec
from tests.core.fakes import PATTERNS, spec

SHORT = {"temperature": [1.0], "bias": [0.0]}
POINT = {"fusion": {}, "peers": {}, "examples": 10, "sources": 3}


def with_points(**points) -> ModelSpec:
    values = spec().model_dump(mode="json")
    values["calibration"]["operating_points"] = points
    return ModelSpec.model_validate(values)


def test_what_is_written_is_read_back_with_the_same_hash(tmp_path):
    write_spec(spec(), tmp_path / "checkpoint")
    found = read_spec(tmp_path / "checkpoint")
    assert found == spec()
    assert found.sha256 == spec().sha256


def test_the_hash_changes_with_every_value():
    other = spec(summary="Something else.")
    assert other.sha256 != spec().sha256


def test_token_shapes_are_those_of_the_encoders():
    shapes = spec().token_shapes
    assert {m: (s.length, s.width) for m, s in shapes.items()} == {
        "text": (64, 3),
        "audio": (64, 4),
        "visual": (64, 2),
    }


def test_patterns_of_availability_are_seven_and_in_canonical_order():
    found = {pattern(p) for n in (1, 2, 3) for p in itertools.permutations(MODALITIES, n)}
    assert found == set(PATTERNS)
    assert pattern(("visual", "text")) == "text+visual"


def test_a_folder_without_a_spec_is_no_checkpoint(tmp_path):
    with pytest.raises(SpecMismatch, match=r"not a checkpoint.*--checkpoint"):
        read_spec(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_damaged_spec_is_refused(tmp_path, text):
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(SpecMismatch):
        read_spec(tmp_path)


@pytest.mark.parametrize("version", [SPEC_VERSION + 1, 0, "1", None])
def test_another_version_is_refused_and_says_which(tmp_path, version):
    write_spec(spec(), tmp_path)
    values = json.loads((tmp_path / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps({**values, "version": version}))
    with pytest.raises(SpecMismatch, match=f"version {version};"):
        read_spec(tmp_path)


def test_an_unknown_key_is_refused_by_name(tmp_path):
    write_spec(spec(), tmp_path)
    values = json.loads((tmp_path / "spec.json").read_text())
    (tmp_path / "spec.json").write_text(json.dumps({**values, "lables": []}))
    with pytest.raises(ConfigError, match=r"unknown key lables\. Did you mean labels\?"):
        read_spec(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda v: v["encoders"].pop("audio"), "encoders must name exactly"),
        (lambda v: v["calibration"].update(thresholds=[0.5]), "there must be 7 thresholds"),
        (lambda v: v["calibration"]["fusion"]["text"].update(bias=[0.0]), "needs 7 temperatures and biases"),
        (lambda v: v["calibration"]["peers"]["text"].update(bias=[]), "needs 7 temperatures and biases"),
        (lambda v: v["calibration"]["peers"]["text"].update(thresholds=[0.5]), "there must be 7 thresholds"),
        (
            lambda v: v["calibration"].update(operating_points={"default": POINT}),
            "no operating point may be called",
        ),
        (
            lambda v: v["calibration"].update(
                operating_points={"forum": {**POINT, "peers": {"text": SHORT}}}
            ),
            "needs 7 temperatures and biases",
        ),
        (lambda v: v["encoders"]["text"].update(width=0), "greater than 0"),
        (lambda v: v["fusion"].update(queries="both"), "labels"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(change, problem):
    values = spec().model_dump(mode="json")
    change(values)
    with pytest.raises(ValidationError, match=problem):
        ModelSpec.model_validate(values)


def test_an_operating_point_replaces_the_branches_it_has_and_leaves_the_others():
    hot = {"temperature": [2.0] * 7, "bias": [0.5] * 7, "thresholds": [0.3] * 7}
    both = with_points(forum={**POINT, "fusion": {"text": hot}, "abstain_below": 0.2})
    chosen = both.at("forum").calibration
    assert chosen.fusion["text"].thresholds == (0.3,) * 7
    assert chosen.fusion["audio"] == both.calibration.fusion["audio"]
    assert chosen.peers == both.calibration.peers
    assert chosen.abstain_below == 0.2
    assert both.at("default") is both


def test_an_unknown_operating_point_is_answered_with_those_that_are_there():
    with pytest.raises(ConfigError, match=r"no operating point 'forun'.*default, forum"):
        with_points(forum=POINT).at("forun")


def test_a_spec_without_operating_points_is_written_and_hashed_as_before_there_were_any(tmp_path):
    write_spec(spec(), tmp_path)
    text = (tmp_path / "spec.json").read_text()
    assert "operating_points" not in text
    assert '"thresholds": null' not in text
    assert with_points(forum=POINT).sha256 != spec().sha256
