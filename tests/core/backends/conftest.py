from __future__ import annotations

import pytest

from core.backends.artifacts import PARITY_FILE
from core.backends.base import NETWORKS
from core.backends.loading import Place
from core.backends.onnx import OnnxNetwork
from core.backends.parity import load_cases
from core.backends.source import Source
from core.spec import read_spec
from tests.core.backends.fake_backend import FakeBackend


@pytest.fixture(scope="session")
def spec(random_checkpoint):
    return read_spec(random_checkpoint)


@pytest.fixture(scope="session")
def source(spec, random_checkpoint, exported, weights):
    return Source(spec, random_checkpoint, exported, weights)


@pytest.fixture(scope="session")
def cases(exported):
    return load_cases(exported / PARITY_FILE)


@pytest.fixture(scope="session")
def runners(exported):
    return {name: OnnxNetwork(exported / f"{name}.onnx") for name in NETWORKS}


@pytest.fixture
def make_fake(exported, cases):
    return lambda: FakeBackend(exported, cases)


@pytest.fixture
def fake(make_fake):
    return make_fake()


@pytest.fixture
def place(spec, random_checkpoint, exported, tmp_path):
    return Place(spec, random_checkpoint, exported, tmp_path)
