"""`ExpressionNet`: a compact residual network that turns a grey face into one token.

Legend: B batch, D token width (256).

    face 48x48 -> standardise -> stem 24x24 -> 24x24 -> 12x12 -> 6x6 -> 3x3 -> mean -> (B, 256)
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from core.encoders.weight_files import read_tensors

FILE: Final = "visual.safetensors"
"""Name of the weights inside a checkpoint folder."""

WIDTH: Final = 256
"""D: width of a visual token."""

_STAGES: Final = ((48, 1, 1), (96, 2, 2), (192, 2, 2), (WIDTH, 1, 2))
"""Channels, residual blocks and first stride of each stage."""


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip connection (He et al. 2016, basic block)."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.skip = nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in, H, W) -> (B, width, H / stride, W / stride)."""
        y = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.skip(x) + self.second_norm(self.second(y)))


class ExpressionNet(nn.Module):
    """A face expression encoder, trained by `train.encoders.visual` on the FER+ votes."""

    def __init__(self) -> None:
        super().__init__()
        width = _STAGES[0][0]
        self.stem = nn.Conv2d(1, width, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        for channels, count, stride in _STAGES:
            for index in range(count):
                blocks.append(Residual(width, channels, stride if index == 0 else 1))
                width = channels
        self.blocks = nn.Sequential(*blocks)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed faces.

        Args:
            faces: (B, 1, 48, 48) float in [0, 1], as `core.encoders.crop_scaling.scale_crops` gives them.

        Returns:
            (B, 256): one token per face.
        """
        # Every face gets mean 0 and deviation 1: neither lighting nor camera gain matters.
        centred = faces - faces.mean(dim=(2, 3), keepdim=True)
        scale = centred.square().mean(dim=(2, 3), keepdim=True).add(1e-4).sqrt()
        x = torch.relu(self.stem_norm(self.stem(centred / scale)))
        return self.blocks(x).mean(dim=(2, 3))  # type: ignore[no-any-return]

    @classmethod
    def load(cls, checkpoint: Path) -> ExpressionNet:
        """Read `checkpoint/visual.safetensors`. All of it is our own: no third-party weight is needed.

        Raises:
            ModelError: the file is absent or does not fit this network.
        """
        network = cls()
        network.load_state_dict(read_tensors(checkpoint / FILE, expected=network.state_dict()))
        return network.eval()
