"""What every training shares: loss, optimiser, schedule, moving average, best weights, device."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from train.corpora.base import Example

Network = TypeVar("Network", bound=nn.Module)


def optimiser(modules: Iterable[tuple[nn.Module, float]], *, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over the trainable parameters of (module, learning rate) pairs; norms and biases do not decay."""
    groups: list[dict[str, Any]] = []
    for module, rate in modules:
        trainable = [p for p in module.parameters() if p.requires_grad]
        groups.append({"params": [p for p in trainable if p.ndim > 1], "lr": rate})
        groups.append({"params": [p for p in trainable if p.ndim <= 1], "lr": rate, "weight_decay": 0.0})
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, weight_decay=weight_decay, betas=(0.9, 0.98))


def learning_rate_factor(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak learning rate at `step` of `steps`: linear up, then half a cosine down to 0."""
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def warm_up_and_cosine(
    optim: torch.optim.Optimizer, steps: int, warm_up: float = 0.05
) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule over `steps` by `learning_rate_factor`."""
    return torch.optim.lr_scheduler.LambdaLR(optim, lambda step: learning_rate_factor(step, steps, warm_up))


def set_learning_rates(optim: torch.optim.Optimizer, peaks: Sequence[float], factor: float) -> None:
    """Set each group's rate to its peak times `factor`."""
    for group, peak in zip(optim.param_groups, peaks, strict=True):
        group["lr"] = peak * factor


class MovingAverage(Generic[Network]):
    """An exponential moving average of a module's trainable parameters and of its running statistics.

    Args:
        module: what is followed.
        decay: of the average, 0.999 in the method; early in a run it is (1 + steps) / (10 + steps), so that
            the start is soon forgotten.
    """

    def __init__(self, module: Network, decay: float) -> None:
        self.module: Network = copy.deepcopy(module).eval()
        self._decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, module: Network) -> None:
        """Take one step towards `module`."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        for mine, theirs in zip(self.module.parameters(), module.parameters(), strict=True):
            if theirs.requires_grad:
                mine.lerp_(theirs, 1 - decay)
        for kept, current in zip(self.module.buffers(), module.buffers(), strict=True):
            kept.copy_(current)


class BestWeights:
    """Remembers the weights that did best on validation."""

    def __init__(self) -> None:
        self.score = -math.inf
        self.weights: dict[str, Tensor] = {}

    def update(self, score: float, module: nn.Module) -> None:
        """Keep a copy of the weights if `score` is higher than every one before."""
        if not self.weights or score > self.score:
            self.score = score
            self.weights = {name: value.clone() for name, value in module.state_dict().items()}


def device_of(name: str) -> torch.device:
    """ "auto" is the GPU where there is one; any other name is taken as it is."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def masked_bce(logits: Tensor, target: Tensor, available: Tensor) -> Tensor:
    """Mean binary cross entropy over the available labels. All (B, C); `available` bool."""
    loss = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = available.to(loss.dtype)
    return (loss * weight).sum() / weight.sum().clamp(min=1)


def label_tensors(examples: list[Any]) -> tuple[Tensor, Tensor]:
    """(B, C) float targets and (B, C) bool availability of examples."""
    rows: list[Example] = examples
    target = torch.stack([torch.from_numpy(row.labels.target) for row in rows])
    return target, torch.stack([torch.from_numpy(row.labels.available) for row in rows])
