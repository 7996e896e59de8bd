"""The verbs of training: what they say when something is wrong. Their work is tested beside it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from core.errors import ConfigError, SpecMismatch
from train.cli import app


def invoke(*words: str):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("verb", ["fit", "eval", "card"])
def test_every_verb_explains_itself(verb):
    done = invoke(verb, "--help")
    assert done.exit_code == 0
    assert "--data" in done.output


def test_a_preset_that_is_not_there_is_named(tmp_path):
    done = invoke("fit", str(tmp_path / "no.yaml"), "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert isinstance(done.exception, ConfigError)
    assert "no.yaml" in str(done.exception)


def test_an_unknown_corpus_in_a_preset_is_answered_with_the_known_ones(tmp_path):
    path = tmp_path / "preset.yaml"
    path.write_text("summary: s\nlicense: l\ncorpora: {goemotion: {}}\n")
    done = invoke("fit", str(path), "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert isinstance(done.exception, ConfigError)
    assert "goemotions" in str(done.exception)


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    done = invoke("eval", str(tmp_path), "--corpus", "emodb", "--data", str(tmp_path), "--json")
    assert isinstance(done.exception, SpecMismatch)
