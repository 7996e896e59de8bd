"""What is written is what says the same as eager; whatever goes wrong before leaves nothing behind."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from core.backends.base import NETWORKS, Unusable
from core.backends.compiled import check_compiled, compiled_folder, compiled_root
from core.backends.compiling import compile_networks
from core.backends.eager import Eager
from core.backends.onnx import Onnx
from core.errors import ConfigError, ModelError
from tests.core.backends.fake_backend import ignores_masks


class Clock:
    """Ten milliseconds pass between any two looks at it."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 0.01
        return self.now_s


def nothing_written(root):
    return not compiled_root(root).exists() or list(compiled_root(root).iterdir()) == []


def test_artifacts_and_manifest_are_written_together(source, fake, tmp_path):
    said = []
    compiled = compile_networks(source, fake, root=tmp_path, clock=Clock(), tell=said.append)
    assert compiled.folder == compiled_folder(source.spec, fake, "fp32", tmp_path)
    assert [path.name for path in compiled_root(tmp_path).iterdir()] == [compiled.folder.name]
    assert {path.name for path in compiled.folder.iterdir()} == {"manifest.json", "manifest.seal"} | {
        f"{n}.fake" for n in NETWORKS
    }
    assert fake.lowered == [(n, "fp32") for n in NETWORKS]
    assert len(said) == len(NETWORKS)
    manifest = check_compiled(source.spec, fake, "fp32", compiled.folder)
    assert manifest.identity == fake.machine
    assert manifest.spec_sha256 == source.spec.sha256
    assert manifest.made_with["python"]
    assert manifest.benchmark["fusion"].p50_ms == pytest.approx(10)
    assert max(figures.delta_p for figures in manifest.parity.values()) < 1e-4
    visual = manifest.interface["visual"]
    assert (visual.inputs[0].dtype, visual.inputs[0].shape) == ("float32", (1, 1, 48, 48))
    assert manifest.validation is None


def test_without_a_clock_nothing_is_timed(source, fake, tmp_path):
    assert compile_networks(source, fake, root=tmp_path).benchmark == {}


def test_compiling_again_replaces_what_was_there(source, fake, tmp_path):
    folder = compile_networks(source, fake, root=tmp_path).folder
    (folder / "fusion.fake").write_bytes(b"damaged")
    assert compile_networks(source, fake, root=tmp_path).folder == folder
    check_compiled(source.spec, fake, "fp32", folder)


def test_another_precision_has_another_folder(source, fake, tmp_path):
    folders = {compiled_folder(source.spec, fake, p, tmp_path) for p in fake.precisions}
    assert len(folders) == 2
    compile_networks(source, fake, "bf16", root=tmp_path)
    assert fake.loaded[0] == ("text", "bf16", 1)


def test_a_deliberately_broken_lowering_is_refused_with_the_amount_and_the_place(source, fake, tmp_path):
    fake.wrapped = ignores_masks
    with pytest.raises(ModelError) as caught:
        compile_networks(source, fake, root=tmp_path)
    said = str(caught.value)
    assert said.startswith("fake says something else than eager float32: fusion differs by 0.")
    assert "in probability in the case '" in said
    assert said.endswith("0.0001 is allowed. Nothing was written.")
    assert nothing_written(tmp_path)


def test_a_compiler_that_fails_is_a_sentence_of_one_line(source, fake, tmp_path):
    fake.lowering = RuntimeError("no kernel for aten::gelu\nand forty lines of stack")
    with pytest.raises(ModelError) as caught:
        compile_networks(source, fake, root=tmp_path)
    said = "fake could not lower the network 'text': RuntimeError: no kernel for aten::gelu."
    assert str(caught.value) == f"{said} Nothing was written."
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("error", [OSError("libnvinfer.so.11 is missing"), AssertionError()])
def test_an_artifact_that_cannot_be_loaded_again_is_not_written(error, source, fake, tmp_path):
    fake.loading = error
    with pytest.raises(ModelError, match=r"cannot run what it lowered: .*Nothing was written"):
        compile_networks(source, fake, root=tmp_path)
    assert nothing_written(tmp_path)


def test_a_network_that_gives_no_number_is_refused(source, fake, tmp_path):
    fake.wrapped = lambda network, run: lambda *x: [y + np.inf for y in run(*x)]
    with pytest.raises(ModelError, match="differs by inf"):
        compile_networks(source, fake, root=tmp_path)
    assert nothing_written(tmp_path)


