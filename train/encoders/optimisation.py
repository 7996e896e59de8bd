"""What the three encoder trainings share: optimiser, schedule, moving average, and a log that is a file."""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from collections.abc import Iterable
from pathlib import Path
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


def warm_up_and_cosine(
    optim: torch.optim.Optimizer, steps: int, warm_up: float = 0.05
) -> torch.optim.lr_scheduler.LambdaLR:
    """A schedule over `steps`: linear up during the share `warm_up`, then a half cosine down to zero."""
    rising = max(1, round(steps * warm_up))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))

    return torch.optim.lr_scheduler.LambdaLR(optim, factor)


class MovingAverage(Generic[Network]):
    """An exponential moving average of a module's trainable parameters and of its running statistics.

    Args:
        module: what is followed.
        decay: of the average; the first steps count more, so that a short run forgets its start.
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


class Best:
    """Remembers the weights of the epoch that did best on validation."""

    def __init__(self) -> None:
        self.score = -math.inf
        self.weights: dict[str, Tensor] = {}

    def offer(self, score: float, module: nn.Module) -> None:
        """Keep a copy of the weights if `score` is higher than every one before."""
        if score > self.score:
            self.score = score
            self.weights = {name: value.clone() for name, value in module.state_dict().items()}


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


def device_of(name: str) -> torch.device:
    """ "auto" is the GPU where there is one; any other name is taken as it is."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


class Log:
    """Lines of JSON, appended to a file and printed, each with the seconds since the start."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._start = time.monotonic()

    def write(self, **values: object) -> None:
        """Append one line."""
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        line = json.dumps({"seconds": round(time.monotonic() - self._start, 1), **rounded})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
