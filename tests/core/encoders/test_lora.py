import torch
from torch import nn

from core.encoders.lora import OLD_LAYER_NAMES, LoraLinear, add_adapters, merge_adapters
from core.encoders.weight_files import read_tensors, write_tensors


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {"query": nn.Linear(6, 6), "fc2": nn.Linear(6, 4, bias=False), "head": nn.Linear(4, 2)}
    )


def test_fresh_adapters_change_nothing():
    network, x = _network(), torch.randn(3, 6)
    before = network["query"](x)
    add_adapters(network, ("query", "fc2"), rank=2)
    assert isinstance(network["query"], LoraLinear)
    assert not isinstance(network["head"], LoraLinear)
    torch.testing.assert_close(network["query"](x), before)


def test_merged_layers_compute_what_the_adapted_ones_did():
    network, x = _network(), torch.randn(3, 6)
    add_adapters(network, ("query", "fc2"), rank=2)
    nn.init.normal_(network["query"].up)
    nn.init.normal_(network["fc2"].up)
    adapted = network["fc2"](network["query"](x))
    merge_adapters(network)
    assert type(network["query"]) is nn.Linear
    torch.testing.assert_close(network["fc2"](network["query"](x)), adapted)


def test_only_the_adapters_learn():
    network = _network()
    add_adapters(network, ("query",), rank=2)
    learning = {name for name, p in network["query"].named_parameters() if p.requires_grad}
    assert learning == {"down", "up"}


def test_adapters_with_the_layer_names_of_0_1_are_still_read(tmp_path):
    wanted = {"blocks.0.fc1.up": torch.ones(2, 3), "blocks.0.fc2.down": torch.zeros(3, 2)}
    write_tensors(
        {"blocks.0.rise.up": torch.ones(2, 3), "blocks.0.fall.down": torch.zeros(3, 2)}, tmp_path / "old"
    )
    write_tensors(wanted, tmp_path / "new")
    for name in ("old", "new"):
        found = read_tensors(tmp_path / name, expected=wanted, renamed=OLD_LAYER_NAMES)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)
