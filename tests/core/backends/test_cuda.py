"""The graphics card as far as it can be had without one: the driver's answers, the graph's buffers."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.backends import cuda, nvidia
from core.backends.cuda import Cuda, GraphedNetwork
from core.errors import ModelError

ROOT = Path(__file__).resolve().parents[3]


class FakeDriver:
    """Answers as libcuda does."""

    def __init__(self, cards=1, broken=0):
        self.cards, self.broken = cards, broken

    def cuInit(self, _):
        return self.broken

    def cuDeviceGetCount(self, count):
        count._obj.value = self.cards
        return 0

    def cuDriverGetVersion(self, version):
        version._obj.value = 13010

    def cuDeviceGetName(self, name, size, _):
        name.value = b"NVIDIA Card A"

    def cuDeviceGetAttribute(self, value, number, _):
        value._obj.value = {75: 8, 76: 9}[number]


def asked(monkeypatch, driver):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    return nvidia.gpu.__wrapped__()


def test_the_driver_names_card_capability_and_version(monkeypatch):
    assert asked(monkeypatch, FakeDriver()) == nvidia.Gpu("NVIDIA Card A", "8.9", "13.1")


@pytest.mark.parametrize("driver", [FakeDriver(cards=0), FakeDriver(broken=100)])
def test_a_driver_without_a_card_is_no_card(driver, monkeypatch):
    assert asked(monkeypatch, driver) is None


def test_without_a_driver_there_is_no_card(monkeypatch):
    def absent(_):
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert nvidia.gpu.__wrapped__() is None


def test_probing_every_backend_on_a_machine_without_a_card_imports_no_torch():
    code = (
        "import sys; from core.backends.registry import BACKENDS, backend; from core.backends import nvidia; "
    )
    code += "nvidia.gpu = lambda: None; [backend(name).probe() for name in BACKENDS]; "
    code += "sys.exit(str({'torch', 'openvino', 'tensorrt_rtx', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


class FakeGraph:
    """Captures nothing; `replay` runs the module again on the buffers, as a graph would."""

    def replay(self):
        self.outputs[0].copy_(self.module(*self.buffers))


@pytest.fixture
def graphs(monkeypatch):
    graph = FakeGraph()

    class Stream:
        def wait_stream(self, _):
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", lambda _: contextlib.nullcontext())
    return graph


def test_a_graph_reads_its_own_buffers_anew_at_each_call(graphs):
    module = torch.nn.Linear(3, 2)
    buffer = torch.zeros(1, 3)
    network = GraphedNetwork(module, (buffer,))
    graphs.module, graphs.buffers, graphs.outputs = module, (buffer,), network._outputs
    for value in (1.0, -2.0):
        x = np.full((1, 3), value, np.float32)
        with torch.inference_mode():
            expected = module(torch.from_numpy(x)).numpy()
            np.testing.assert_allclose(network([x])[0], expected, atol=1e-6)


def test_float32_on_the_card_is_not_tensorfloat32():
    cuda.pin_fp32()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_there_is_nothing_to_lower_for_cuda(source, tmp_path):
    with pytest.raises(ModelError, match="nothing to compile"):
        Cuda().lower(source, "text", "fp32", tmp_path)
