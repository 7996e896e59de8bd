"""`core.encoders.log_mel` on tensors, for batches and for a GPU. A test compares the two."""

from __future__ import annotations

import torch
from torch import Tensor

from core.encoders.log_mel import HOP, WINDOW, mel_filters


def log_mel(samples: Tensor) -> Tensor:
    """(B, n) float samples -> (B, 80, n / 160)."""
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True, pad_mode="reflect")
    power = spectrum[..., :-1].abs().square()
    filters = torch.from_numpy(mel_filters()).to(samples)
    mel = (filters @ power).clamp(min=1e-10).log10()
    floor = mel.amax(dim=(-2, -1), keepdim=True) - 8.0
    return (torch.maximum(mel, floor) + 4.0) / 4.0
