"""The specification of a checkpoint: read, written, hashed, refused."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from pydantic import ValidationError

from core.backends.artifacts import export_folder
from core.errors import ConfigError, SpecMismatch
from core.labels import MODALITIES
from core.resources import shipped
from core.spec import SPEC_VERSION, ModelSpec, insist_on_live, pattern, read_spec, write_spec
from core.untrusted import inside
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
    with pytest.raises(SpecMismatch, match=r"unknown key lables\. Did you mean labels\?"):
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


# -- a specification from somebody else -----------------------------------------------------------------

BAD_NAMES = [
    "",
    ".",
    "..",
    "../../../c/x",
    "/proc/self/cwd/c/x",
    "a/b",
    "a\\b",
    "a\0b",
    "a\n",
    "A",
    "-rf",
    "~root",
    "$(id)",
    "%2e%2e",
    "x" * 65,
    "\u0430dmin",
    "a\u202eb",
    "\x1b[2J",
    "\ud800",
]


def refused(tmp_path, change) -> str:
    """Write a specification with one thing changed; what is said when it is read."""
    values = spec().model_dump(mode="json")
    change(values)
    (tmp_path / "spec.json").write_text(json.dumps(values))
    with pytest.raises(SpecMismatch) as caught:
        read_spec(tmp_path)
    assert caught.value.exit_code == 3
    said = str(caught.value)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in said)
    assert len(said) < 2000
    return said


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
@pytest.mark.parametrize("what", ["name", "weight", "kind", "file", "files", "point", "option"])
def test_nothing_that_could_lead_elsewhere_becomes_part_of_a_path(tmp_path, name, what):
    if what == "kind" and name == "a/b":
        return  # a kind of encoder may name a corpus: features/ravdess_av
    if what in {"file", "files"} and name == "A":
        return  # files may have capital letters
    if what in {"file", "files"} and name == "x" * 65:
        name = "x" * 129

    def change(values):
        encoder = values["encoders"]["text"]
        places = {
            "name": (values, "name"),
            "weight": (encoder, "weight"),
            "kind": (encoder, "kind"),
            "file": (values["fusion"], "file"),
        }
        if what in places:
            holder, key = places[what]
            holder[key] = name
        elif what == "files":
            encoder["files"] = {name: "0" * 64}
        elif what == "point":
            values["calibration"]["operating_points"] = {name: POINT}
        else:
            encoder["options"] = {name: 1.0}

    refused(tmp_path, change)


@pytest.mark.parametrize("text", ["a\x1b]0;x\x07", "a\nb", "x" * 5000, "a\u202eb"])
@pytest.mark.parametrize("key", ["summary", "license", "labels"])
def test_text_that_is_shown_holds_nothing_that_steers(tmp_path, key, text):
    refused(tmp_path, lambda v: v.update({key: [text, *v["labels"][1:]] if key == "labels" else text}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v["calibration"]["fusion"]["text"].update(temperature=[0.0] * 7), "greater than 0"),
        (lambda v: v["calibration"]["fusion"]["text"].update(temperature=[-1.0] * 7), "greater than 0"),
        (lambda v: v["calibration"]["fusion"]["text"].update(temperature=[1e999] * 7), "finite"),
        (lambda v: v["calibration"]["peers"]["text"].update(bias=[float("nan")] * 7), "finite"),
        (lambda v: v["calibration"].update(thresholds=[5.0] * 7), "less than or equal to 1"),
        (lambda v: v["calibration"].update(thresholds=[-1.0] * 7), "greater than or equal to 0"),
        (lambda v: v["calibration"]["peers"]["text"].update(thresholds=[5.0] * 7), "less than or equal"),
        (lambda v: v["calibration"]["fusion"].pop("text+visual"), r"fusion lacks text\+visual"),
        (lambda v: v["calibration"]["fusion"].update(visual_text=SHORT), "visual_text"),
        (lambda v: v["calibration"]["peers"].pop("audio"), "peers lacks audio"),
        (lambda v: v.update(labels=[v["labels"][1], *v["labels"][1:]]), "every label may be there once only"),
        (lambda v: v.update(labels=["", *v["labels"][1:]]), "at least 1 item"),
        (lambda v: v["fusion"].update(width=10**9), "less than or equal"),
        (lambda v: v["fusion"].update(width=10, heads=3), "cannot be divided among 3 heads"),
        (lambda v: v["encoders"]["audio"].update(max_tokens=10**9), "less than or equal"),
        (lambda v: v["fusion"].update(file_sha256="0"), "file_sha256"),
    ],
)
def test_an_impossible_specification_is_refused_and_says_what_is_wrong(tmp_path, change, said):
    assert re.search(said, refused(tmp_path, change))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "x" * 5_000_000, "version https://git-lfs.github.com/spec/v1"]
)
def test_a_file_that_is_no_specification_is_refused_at_once(tmp_path, text):
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(SpecMismatch, match="cannot be read"):
        read_spec(tmp_path)


def test_a_folder_of_the_cache_that_is_a_link_elsewhere_is_refused(tmp_path):
    folder = export_folder(spec(), tmp_path / "cache")
    assert folder.parent == tmp_path / "cache" / "exports"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(SpecMismatch, match="outside"):
        export_folder(spec(), tmp_path / "cache")


@pytest.mark.parametrize("name", ["../x", "/proc/self/cwd/c/x", "a/../../x", "x\0"])
def test_a_path_is_refused_even_if_a_name_got_that_far(tmp_path, name):
    with pytest.raises(SpecMismatch, match="outside") as caught:
        inside(tmp_path / "root", name)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v["encoders"]["visual"].update(options={}), "crop_size is None"),
        (lambda v: v["encoders"]["visual"].update(options={"crop_size": 1e6}), "crop_size is 1000000.0"),
        (lambda v: v["encoders"]["audio"].update(options={"block_s": 0.0, "context_s": 1.5}), "block_s is 0"),
        (
            lambda v: v["encoders"]["audio"].update(options={"block_s": 2.0, "context_s": 1.5}),
            "than 2 s",
        ),
        (lambda v: v["encoders"]["text"].update(weight="yunet"), "weight is yunet, not minilm"),
        (lambda v: v.update(sample_rate=8000), "sample_rate is 8000"),
    ],
)
def test_what_the_live_loop_cannot_run_is_refused_before_it_is_prepared(tmp_path, change, said):
    values = json.loads((shipped("checkpoints/default") / "spec.json").read_text())
    insist_on_live(ModelSpec.model_validate(values), tmp_path)
    change(values)
    with pytest.raises(SpecMismatch, match=said):
        insist_on_live(ModelSpec.model_validate(values), tmp_path)
