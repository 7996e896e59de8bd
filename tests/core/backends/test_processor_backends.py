"""The backends for processors, for real: each says what eager says, within its tolerance."""

from __future__ import annotations

import logging
import shutil
import tempfile

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from core.backends import aoti, host
from core.backends.aoti import AotInductor
from core.backends.eager import Eager
from core.backends.onnx import OnnxNetwork
from core.backends.onnx_int8 import OnnxInt8
from core.backends.openvino import OpenVino, settings
from core.backends.parity import compare, demand
from core.backends.vectors import run_eager
from core.errors import ModelError
from core.models.blocks import Attention, key_bias


def judged(spec, cases, runners, backend, network, path, precision="fp32"):
    run = backend.load(path, network, precision, 1)
    found = compare(spec, cases, {network: run}, runners["fusion"])
    demand(found, reduced=backend.reduced or precision != "fp32", what=backend.name)
    return found[network].delta_p


# --- OpenVINO ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["visual", "fusion"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_openvino(network, precision, spec, source, cases, runners, tmp_path):
    backend, path = OpenVino(), tmp_path / f"{network}.onnx"
    backend.lower(source, network, precision, path)
    judged(spec, cases, runners, backend, network, path, precision)


def test_openvino_never_chooses_a_precision_by_itself():
    assert settings("fusion", "fp32", 1)["INFERENCE_PRECISION_HINT"] == "f32"
    assert settings("fusion", "bf16", 1)["INFERENCE_PRECISION_HINT"] == "bf16"
    assert settings("audio", "bf16", 1)["INFERENCE_PRECISION_HINT"] == "f32"


def test_openvino_takes_texts_of_any_length(spec, source, cases, runners, tmp_path):
    OpenVino().lower(source, "text", "fp32", tmp_path / "text.onnx")
    judged(spec, cases, runners, OpenVino(), "text", tmp_path / "text.onnx")


# --- ONNX Runtime with 8 bits ------------------------------------------------------------------------


def test_eight_bits_change_the_fusion_a_little_and_leave_its_first_layers_alone(
    spec, source, cases, runners, tmp_path
):
    path = tmp_path / "fusion.onnx"
    OnnxInt8().lower(source, "fusion", "fp32", path)
    assert judged(spec, cases, runners, OnnxInt8(), "fusion", path) > 1e-5
    graph = onnx.load(path).graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("MatMulInteger") > 10
    weights = {weight.name: tuple(weight.dims) for weight in graph.initializer}
    full = {weights[n.input[1]] for n in graph.node if n.op_type == "MatMul" and n.input[1] in weights}
    token_widths = {shape.width for shape in spec.token_shapes.values()}
    assert token_widths <= {rows for rows, _ in full}


@pytest.mark.parametrize("network", ["visual", "audio"])
def test_networks_that_eight_bits_would_spoil_or_slow_stay_as_they_are(network, source, tmp_path):
    OnnxInt8().lower(source, network, "fp32", tmp_path / f"{network}.onnx")
    ours = (tmp_path / f"{network}.onnx").read_bytes()
    assert ours == (source.export / f"{network}.onnx").read_bytes()


# --- AOTInductor -------------------------------------------------------------------------------------


class SmallSource:
    """One masked attention in the place of a network: compiling C++ takes long."""

    def __init__(self):
        torch.manual_seed(1)
        self.attention = Attention(8, 2)

    def module(self, network, precision):
        attention = self.attention

        class Masked(nn.Module):
            def __init__(self):
                super().__init__()
                self.attention = attention

            def forward(self, tokens, mask):
                return self.attention(tokens, tokens, key_bias(mask))

        return Masked().eval()

    def fixed_inputs(self, network):
        return torch.rand(1, 5, 8), torch.ones(1, 5, dtype=torch.bool)


def test_aotinductor_compiles_loads_obeys_a_mask_and_leaves_no_file_behind(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.CRITICAL)  # it warns that the code is for fewer instructions than there are
    source, path, temporary = SmallSource(), tmp_path / "network.pt2", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    AotInductor().lower(source, "fusion", "fp32", path)
    assert [left for left in temporary.rglob("*") if left.is_file()] == []
    run = AotInductor().load(path, "fusion", "fp32", 1)
    tokens = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 0, 0, 0, 1]], np.bool_)
    for ours, theirs in zip(
        run(tokens, mask), run_eager(source.module("fusion", "fp32"), (tokens, mask)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_aotinductor_is_told_which_processors_its_code_is_for(monkeypatch):
    monkeypatch.setattr(aoti.platform, "machine", lambda: "x86_64")
    assert aoti.options() == {"freezing": True, "cpp.march": "x86-64-v3", "cpp.simdlen": 256}
    assert AotInductor().identity()["cpp.march"] == "x86-64-v3"
    monkeypatch.setattr(aoti.platform, "machine", lambda: "arm64")
    assert aoti.options() == {"freezing": True}


def test_aotinductor_without_a_compiler_says_so(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ModelError, match="no C\\+\\+ compiler"):
        AotInductor().lower(source, "fusion", "fp32", tmp_path / "x.pt2")


# --- eager, and the rest ----------------------------------------------------------------------------


def test_eager_runs_the_checkpoint_itself(spec, cases, runners, random_checkpoint):
    assert judged(spec, cases, runners, Eager(), "visual", random_checkpoint) < 1e-6
    assert judged(spec, cases, runners, Eager(), "visual", random_checkpoint, "bf16") > 0


def test_a_damaged_onnx_file_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be run"):
        OnnxNetwork(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("processor: 0\nflags\t: fpu avx avx2 sse4\n", "x86_64 avx avx2"),
        ("Features\t: fp asimd evtstrm\n", "x86_64 asimd"),
    ],
)
def test_the_processor_is_known_by_what_kernels_are_chosen_by(lines, said, monkeypatch):
    monkeypatch.setattr(host.Path, "read_text", lambda *_, **__: lines)
    monkeypatch.setattr(host.platform, "machine", lambda: "x86_64")
    assert host.processor.__wrapped__() == said


def test_a_package_that_is_not_there_has_no_version():
    assert host.installed("emotrack-no-such-package") is None
    assert host.installed("numpy")
