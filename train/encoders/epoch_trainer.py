"""The loop that trains the networks of the first stage: epochs, a moving average, a state per epoch.

An encoder's module says what its batches, its loss and its figures are; what a step does stands here, once.
A training that was killed or interrupted goes on from its last finished epoch and ends with the very weights
of an uninterrupted one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from core.errors import ConfigError, Interrupted
from train.interrupts import StopRequest
from train.optim import BestWeights, MovingAverage, optimiser, warm_up_and_cosine
from train.progress import JsonLog
from train.run_folder import GO_ON

Network = TypeVar("Network", bound=nn.Module)
Item = TypeVar("Item")
Figures = dict[str, float]

LOG_EVERY: Final = 200
"""Steps between lines of the log within an epoch."""

CLIP_NORM: Final = 1.0
"""Largest norm of the gradients."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Where a training's chance comes from besides torch's own generator; saved with its state.

    Attributes:
        generator: decides the order, and what is drawn of tensors.
        python: decides what is drawn of words.
    """

    generator: torch.Generator
    python: random.Random

    @classmethod
    def seeded(cls, seed: int) -> Draws:
        """Both generators, seeded alike."""
        return cls(torch.Generator().manual_seed(seed), random.Random(seed))


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How a network is trained.

    Attributes:
        stage: name in the log.
        epochs: number of passes.
        steps: of all epochs together, for the learning rate.
        rates: (module, peak learning rate) pairs.
        weight_decay: of AdamW.
        average: decay of the moving average.
    """

    stage: str
    epochs: int
    steps: int
    rates: Sequence[tuple[nn.Module, float]]
    weight_decay: float
    average: float


def train_epochs(
    network: Network,
    plan: EpochPlan,
    draws: Draws,
    batches: Callable[[int], Iterable[Item]],
    loss: Callable[[Item], Tensor],
    log: JsonLog,
    *,
    figures: Callable[[Network], Figures] | None = None,
    state: Path | None = None,
    keep_best: bool = False,
) -> Network:
    """Train a network in place.

    Args:
        network: what is trained; in training mode while it is.
        plan: epochs, rates, average.
        draws: the generators that `batches` and `loss` draw from.
        batches: number of the epoch, from 0 -> its batches.
        loss: of a batch, a () tensor.
        log: gets a line every `LOG_EVERY` steps and one per epoch, with the mean loss so far.
        figures: of the averaged network, after each epoch; None = none.
        state: file that a killed run is gone on from; written after each epoch. None = no such file.
        keep_best: return the average of the epoch with the largest sum of figures instead of the last one.

    Returns:
        The moving average of the network, in evaluation mode.

    Raises:
        Interrupted: Ctrl-C; the last finished epoch is in `state`.
        ConfigError: `state` was written by another version.
    """
    optim = optimiser(plan.rates, weight_decay=plan.weight_decay)
    schedule = warm_up_and_cosine(optim, plan.steps)
    average = MovingAverage(network, plan.average)
    best = BestWeights()
    run = TrainingState(network, optim, schedule, average, best, draws)
    done = 0 if state is None else run.restore(state)
    with StopRequest() as stop:
        for epoch in range(done, plan.epochs):
            network.train()
            total, steps = 0.0, 0
            for batch in batches(epoch):
                value = loss(batch)
                optim.zero_grad()
                value.backward()
                nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
                optim.step()
                schedule.step()
                average.update(network)
                total, steps = total + float(value.detach()), steps + 1
                if steps % LOG_EVERY == 0:
                    log.write(stage=plan.stage, epoch=epoch + 1, step=steps, loss=total / steps)
                if stop.noted:
                    raise _interrupted(plan, epoch, state)
            found = {} if figures is None else figures(average.module)
            log.write(stage=plan.stage, epoch=epoch + 1, loss=total / max(1, steps), **found)
            if keep_best:
                best.update(sum(found.values()), average.module)
            if state is not None:
                run.save(state, epoch + 1)
    if best.weights:
        average.module.load_state_dict(best.weights)
    return average.module.eval()


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything of a training that changes: what is saved and restored together.

    Attributes:
        network, optim, schedule, average, best: torch objects and their averages.
        draws: the generators.
    """

    network: nn.Module
    optim: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    average: MovingAverage[Any]
    best: BestWeights
    draws: Draws

    def save(self, path: Path, epochs: int) -> None:
        """Write the state after so many finished epochs to a new file, which then replaces the old one."""
        state = {
            "version": _VERSION,
            "epoch": epochs,
            "model": self.network.state_dict(),
            "optim": self.optim.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": self.average.module.state_dict(),
            "average_steps": self.average.steps,
            "generator": self.draws.generator.get_state(),
            "python": self.draws.python.getstate(),
            "torch": torch.get_rng_state(),
            "best": self.best.weights,
            "best_score": self.best.score,
        }
        partial = path.with_name(path.name + ".part")
        torch.save(state, partial)
        os.replace(partial, path)

    def restore(self, path: Path) -> int:
        """Read the state if there is one; the number of finished epochs, 0 without a state.

        Raises:
            ConfigError: another version wrote it.
        """
        if not path.is_file():
            return 0
        state: dict[str, Any] = torch.load(path, weights_only=True)
        if state.get("version") != _VERSION:
            raise ConfigError(
                "was left by another version of emotrack.", where=str(path), fix="Start anew with --fresh."
            )
        self.network.load_state_dict(state["model"])
        self.optim.load_state_dict(state["optim"])
        self.schedule.load_state_dict(state["schedule"])
        self.average.module.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.draws.generator.set_state(state["generator"])
        self.draws.python.setstate(state["python"])
        torch.set_rng_state(state["torch"])
        self.best.weights, self.best.score = state["best"], state["best_score"]
        epochs: int = state["epoch"]
        return epochs


_VERSION: Final = 2


def _interrupted(plan: EpochPlan, finished: int, state: Path | None) -> Interrupted:
    kept = (
        f"{finished} finished epochs are kept" if state is not None and finished else "no epoch is finished"
    )
    return Interrupted(
        f"interrupted in epoch {finished + 1} of {plan.epochs} ({plan.stage}); {kept}.",
        where=None if state is None else str(state),
        fix=GO_ON,
    )
