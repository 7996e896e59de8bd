"""The verb `models` shows, fetches and checks; what it prints can be acted upon."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import WeightsError
from core.weights.manifest import Manifest, Weight, WeightFile
from realtime.cli.models import _chosen, app

CONTENT = b"a very small network"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `models ...` on an empty cache and a manifest of one weight without sources."""
    file = WeightFile(name="net.bin", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    weight = Weight(name="small-net", role="test", licence="MIT", group="replay", files=(file,), sources=())
    monkeypatch.setattr("core.weights.manifest._manifest", lambda: Manifest(weights=(weight,)))
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMOTRACK_WEIGHTS", raising=False)
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT)
    return folder


def test_list_shows_what_is_here(run, mine):
    assert "no" in run("list").stdout.split("small-net")[1]
    run("pull", "--from", str(mine))
    assert "yes" in run("list").stdout.split("small-net")[1]


def test_pull_takes_a_weight_from_the_named_folder(run, mine, tmp_path):
    done = run("pull", "small-net", "--from", str(mine))
    assert done.exit_code == 0
    assert (tmp_path / "cache" / "weights" / "small-net" / "net.bin").read_bytes() == CONTENT


def test_pull_that_fails_says_where_to_put_the_file_and_exits_with_the_code_of_weights(run, tmp_path):
    done = run("pull", "--offline")
    assert done.exit_code == WeightsError.exit_code
    assert str(tmp_path / "cache" / "weights" / "small-net" / "net.bin") in done.stderr


def test_verify_tells_damaged_from_sound(run, mine, tmp_path):
    run("pull", "--from", str(mine))
    assert run("verify").stdout.startswith("ok ")
    (tmp_path / "cache" / "weights" / "small-net" / "net.bin").write_bytes(CONTENT[::-1])
    done = run("verify")
    assert done.stdout.startswith("damaged ")
    assert isinstance(done.exception, WeightsError)


def test_verify_without_a_name_passes_over_what_was_never_fetched(run):
    assert run("verify").exit_code == 0


def test_path_prints_the_folder_or_the_command_that_fetches(run, mine, tmp_path):
    assert "emotrack models pull small-net" in str(run("path", "small-net").exception)
    run("pull", "--from", str(mine))
    assert run("path", "small-net").stdout.strip() == str(tmp_path / "cache" / "weights" / "small-net")


def test_without_a_name_pull_takes_what_a_replay_needs():
    assert _chosen([], every=False, whisper=None) == [
        "silero-vad",
        "yunet",
        "wespeaker",
        "minilm",
        "whisper-base",
    ]


def test_another_recogniser_takes_the_place_of_the_usual_one():
    chosen = _chosen([], every=False, whisper="tiny.en")
    assert chosen == ["silero-vad", "yunet", "wespeaker", "minilm", "whisper-tiny.en"]


def test_named_weights_are_joined_by_the_recogniser_once():
    assert _chosen(["yunet", "whisper-small"], every=False, whisper="small") == ["yunet", "whisper-small"]


def test_an_unknown_recogniser_is_an_error():
    with pytest.raises(WeightsError, match="no weight called whisper-huge"):
        _chosen([], every=False, whisper="huge")
