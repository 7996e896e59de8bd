"""Lower precision where it pays and does no harm: inside linear layers and convolutions.

Casting a whole network loses the phase of the time codes and lets LayerNorm overflow in float16; autocast is
a mode that exporters treat differently. So the layers themselves are replaced: what goes in is cast down,
what comes out is float32 again. That exports as plain casts everywhere.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from core.backends.base import Precision

DTYPES: Final[dict[Precision, torch.dtype]] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class Reduced(nn.Module):
    """A layer that computes in `dtype` and gives float32."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer = layer.to(dtype)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """As the layer; float32 in and out."""
        y: Tensor = self.layer(x.to(self.dtype))
        return y.float()


def reduce_precision(net: nn.Module, precision: Precision) -> nn.Module:
    """Replace the linear layers and convolutions of a network, in place.

    Returns:
        The network; unchanged for "fp32".
    """
    if precision == "fp32":
        return net
    for name, child in list(net.named_children()):
        if isinstance(child, nn.Linear | nn.Conv1d | nn.Conv2d):
            setattr(net, name, Reduced(child, DTYPES[precision]))
        else:
            reduce_precision(child, precision)
    return net