def test_a_backend_that_this_machine_cannot_run_is_not_even_tried(source, fake, tmp_path):
    fake.missing = "there is no graphics card."
    with pytest.raises(
        Unusable, match=r"fake cannot be used here: there is no graphics card\. Nothing"
    ) as caught:
        compile_networks(source, fake, root=tmp_path)
    assert (caught.value.stage, caught.value.exit_code) == ("probe", ModelError.exit_code)
    assert fake.lowered == []
    assert nothing_written(tmp_path)


def test_a_precision_that_a_backend_does_not_know_is_refused(source, fake, tmp_path):
    with pytest.raises(ConfigError, match=r"fake cannot compute in fp16\. It knows fp32, bf16"):
        compile_networks(source, fake, "fp16", root=tmp_path)


@pytest.mark.parametrize("form", ["export", "checkpoint"])
def test_backends_without_artifacts_are_judged_and_write_nothing(form, source, fake, tmp_path):
    fake.runs = form
    compiled = compile_networks(source, fake, root=tmp_path, clock=Clock())
    assert fake.lowered == []
    assert compiled.folder is None
    assert set(compiled.parity) == set(compiled.benchmark) == set(NETWORKS)
    assert nothing_written(tmp_path)


@pytest.mark.parametrize("backend", [Onnx(), Eager()], ids=lambda b: b.name)
def test_what_runs_the_export_or_the_checkpoint_has_nothing_to_lower(backend, source, tmp_path):
    with pytest.raises(ModelError, match="nothing to compile"):
        backend.lower(source, "text", "fp32", tmp_path / "x")


def test_a_manifest_is_readable_json(source, fake, tmp_path):
    folder = compile_networks(source, fake, root=tmp_path).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["backend"] == "fake"
    assert set(manifest["files"]) == {f"{n}.fake" for n in NETWORKS}


# -- what compilers leave lying about ---------------------------------------------------------------------

MESSES = {
    "a folder of Python": lambda: Path(tempfile.mkdtemp()),
    "a file of Python": lambda: Path(tempfile.mkstemp()[1]),
    "a file of another process": lambda: Path(
        subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.mkstemp()[1])"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    ),
    "the cache of torch's compiler": lambda: written(Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])),
    "the cache of Triton": lambda: written(Path(os.environ["TRITON_CACHE_DIR"])),
}


def written(folder):
    folder.mkdir()
    (folder / "kernel.cpp").write_text("int main;")
    return folder


@pytest.mark.parametrize("fails", [False, True], ids=["compiled", "failed"])
@pytest.mark.parametrize("mess", MESSES.values(), ids=MESSES)
def test_what_a_compiler_leaves_is_removed_with_a_folder_of_ours(
    mess, fails, source, fake, tmp_path, monkeypatch
):
    lower, left = fake.lower, []

    def leaves_a_mess(*arguments):
        left.append(mess())
        left.append(next(p for p in left[0].parents if p.parent == compiled_root(tmp_path)))
        assert stat.S_IMODE(left[-1].stat().st_mode) == 0o700
        if fails:
            raise RuntimeError("no kernel")
        lower(*arguments)

    monkeypatch.setattr(fake, "lower", leaves_a_mess)
    before = dict(os.environ), tempfile.gettempdir()
    if fails:
        with pytest.raises(ModelError, match="no kernel"):
            compile_networks(source, fake, root=tmp_path)
        assert nothing_written(tmp_path)
    else:
        monkeypatch.setattr(fake, "lower", once(leaves_a_mess, lower))
        folder = compile_networks(source, fake, root=tmp_path).folder
        assert list(compiled_root(tmp_path).iterdir()) == [folder]
    assert left
    assert not any(path.exists() for path in left)
    assert (dict(os.environ), tempfile.gettempdir()) == before


def once(first, others):
    """What calls the first function the first time only."""
    functions = iter([first])
    return lambda *arguments: next(functions, others)(*arguments)  # noqa: PLW0108  (another one each time)


@pytest.mark.parametrize("form", ["export", "checkpoint"])
def test_what_is_only_loaded_has_the_folder_too(form, source, fake, tmp_path, monkeypatch):
    load, left = fake.load, []

    def leaves_a_mess(*arguments):
        left.append(Path(tempfile.mkdtemp()))
        return load(*arguments)

    fake.runs = form
    monkeypatch.setattr(fake, "load", leaves_a_mess)
    compile_networks(source, fake, root=tmp_path)
    assert len(left) == len(NETWORKS)
    assert not any(path.exists() for path in left)
    assert nothing_written(tmp_path)
