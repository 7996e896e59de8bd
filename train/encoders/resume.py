"""Keeping a training on disk, so that a killed one goes on from its last finished epoch.

The state is written to a new file which then replaces the old one: a kill in between harms nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from train.optim import BestWeights, MovingAverage


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything of a training that changes: what is restored together.

    Attributes:
        path: file of the state.
        model, optim, schedule: torch objects with a `state_dict`.
        average: the model's moving average.
        generator: source of the order and of the augmentation.
    """

    path: Path
    model: torch.nn.Module
    optim: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    average: MovingAverage
    generator: torch.Generator

    def save(self, epoch: int, best: BestWeights | None = None) -> None:
        """Write the state after `epoch` finished epochs."""
        state = {
            "epoch": epoch,
            "model": self.model.state_dict(),
            "optim": self.optim.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.module.state_dict(),
            "average_steps": self.average.steps,
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "best": {} if best is None else best.weights,
            "best_score": None if best is None else best.score,
        }
        partial = self.path.with_name(self.path.name + ".part")
        torch.save(state, partial)
        os.replace(partial, self.path)

    def restore(self, best: BestWeights | None = None) -> int:
        """Read the state if there is one; the number of finished epochs, 0 without a state."""
        if not self.path.is_file():
            return 0
        state: dict[str, Any] = torch.load(self.path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.module.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        if best is not None:
            best.weights, best.score = state["best"], state["best_score"]
        epoch: int = state["epoch"]
        return epoch
