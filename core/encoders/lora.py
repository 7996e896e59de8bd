"""Low-rank adapters (Hu et al. 2021): y = x W + scale * (x A) B, with only A and B trained.

They keep the shipped files small: the frozen W is a third-party weight that every user already has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

OLD_LAYER_NAMES: Final = {"rise": "fc1", "fall": "fc2"}
"""Names that the two layers of the feed-forward part had in adapters of 0.1; such files are still read."""


class LoraLinear(nn.Module):
    """A frozen linear layer with a trained low-rank change.

    Args:
        base: the layer to adapt; its weights are frozen.
        rank: of the change.
        scale: factor of the change.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float = 2.0) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = scale
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        change = nn.functional.linear(nn.functional.linear(x, self.down), self.up)
        result: Tensor = self.base(x) + self.scale * change
        return result

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The plain layer that computes the same."""
        base = self.base
        plain = nn.Linear(base.in_features, base.out_features, bias=base.bias is not None)
        plain.weight.copy_(base.weight + self.scale * (self.up @ self.down))
        if base.bias is not None:
            plain.bias.copy_(base.bias)
        return plain


def add_adapters(module: nn.Module, names: Iterable[str], rank: int) -> None:
    """Replace every linear layer of `module` whose last name is in `names` by a `LoraLinear`."""
    wanted = set(names)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if name in wanted and isinstance(child, nn.Linear):
                setattr(parent, name, LoraLinear(child, rank))


def merge_adapters(module: nn.Module) -> None:
    """Replace every `LoraLinear` by the plain layer that computes the same."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoraLinear):
                setattr(parent, name, child.merged())
