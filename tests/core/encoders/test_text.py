import pytest
import torch
from safetensors.torch import save_file

from core.encoders.text import FILE, TextEncoder
from core.encoders.weight_files import write_tensors
from core.errors import ModelError


@pytest.fixture(scope="module")
def bert():
    """A network of MiniLM's shape with random weights, by the reference implementation."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    return BertModel(config, add_pooling_layer=False).eval()


@pytest.fixture(scope="module")
def weights(bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("minilm")
    save_file(
        {name: value.contiguous() for name, value in bert.state_dict().items()}, folder / "model.safetensors"
    )
    return folder


@pytest.fixture(scope="module")
def batch():
    torch.manual_seed(1)
    mask = torch.arange(12) < torch.tensor([[12], [5]])
    return torch.randint(0, 30_000, (2, 12)), mask


def test_it_gives_the_numbers_of_the_reference_implementation(bert, weights, batch):
    ids, mask = batch
    with torch.no_grad():
        expected = bert(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        found = TextEncoder.published(weights)(ids, mask)
    torch.testing.assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-4)


def test_padding_does_not_change_a_text(weights, batch):
    ids, mask = batch
    network = TextEncoder.published(weights)
    with torch.no_grad():
        padded, alone = network(ids, mask)[1, :5], network(ids[1:, :5], mask[1:, :5])[0]
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1e-4)


def test_stored_adapters_come_back_merged(weights, batch, tmp_path):
    ids, mask = batch
    network = TextEncoder.adaptable(weights).eval()
    for name, value in network.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(value, std=0.02)
    write_tensors(network.adapters(), tmp_path / FILE)
    with torch.no_grad():
        adapted, loaded = network(ids, mask), TextEncoder.load(weights, tmp_path)(ids, mask)
        published = TextEncoder.published(weights)(ids, mask)
    torch.testing.assert_close(loaded[mask], adapted[mask], atol=0.01, rtol=0.01)  # stored in half precision
    assert (published - loaded)[mask].abs().max() > 0.1
    assert (tmp_path / FILE).stat().st_size < 3_000_000


def test_an_absent_or_foreign_file_is_named(weights, tmp_path):
    with pytest.raises(ModelError, match="cannot be read as network weights"):
        TextEncoder.published(tmp_path)
    save_file({"something.else": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="is not MiniLM-L6"):
        TextEncoder.published(tmp_path)
    write_tensors({"something.else": torch.zeros(2)}, tmp_path / FILE)
    with pytest.raises(ModelError, match="does not fit this network"):
        TextEncoder.load(weights, tmp_path)
