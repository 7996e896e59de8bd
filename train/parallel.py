"""Data parallelism by `torchrun`: one process is the special case.

Gradients are averaged explicitly after the backward pass. Each process draws its shard of the same batch, so
any number of processes computes the same step.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import torch
import torch.distributed as dist
from torch import Tensor, nn

_PATIENCE: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class World:
    """This process among its peers.

    Attributes:
        rank, size: of this process, and number of processes.
        device: where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def shard(self, rows: int) -> slice:
        """The rows of a batch that this process takes; `rows` must be a multiple of the size."""
        share = rows // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.size > 1:
            dist.barrier()

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over all processes, without gradient."""
        if self.size == 1:
            return value.detach()
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def average_gradients(self, net: nn.Module) -> None:
        """Replace every gradient by its mean over all processes, in one message."""
        if self.size == 1:
            return
        trained = [p for p in net.parameters() if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in trained])
        flat = self.mean(flat)
        for parameter, part in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            parameter.grad = part.view_as(parameter)

    def gather(self, value: Tensor) -> Tensor:
        """Join (B, ...) of all processes to (size * B, ...); every process then computes the same of it.

        Each process has a gradient for its own rows alone. It is multiplied by the number of processes,
        because `average_gradients` divides by it afterwards.
        """
        if self.size == 1:
            return value
        mine = value.contiguous().clone()
        if mine.requires_grad:
            mine.register_hook(lambda gradient: gradient * self.size)
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine.detach())
        parts[self.rank] = mine
        return torch.cat(parts)


def join_world(device: str = "auto") -> World:
    """Join the processes that `torchrun` started, or be alone.

    Args:
        device: "auto" takes a GPU where there is one; "cpu" and "cuda" insist.
    """
    local = int(os.environ.get("LOCAL_RANK", "0"))
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    chosen = torch.device("cuda", local) if cuda else torch.device("cpu")
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        return World(0, 1, chosen)
    if not dist.is_initialized():
        # The others wait while the first process trains encoders and decodes recordings.
        dist.init_process_group("nccl" if cuda else "gloo", timeout=_PATIENCE)
    return World(dist.get_rank(), dist.get_world_size(), chosen)


def leave_world(world: World) -> None:
    """Leave the other processes in good order."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()
