"""Networks are exported once, beside their place, by another process; what is damaged is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from core.backends import preparation as export
from core.backends.artifacts import export_folder
from core.backends.preparation import checkpoint_folder, prepare
from core.errors import ModelError, SpecMismatch, WeightsError
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


@pytest.mark.parametrize("code", [0, 1])
def test_what_the_exporting_process_leaves_in_temporary_folders_is_removed(
    random_checkpoint, exported, place, exporter, code
):
    left = []

    def act(draft, **_):
        left.append(Path(tempfile.mkdtemp()))
        assert left[0].parent == Path(os.environ["TMPDIR"])
        shutil.copytree(exported, draft, dirs_exist_ok=True)
        return subprocess.CompletedProcess([], code, "", "killed")

    exporter(act)
    with nullcontext() if code == 0 else pytest.raises(ModelError, match="killed"):
        prepare(random_checkpoint, lambda _: None)
    assert not left[0].exists()
    assert list(place.parent.iterdir()) == ([place] if code == 0 else [])


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


# -- what is refused although the networks were prepared earlier --------------------------------------------


@pytest.fixture
def prepared(random_checkpoint, exported, place, exporter, tmp_path) -> Path:
    """A copy of the checkpoint, whose networks are in the cache; nothing may be exported any more."""
    shutil.copytree(exported, place)
    exporter(lambda *_, **__: pytest.fail("nothing is to be exported"))
    folder = tmp_path / "checkpoint"
    shutil.copytree(random_checkpoint, folder)
    prepare(folder, lambda _: None)
    return folder


FILES = ("model.safetensors", "text_adapter.safetensors", "audio_adapter.safetensors", "visual.safetensors")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "its hash differs"),
        (lambda path: path.write_bytes(b""), "its hash differs"),
        (
            lambda path: path.write_text(
                "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
            ),
            "pointer of Git LFS.*git lfs pull",
        ),
    ],
)
def test_a_checkpoint_without_its_weights_is_refused_although_they_were_prepared(
    prepared, name, change, said
):
    change(prepared / name)
    with pytest.raises(SpecMismatch, match=said) as caught:
        prepare(prepared, lambda _: None)
    assert name in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_recogniser_that_was_not_pulled_is_told_before_anything_is_prepared(
    random_checkpoint, place, exporter, monkeypatch, tmp_path
):
    calls = exporter(lambda *_, **__: pytest.fail("nothing is to be exported"))
    with pytest.raises(WeightsError, match="whisper-large-v3-nowhere"):
        prepare(random_checkpoint, lambda _: None, ["whisper-large-v3-nowhere"])
    monkeypatch.setenv("EMOTRACK_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("EMOTRACK_OFFLINE", "1")
    with pytest.raises(WeightsError, match="whisper-tiny"):
        prepare(random_checkpoint, lambda _: None, ["whisper-tiny"])
    assert calls == []


@pytest.mark.parametrize("name", ["/proc/self/cwd/c/x", "../../../c/x", "a\0b", "x" * 65, "\u0430"])
def test_a_checkpoint_whose_name_leads_elsewhere_is_refused_before_anything_is_computed(
    random_checkpoint, exporter, tmp_path, name
):
    calls = exporter(lambda *_, **__: pytest.fail("nothing is to be exported"))
    folder = tmp_path / "c"
    shutil.copytree(random_checkpoint, folder)
    values = json.loads((folder / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps({**values, "name": name}))
    with pytest.raises(SpecMismatch) as caught:
        prepare(folder, lambda _: None)
    assert caught.value.exit_code == 3
    assert calls == []
