"""Random changes to batches of grey faces, so that a net trained on FER+ reads faces of a live camera.

Legend: B batch, S = 48 pixels. Everything works on (B, 1, S, S) floats in [0, 1], on any device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def augment(faces: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Shift, turn, scale, shear, flip, relight, blur, add noise and erase, each by chance."""
    faces = _move(faces, generator, strength)
    faces = _relight(faces, generator, strength)
    faces = _coarsen(faces, generator, 0.25 * strength)
    return _erase(faces, generator, 0.5 * strength)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _move(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    count = len(faces)
    angle = _uniform(count, -1, 1, generator) * math.radians(18) * strength
    scale = 1 + _uniform(count, -0.18, 0.18, generator) * strength
    stretch = 1 + _uniform(count, -0.1, 0.1, generator) * strength
    flip = (torch.rand(count, generator=generator) < 0.5).float() * -2 + 1
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = angle.cos() * scale * stretch * flip
    matrix[:, 0, 1] = -angle.sin() * scale
    matrix[:, 1, 0] = angle.sin() * scale * flip
    matrix[:, 1, 1] = angle.cos() * scale / stretch
    matrix[:, :, 2] = (torch.rand(count, 2, generator=generator) * 2 - 1) * 0.16 * strength
    grid = functional.affine_grid(matrix.to(faces.device), list(faces.shape), align_corners=False)
    return functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _relight(faces: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Gamma, and light from one side; level and contrast are taken out by the network itself."""
    count, size = len(faces), faces.shape[-1]
    gamma = torch.exp(_uniform(count, -0.45, 0.45, generator) * strength)
    lit = faces.clamp(0, 1).clamp(min=1e-3) ** gamma.view(-1, 1, 1, 1).to(faces.device)
    direction = _uniform(count, 0, 2 * math.pi, generator)
    amount = _uniform(count, 0, 0.35, generator) * strength
    line = torch.linspace(-1, 1, size)
    slope = direction.cos().view(-1, 1, 1) * line + direction.sin().view(-1, 1, 1) * line[:, None]
    shade = 1 + amount.view(-1, 1, 1) * slope
    noise = torch.randn(faces.shape, generator=generator)
    level = _uniform(count, 0, 0.03, generator).view(-1, 1, 1, 1) * strength
    return lit * shade[:, None].to(faces.device) + (noise * level).to(faces.device)


def _coarsen(faces: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Lower the resolution of some, as of a face far from the camera, or in a compressed video."""
    chosen = torch.nonzero(torch.rand(len(faces), generator=generator) < share).squeeze(1)
    if len(chosen) == 0:
        return faces
    size = faces.shape[-1]
    small = int(torch.randint(size // 3, size - 8, (), generator=generator))
    picked = faces[chosen]
    coarse = functional.interpolate(picked, size=(small, small), mode="bilinear", antialias=True)
    result = faces.clone()
    result[chosen] = functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return result


def _erase(faces: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Cover a rectangle of some with their mean grey: a hand, a microphone, a caption."""
    count, size = len(faces), faces.shape[-1]
    height = _uniform(count, 0.15, 0.4, generator) * size
    width = _uniform(count, 0.15, 0.4, generator) * size
    top, left = _uniform(count, 0, size, generator), _uniform(count, 0, size, generator)
    line = torch.arange(size)
    rows = (line >= (top - height / 2).view(-1, 1)) & (line < (top + height / 2).view(-1, 1))
    columns = (line >= (left - width / 2).view(-1, 1)) & (line < (left + width / 2).view(-1, 1))
    chosen = (torch.rand(count, generator=generator) < share).view(-1, 1, 1)
    covered = (rows[:, :, None] & columns[:, None, :] & chosen)[:, None].to(faces.device)
    return torch.where(covered, faces.mean(dim=(2, 3), keepdim=True), faces)


def mix_up(faces: Tensor, targets: Tensor, generator: torch.Generator, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend each face and its target with another of the batch (Zhang et al. 2018); alpha 0 does nothing."""
    if alpha == 0:
        return faces, targets
    share = float(torch._sample_dirichlet(torch.tensor([alpha, alpha]), generator=generator)[0])
    order = torch.randperm(len(faces), generator=generator).to(faces.device)
    return share * faces + (1 - share) * faces[order], share * targets + (1 - share) * targets[order]
