"""Video as tubelets: blocks of 4 frames by 16 x 16 pixels, each one token.

After ViViT and VATT (Arnab et al., ICCV 2021; Akbari et al., NeurIPS 2021), as SeMuL-PCD takes them: a
stretch is 16 frames of 112 x 112 pixels, so 4 x 7 x 7 = 196 tubelets.

Legend: B batch, F frames, T tubelets, D = 3,072 numbers of a tubelet, d width of the peer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FRAMES: Final = 16
"""Frames of a stretch."""

SIDE: Final = 112
"""Pixels of each side of a frame."""

DEPTH: Final = 4
"""Frames of a tubelet."""

EDGE: Final = 16
"""Pixels of each side of a tubelet."""

PLACES: Final = (SIDE // EDGE) ** 2
"""Tubelets that lie side by side: 49."""

TUBELETS: Final = FRAMES // DEPTH * PLACES
"""T of a stretch: 196."""

WIDTH: Final = DEPTH * EDGE * EDGE * 3
"""D: 3,072."""


def tubelets(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cut frames into tubelets; first by time, then by row, then by column.

    Pixels keep their level: 0 to 255 becomes -1 to 1, whatever the other frames show. (Normalising each pixel
    over time would erase everything that does not move, a face's look above all.)

    Args:
        frames: (F, 112, 112, 3) uint8, F from 1 to 16. Fewer than 16 are spread evenly: a still picture is
            seen 16 times.

    Returns:
        (196, 3072) float32.
    """
    spread = frames[np.arange(FRAMES) * len(frames) // FRAMES]
    cells = SIDE // EDGE
    blocks = spread.reshape(FRAMES // DEPTH, DEPTH, cells, EDGE, cells, EDGE, 3)
    flat = blocks.transpose(0, 2, 4, 1, 3, 5, 6).reshape(TUBELETS, WIDTH)
    return flat.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def tubelet_times(frame_times_s: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F,) seconds of the frames -> (196,) mean second of each tubelet."""
    spread = frame_times_s[np.arange(FRAMES) * len(frame_times_s) // FRAMES]
    means = spread.reshape(-1, DEPTH).mean(axis=1)
    return np.repeat(means, PLACES).astype(np.float32)


class TubeletEmbedding(nn.Module):
    """A linear map of each tubelet, which is what a 3D convolution of its size and stride computes, and a
    learned code of its place in the picture. When it is shown is told by its second.

    Args:
        width: d.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, width)
        self.places = nn.Parameter(torch.randn(PLACES, width) * 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, d); the first token is the first place of a time."""
        number = torch.arange(tokens.shape[1], device=tokens.device) % PLACES
        embedded: Tensor = self.project(tokens) + self.places[number]
        return embedded
