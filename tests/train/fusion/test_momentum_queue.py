"""The queue of negatives: the newest rows stay, no recording is its own rival, a run resumes exactly."""

from __future__ import annotations

import torch

from train.fusion import losses
from train.fusion.momentum_queue import MomentumQueue

CPU = torch.device("cpu")


def rows(start: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    groups = torch.arange(start, start + count)
    return groups[:, None, None].float().expand(count, 3, 2), groups, torch.ones(count, 3, dtype=torch.bool)


def test_the_oldest_rows_are_forgotten_first():
    queue = MomentumQueue(4, 2, 3, CPU)
    queue.push(*rows(0, 3))
    assert len(queue) == 3
    queue.push(*rows(3, 3))
    assert sorted(queue.queued(0, 1).groups.tolist()) == [2, 3, 4, 5]
    queue.push(*rows(6, 9))
    assert sorted(queue.queued(0, 1).groups.tolist()) == [11, 12, 13, 14]


def test_rows_without_a_modality_are_no_rivals_of_it():
    queue = MomentumQueue(4, 2, 3, CPU)
    keys, groups, present = rows(0, 3)
    present[0] = False
    present[1, 2] = False
    queue.push(keys, groups, present)
    assert len(queue) == 2
    assert queue.queued(0, 1).present.sum() == 2
    assert queue.queued(0, 2).present.sum() == 1


def test_a_restored_queue_goes_on_like_the_first():
    one, two = MomentumQueue(4, 2, 3, CPU), MomentumQueue(4, 2, 3, CPU)
    one.push(*rows(0, 3))
    two.load_state_dict(one.state_dict())
    for queue in (one, two):
        queue.push(*rows(3, 2))
    for mine, theirs in zip(one.queued(0, 1), two.queued(0, 1), strict=True):
        assert torch.equal(mine, theirs)


def test_remembered_rows_make_the_task_harder_except_those_of_the_same_recording():
    torch.manual_seed(0)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    groups, present = torch.arange(3), torch.ones(3, dtype=torch.bool)

    strange = losses.QueuedRows(torch.randn(3, 4), torch.randn(3, 4), torch.tensor([7, 8, 9]), present)
    plain = losses.info_nce(a, b, groups, present, torch.tensor(1.0))
    assert (losses.info_nce(a, b, groups, present, torch.tensor(1.0), strange) > plain).all()
    own = losses.QueuedRows(torch.randn(1, 4), torch.randn(1, 4), torch.tensor([0]), present[:1])
    assert losses.info_nce(a, b, groups, present, torch.tensor(1.0), own)[0] == plain[0]
