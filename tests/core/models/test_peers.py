"""The peers: masks, positions, the aggregation token, batch size one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.peers import Peer


def peer(**changes) -> Peer:
    torch.manual_seed(0)
    sizes = {
        "width_in": 6,
        "width": 16,
        "heads": 4,
        "layers": 2,
        "feedforward": 32,
        "num_labels": 7,
        "dropout": 0.1,
    }
    return Peer(**(sizes | changes)).eval()


def batch(rows: int = 3, tokens: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(rows, tokens, 6, generator=generator)
    times = torch.arange(tokens).float().mul(0.2).expand(rows, tokens).clone()
    return values, times, torch.ones(rows, tokens, dtype=torch.bool)


def test_shapes_are_logits_per_label_and_one_state_more_than_tokens():
    out = peer()(*batch())
    assert out.logits.shape == (3, 7)
    assert out.states.shape == (3, 10, 16)


@settings(max_examples=20, deadline=None)
@given(kept=st.integers(0, 8), scale=st.floats(0.0, 1e4))
def test_what_stands_at_masked_positions_changes_nothing(kept, scale):
    values, times, mask = batch()
    mask[:, kept:] = False
    dirty = values.clone()
    dirty[:, kept:] = scale
    net = peer()
    torch.testing.assert_close(net(values, times, mask).logits, net(dirty, times, mask).logits)


def test_padding_to_a_longer_static_shape_changes_nothing():
    values, times, mask = batch(tokens=9)
    net = peer()
    short = net(values[:, :4], times[:, :4], mask[:, :4]).logits
    mask[:, 4:] = False
    torch.testing.assert_close(short, net(values, times, mask).logits)


def test_a_row_without_any_token_is_finite_and_does_not_touch_its_neighbours():
    values, times, mask = batch()
    net = peer()
    full = net(values, times, mask).logits
    mask[1] = False
    out = net(values, times, mask)
    assert torch.isfinite(out.logits).all()
    assert torch.isfinite(out.states).all()
    torch.testing.assert_close(out.logits[[0, 2]], full[[0, 2]])


def test_each_row_is_computed_alone_so_a_batch_of_one_gives_the_same():
    values, times, mask = batch()
    net = peer().train()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    together = net(values, times, mask).logits
    alone = torch.cat([net(values[i : i + 1], times[i : i + 1], mask[i : i + 1]).logits for i in range(3)])
    torch.testing.assert_close(together, alone)


def test_the_head_reads_the_aggregation_token_from_the_index_where_it_stands():
    values, times, mask = batch()
    net = peer()
    out = net(values, times, mask)
    torch.testing.assert_close(out.logits, net.head(out.states[:, -1]))
    moved = peer()
    with torch.no_grad():
        moved.aggregation.add_(1.0)
    nothing = torch.zeros_like(mask)
    before, after = net(values, times, nothing), moved(values, times, nothing)
    assert not torch.allclose(before.states[:, -1], after.states[:, -1])


def test_order_is_given_by_seconds_not_by_index():
    values, times, mask = batch()
    net = peer()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    shuffled = net(values[:, order], times[:, order], mask).logits
    torch.testing.assert_close(net(values, times, mask).logits, shuffled, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(shuffled, net(values[:, order], times, mask).logits)


def test_blocks_have_their_own_weights():
    net = peer(layers=3)
    weights = [block.attention.query.weight for block in net.blocks]
    assert len({w.data_ptr() for w in weights}) == 3
    assert not torch.equal(weights[0], weights[1])


def test_input_statistics_standardise_and_leave_dead_features_alone():
    net = peer()
    deviation = torch.tensor([2.0, 2.0, 2.0, 2.0, 2.0, 0.0])
    net.set_input_statistics(torch.ones(6), deviation)
    assert net.input_scale.tolist() == pytest.approx([0.5] * 5 + [1.0])
    assert "input_mean" in net.state_dict()


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="3 heads"):
        peer(heads=3)
