import torch
from torch import nn

from core.encoders.lora import LoraLinear, add_adapters, merge_adapters


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {"query": nn.Linear(6, 6), "fall": nn.Linear(6, 4, bias=False), "head": nn.Linear(4, 2)}
    )


def test_fresh_adapters_change_nothing():
    network, x = _network(), torch.randn(3, 6)
    before = network["query"](x)
    add_adapters(network, ("query", "fall"), rank=2)
    assert isinstance(network["query"], LoraLinear)
    assert not isinstance(network["head"], LoraLinear)
    torch.testing.assert_close(network["query"](x), before)


def test_merged_layers_compute_what_the_adapted_ones_did():
    network, x = _network(), torch.randn(3, 6)
    add_adapters(network, ("query", "fall"), rank=2)
    nn.init.normal_(network["query"].up)
    nn.init.normal_(network["fall"].up)
    adapted = network["fall"](network["query"](x))
    merge_adapters(network)
    assert type(network["query"]) is nn.Linear
    torch.testing.assert_close(network["fall"](network["query"](x)), adapted)


def test_only_the_adapters_learn():
    network = _network()
    add_adapters(network, ("query",), rank=2)
    learning = {name for name, p in network["query"].named_parameters() if p.requires_grad}
    assert learning == {"down", "up"}
