"""Networks are exported once, beside their place, by another process; what is damaged is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.backends import preparation as export
from core.backends.artifacts import export_folder
from core.backends.preparation import checkpoint_folder, prepare
from core.errors import ModelError, SpecMismatch
from core.spec import read_spec

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def place(random_checkpoint, tmp_path, monkeypatch) -> Path:
    """Where the export of the random checkpoint belongs, in a cache of the test's own."""
    folder = export_folder(read_spec(random_checkpoint), tmp_path)
    monkeypatch.setattr(export, "export_folder", lambda _: folder)
    return folder


@pytest.fixture
def exporter(monkeypatch):
    """Stands for the exporting process: does what the test says, and notes that it was asked."""
    calls = []

    def use(act):
        def run(command, **options):
            calls.append(command)
            return act(Path(command[-1]), **options)

        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return use


def test_the_first_run_exports_and_says_that_this_takes_a_while(random_checkpoint, exported, place, exporter):
    def succeed(draft, **_):
        shutil.copytree(exported, draft, dirs_exist_ok=True)
        return subprocess.CompletedProcess([], 0, "", "")

    calls, said = exporter(succeed), []
    spec, folder = prepare(random_checkpoint, said.append)
    assert folder == place
    assert (folder / "fusion.onnx").is_file()
    assert (len(said), spec.name) == (1, "random")
    assert calls[0][:3] == [sys.executable, "-m", "core.backends.export"]
    assert calls[0][3] == str(random_checkpoint)
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    prepare(random_checkpoint, said.append)
    assert (len(calls), len(said)) == (1, 1)


def test_an_export_that_fails_leaves_nothing_behind_and_says_why(random_checkpoint, place, exporter):
    exporter(lambda *_, **__: subprocess.CompletedProcess([], 1, "", "Traceback\nNo module named 'onnx'\n"))
    with pytest.raises(ModelError, match="No module named 'onnx'"):
        prepare(random_checkpoint, lambda _: None)
    assert list(place.parent.iterdir()) == []


def test_an_unfinished_export_is_replaced(random_checkpoint, exported, place, exporter):
    place.mkdir(parents=True)
    (place / "audio.onnx").write_bytes(b"half")

    def succeed(draft, **_):
        shutil.copytree(exported, draft, dirs_exist_ok=True)
        return subprocess.CompletedProcess([], 0, "", "")

    exporter(succeed)
    prepare(random_checkpoint, lambda _: None)
    assert (place / "audio.onnx").stat().st_size > 1_000_000


def test_a_damaged_export_is_refused_and_not_silently_made_again(
    random_checkpoint, exported, place, exporter
):
    shutil.copytree(exported, place)
    (place / "text.onnx").write_bytes(b"damaged")
    calls = exporter(lambda *_, **__: pytest.fail("nothing is to be exported"))
    with pytest.raises(ModelError, match="damaged"):
        prepare(random_checkpoint, lambda _: None)
    assert calls == []


def test_the_export_runs_where_no_package_of_the_user_is_taken_for_ours(
    random_checkpoint, exported, place, exporter, tmp_path, monkeypatch
):
    found = {}

    def succeed(draft, **options):
        found.update(options)
        shutil.copytree(exported, draft, dirs_exist_ok=True)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.chdir(random_checkpoint.parent)
    calls = exporter(succeed)
    prepare(Path(random_checkpoint.name), lambda _: None)
    assert found["cwd"] == ROOT
    assert calls[0][3] == str(random_checkpoint.resolve())


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(SpecMismatch, match="not a checkpoint"):
        prepare(tmp_path, lambda _: None)


def test_the_checkpoint_is_the_one_named_or_the_one_that_comes_along(tmp_path):
    assert checkpoint_folder(tmp_path) == tmp_path
    assert checkpoint_folder(None).name == "default"


def test_a_replay_imports_no_torch():
    modules = "realtime.runs.replay, realtime.runs.build, core.workers.whisper"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "torch was imported"
