"""The road of docs/train-your-own.md: a table and recordings, fit, eval. With stages that need no network."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core.errors import ConfigError, SourceError
from core.models.storage import load_network
from core.spec import read_spec
from tests.train.small_checkpoint import SIZES, write_checkpoint
from train.cli import app
from train.recordings.testing import MadeUpLoader, write_sound

ROOT = Path(__file__).resolve().parents[2]
PRESET = ROOT / "configs" / "train" / "own.yaml"
TINY = {
    "optimisation.steps": 60,
    "optimisation.batch": 16,
    "optimisation.rate": 0.01,
    "optimisation.peer_rate_factor": 1,
    "optimisation.average": 0.8,
    "optimisation.validate_every": 20,
    "optimisation.device": "cpu",
    "joint_calibration": 100,
} | {f"sizes.{name}": value for name, value in SIZES.model_dump(exclude={"file", "file_sha256"}).items()}


def invoke(*words: object, live: object = MadeUpLoader()):
    return CliRunner().invoke(app, [str(word) for word in words], obj=live)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    """Twenty people, half of them loud with anger, half of them quiet with sadness."""
    folder = tmp_path_factory.mktemp("my-recordings")
    rows = []
    for number in range(20):
        angry = number % 2
        name = f"person{number}.wav"
        write_sound(folder / name, (0.3, 1.8), seconds=2.0, level=0.9 if angry else 0.3)
        split = "test" if number >= 14 else "validation" if number >= 10 else "train"
        rows.append([name, "0.2", "", f"person {number}", split, angry, 1 - angry])
    write_table(folder, rows)
    return folder


def write_table(folder: Path, rows: list[list[object]]) -> None:
    with (folder / "labels.csv").open("w", newline="") as file:
        head = ["path", "start", "end", "speaker", "split", "anger", "sadness"]
        csv.writer(file).writerows([head, *rows])


@pytest.fixture(scope="module")
def beginning(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("beginning")
    write_checkpoint(folder)
    return folder


def fit(recordings: Path, beginning: Path, out: Path, *more: object, live: object = MadeUpLoader()):
    settings = [word for key, value in TINY.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    places = ["--data", recordings, "--encoders", beginning, "--out", out, "--cache", out.parent / "cache"]
    return invoke("fit", PRESET, *places, "--workers", 1, *settings, *more, live=live)


@pytest.fixture(scope="module")
def trained(recordings, beginning, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "mine"
    done = fit(recordings, beginning, out)
    assert done.exit_code == 0, done.exception
    return out


def judge(checkpoint: Path, data: Path, *more: object):
    words = ["--corpus", "directory", "--data", data, "--cache", checkpoint.parent / "cache", "--json"]
    return invoke("eval", checkpoint, *words, "--resamples", 20, "--workers", 1, *more)


def test_the_new_checkpoint_has_learned_and_runs(trained, recordings):
    done = judge(trained, recordings)
    report = json.loads(done.output.splitlines()[-1])
    assert (report["corpus"], report["split"], report["n"]) == ("directory", "test", 6)
    assert report["metrics"]["map"] > 0.9
    assert report["metrics"]["map"] > report["constants"]["base rates"]["map"] + 0.3
    spec = read_spec(trained)
    load_network(spec, trained)
    assert {name for e in spec.encoders.values() for name in e.files} <= {p.name for p in trained.iterdir()}


def test_modalities_without_any_example_keep_what_the_beginning_knew(trained, beginning):
    """There were no pictures: the calibration of the face, and of every pattern with it, is the old one."""
    new, old = read_spec(trained).calibration, read_spec(beginning).calibration
    assert new.peers["visual"] == old.peers["visual"]
    for pattern in ("visual", "audio+visual", "text+audio+visual"):
        assert new.fusion[pattern] == old.fusion[pattern]
    assert new.fusion["audio"] != old.fusion["audio"]


def test_the_same_command_gives_the_same_weights(trained, recordings, beginning, tmp_path):
    assert fit(recordings, beginning, tmp_path / "again").exit_code == 0
    one, two = (load_network(read_spec(f), f).state_dict() for f in (trained, tmp_path / "again"))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_checkpoint_judges_a_table_without_parts_and_with_one_speaker(trained, tmp_path):
    write_sound(tmp_path / "a.wav", (0.3, 1.8), seconds=2.0)
    write_table(tmp_path, [["a.wav", "", "", "zoe", "", 1, 0]])
    done = judge(trained, tmp_path, "--split", "all")
    assert json.loads(done.output.splitlines()[-1])["n"] == 1


def test_a_damaged_recording_stops_with_its_row_and_can_be_left_out(recordings, beginning, tmp_path):
    for path in recordings.glob("*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "person3.wav").write_bytes(b"damaged")
    (tmp_path / "person5.wav").unlink()
    out = tmp_path / "out"
    missing = fit(tmp_path, beginning, out)
    assert isinstance(missing.exception, ConfigError)
    assert "line 7, column path: there is no file person5.wav" in str(missing.exception)
    (tmp_path / "person5.wav").write_bytes(b"")
    damaged = fit(tmp_path, beginning, out)
    assert isinstance(damaged.exception, SourceError)
    assert "labels.csv, line 5: person3.wav: cannot be decoded" in str(damaged.exception)
    assert "labels.csv, line 7: person5.wav" in str(damaged.exception)
    assert fit(tmp_path, beginning, out, "--skip-unreadable").exit_code == 0


def test_speakers_in_several_parts_have_to_be_allowed(recordings, beginning, tmp_path):
    rows = list(csv.reader((recordings / "labels.csv").read_text().splitlines()))[1:]
    for path in recordings.glob("*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_table(tmp_path, [[*row[:3], "anna", *row[4:]] for row in rows])
    refused = fit(tmp_path, beginning, tmp_path / "out")
    assert "corpora.directory.shared_speakers=true" in str(refused.exception)
    more = ("--set", "corpora.directory.shared_speakers=true")
    assert fit(tmp_path, beginning, tmp_path / "out", *more).exit_code == 0
    assert judge(tmp_path / "out", tmp_path, "--shared-speakers").exit_code == 0
