"""TensorRT without a graphics card: traps are handled, files are made and read, the probe is exact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from core.backends import nvidia, tensorrt, tensorrt_rtx
from core.backends.nvidia import Gpu
from core.backends.tensorrt import TensorRt, settings
from core.backends.tensorrt_rtx import TensorRtRtx, build_engine
from core.errors import ModelError

ROOT = Path(__file__).resolve().parents[3]
CARD = Gpu("Card A", "9.0", "13.0")

linux_x86 = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="there are no other wheels"
)


@pytest.fixture
def card(monkeypatch):
    """A machine with a graphics card and a torch that can use it, as far as probes look."""
    monkeypatch.setattr(nvidia, "gpu", lambda: CARD)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


# --- traps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_default_that_does_harm_without_a_word_is_turned_off(precision):
    chosen = settings(precision)
    assert chosen["attn_bias_is_causal"] is False
    assert chosen["disable_tf32"] is True
    assert chosen["require_full_compilation"] is True
    assert chosen["pass_through_build_failures"] is True
    assert chosen["min_block_size"] == 1
    assert chosen["use_fp32_acc"] is (precision == "fp16")
    assert "enabled_precisions" not in chosen  # ignored by this version: the module is cast instead
    assert not chosen["cache_built_engines"]
    assert not chosen["reuse_cached_engines"]
    assert all("emotrack" in str(chosen[key]) for key in ("engine_cache_dir", "timing_cache_path"))


def test_bfloat16_is_the_default_and_not_float16():
    assert (TensorRt.precisions[0], TensorRtRtx.precisions[0]) == ("bf16", "bf16")


@linux_x86
def test_every_operator_of_every_network_goes_into_one_engine(random_checkpoint):
    script = Path(__file__).with_name("tensorrt_dry_run.py")
    done = subprocess.run(
        [sys.executable, script, random_checkpoint, "text", "audio", "visual", "fusion"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"text", "audio", "visual", "fusion"}
    for network, counts in found.items():
        assert counts["operators"] > 50, network
        assert counts["taken"] == counts["operators"], network
        assert (counts["engines"], counts["left"]) == (1, []), network


# --- making and reading files, with the library and the card replaced --------------------------------


class FakeLibrary:
    """Stands for torch_tensorrt: "compiles" to the module itself and stores the exported program."""

    def __init__(self):
        self.dynamo = types.SimpleNamespace(compile=self._compile)
        self.asked = None

    def _compile(self, program, *, arg_inputs, dryrun, **options):
        self.asked = (arg_inputs, dryrun, options)
        return program

    def save(self, program, path, *, output_format, arg_inputs, retrace):
        assert output_format == "exported_program"
        torch.export.save(program, path)

    def load(self, path):
        return torch.export.load(path)


@pytest.fixture
def on_cpu(monkeypatch):
    """The card's memory is the processor's."""
    monkeypatch.setattr(torch.nn.Module, "cuda", lambda self: self)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("network", ["fusion", "visual"])
def test_an_engine_is_saved_with_static_shapes_and_serves_batches(
    network, source, cases, on_cpu, monkeypatch, tmp_path
):
    library = FakeLibrary()
    monkeypatch.setattr(tensorrt, "load_library", lambda: library)
    backend, path = TensorRt(), tmp_path / "network.ep"
    backend.lower(source, network, "bf16", path)
    inputs, dry, options = library.asked
    assert {len(x) for x in inputs} == {1}
    assert not dry
    assert options == settings("bf16")
    run = backend.load(path, network, "bf16", 1)
    for case in cases[network]:
        for ours, theirs in zip(run(*case.inputs), case.outputs, strict=True):
            assert ours.shape == theirs.shape
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, atol=0.1)


# --- probes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [TensorRt(), TensorRtRtx()], ids=lambda b: b.name)
def test_without_a_card_that_is_said_first(backend, monkeypatch):
    monkeypatch.setattr(nvidia, "gpu", lambda: None)
    assert backend.probe() == "there is no NVIDIA graphics card, or its driver is not installed."


@pytest.mark.parametrize(
    ("backend", "module"), [(TensorRt(), tensorrt), (TensorRtRtx(), tensorrt_rtx)], ids=["tensorrt", "rtx"]
)
def test_without_the_package_the_extra_is_named(backend, module, card, monkeypatch):
    monkeypatch.setattr(module, "installed", lambda _: None)
    assert f"pip install 'emotrack[{backend.name}]'" in backend.probe()


def test_both_packages_of_tensorrt_together_are_refused(card, monkeypatch):
    monkeypatch.setattr(tensorrt, "installed", lambda _: "2.13.0")
    assert "overwrite each other" in TensorRt().probe()


def test_a_torch_that_cannot_use_the_card_is_said(monkeypatch):
    monkeypatch.setattr(nvidia, "gpu", lambda: CARD)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "cannot use the graphics card" in nvidia.no_cuda()


@pytest.mark.parametrize(
    "error", [Exception("no libnvinfer"), AssertionError("no CUDA"), OSError("libtorch_cuda")]
)
def test_a_library_that_cannot_be_imported_is_a_reason_and_no_traceback(error, card, monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torch_tensorrt":
                raise error

    monkeypatch.setattr(
        tensorrt, "installed", lambda name: None if name == "torch-tensorrt-rtx" else "2.13.0"
    )
    monkeypatch.delitem(sys.modules, "torch_tensorrt", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    said = TensorRt().probe()
    assert f"torch-tensorrt cannot be imported ({type(error).__name__}: {error})" in said


def test_artifacts_are_tied_to_card_driver_and_versions(card):
    assert TensorRt().identity().keys() == {
        "gpu", "capability", "driver", "torch", "torch-tensorrt", "tensorrt",
    }  # fmt: skip
    assert TensorRtRtx().identity()["gpu"] == "Card A"


# --- TensorRT-RTX ------------------------------------------------------------------------------------


@linux_x86
def test_tensorrt_rtx_builds_an_engine_from_our_onnx_without_a_card(source, tmp_path):
    library = tensorrt_rtx.load_library()
    shapes = [tuple(x.shape) for x in source.fixed_inputs("fusion")]
    engine = build_engine(library, source.export / "fusion.onnx", shapes, for_this_card=False)
    assert len(engine) > 100_000


@linux_x86
def test_tensorrt_rtx_builds_an_engine_in_reduced_precision(source, tmp_path):
    source.write_onnx("fusion", "bf16", tmp_path / "fusion.onnx")
    shapes = [tuple(x.shape) for x in source.fixed_inputs("fusion")]
    engine = build_engine(tensorrt_rtx.load_library(), tmp_path / "fusion.onnx", shapes, for_this_card=False)
    assert len(engine) > 50_000


@linux_x86
def test_what_tensorrt_rtx_cannot_read_is_refused_with_its_reason(tmp_path):
    path = tmp_path / "no.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"no\.onnx: TensorRT-RTX cannot read the network: "):
        build_engine(tensorrt_rtx.load_library(), path, [], for_this_card=False)
