"""Learning rate, weight averaging and parameter groups; the rate is a function of the step alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def learning_rate_factor(step: int, steps: int, warm_up: float) -> float:
    """Share of the peak learning rate at `step` of `steps`: linear up, then half a cosine down to 0."""
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def parameter_groups(
    net: nn.Module, rate: float, peer_factor: float, decay: float
) -> list[dict[str, object]]:
    """AdamW groups: peers at their own rate (0 freezes them); no decay of norms, biases and embeddings.

    Each group has a key `peak` that `set_learning_rate` scales.
    """
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in net.named_parameters():
        peak = rate * (peer_factor if ".peers." in f".{name}" else 1.0)
        if peak == 0.0:
            parameter.requires_grad_(False)
            continue
        groups.setdefault((peak, decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [
        {"params": params, "lr": peak, "peak": peak, "weight_decay": wd}
        for (peak, wd), params in groups.items()
    ]


def set_learning_rate(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to its peak times `factor`."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


class Ema:
    """Exponential moving average of a network's parameters; the network that is kept in the end.

    Early in a run the decay is (1 + step) / (10 + step), so that the start is soon forgotten.

    Args:
        net: whose parameters are averaged.
        decay: upper bound, 0.999 in the method.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.shadow = {name: p.detach().clone() for name, p in net.named_parameters()}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move the average towards the network's parameters."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, parameter in net.named_parameters():
            self.shadow[name].lerp_(parameter, 1.0 - decay)

    @torch.no_grad()
    def copy_to(self, net: nn.Module) -> None:
        """Overwrite a network's parameters with the average."""
        for name, parameter in net.named_parameters():
            parameter.copy_(self.shadow[name])

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint."""
        return {"steps": self.steps, "shadow": self.shadow}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Take up where `state_dict` was."""
        self.steps = int(state["steps"])  # type: ignore[call-overload]
        self.shadow = state["shadow"]  # type: ignore[assignment]
