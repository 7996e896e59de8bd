"""Everything that a training step changes: weights, optimiser, average, queue, history; and its losses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from core.config_base import Strict
from core.labels import MODALITIES
from core.models.fusion import EmotionNet, NetDetails
from train.fusion.batches import Batch
from train.fusion.momentum_queue import MomentumQueue
from train.fusion.objective import (
    LossConfig,
    Projections,
    Teacher,
    contrastive,
    objective,
    view_consistency,
)
from train.fusion.run_state import RunState
from train.optim import BestWeights, MovingAverage, learning_rate_factor, optimiser, set_learning_rates
from train.parallel import World

Figures = dict[str, float]
Validate = Callable[[EmotionNet], Figures]
"""Judges a network on validation data; the key "score" decides which one is kept."""


COMBINATION_RATE: Final = 10.0
"""The weights of evidence are few and far from 0: they learn so many times faster than the rest."""


class OptimisationConfig(Strict):
    """The loop's numbers.

    Attributes:
        steps, batch: number of steps; rows of a whole step, over all processes and accumulation steps.
        accumulate: backward passes per step.
        rate, peer_rate_factor: peak learning rate, and the peers' share of it; 0 freezes the peers.
        weight_decay, warm_up, clip, average: AdamW, share of steps, gradient norm, decay of the average.
        validate_every, patience: steps between validations; how many without a gain end the run (0 = never).
        save_every: steps between states from which a run can be resumed (0 = none).
        seed: of weights, batches and dropout.
        device: "auto" takes a GPU where there is one.
        precision: "auto" = bfloat16 on a GPU that has it, else float32.
    """

    steps: int = Field(2000, gt=0)
    batch: int = Field(128, gt=0)
    accumulate: int = Field(1, gt=0)
    rate: float = Field(1e-3, gt=0)
    peer_rate_factor: float = Field(0.1, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    warm_up: float = Field(0.05, ge=0, lt=1)
    clip: float = Field(1.0, gt=0)
    average: float = Field(0.999, ge=0, lt=1)
    validate_every: int = Field(200, gt=0)
    patience: int = Field(0, ge=0)
    save_every: int = Field(200, ge=0)
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


class Learner:
    """A network on its way.

    Args:
        net: trained in place.
        teacher: priors and the teacher's calibration.
        o, config: how, and what for.
        world: this process and the others.
    """

    def __init__(
        self, net: EmotionNet, teacher: Teacher, o: OptimisationConfig, config: LossConfig, world: World
    ) -> None:
        torch.manual_seed(o.seed)
        self.net = net
        self._o, self._config, self._world = o, config, world
        self._teacher = teacher.to(world.device)
        self._projections = Projections(net.fusion.queries.shape[1], config.contrastive_width)
        self.trained = nn.ModuleDict({"net": net})
        if config.contrastive:
            self.trained["projections"] = self._projections
        self.trained.to(world.device)
        net.peers.requires_grad_(o.peer_rate_factor > 0)
        rates: list[tuple[nn.Module, float]] = [
            (net.fusion, o.rate),
            (net.peers, o.rate * o.peer_rate_factor),
        ]
        if net.combination is not None:
            rates.append((net.combination, o.rate * COMBINATION_RATE))
        if config.contrastive:
            rates.append((self._projections, o.rate))
        self.optimiser = optimiser(rates, weight_decay=o.weight_decay)
        self._peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.average = MovingAverage(self.trained, o.average)
        self.queue: MomentumQueue | None = None
        if config.contrastive and config.contrastive_queue:
            self.queue = MomentumQueue(
                config.contrastive_queue, config.contrastive_width, len(MODALITIES), world.device
            )
        self.best = BestWeights()
        self.history: list[Figures] = []
        self.done = 0
        self.identity = {"optimisation": o.model_dump(), "losses": config.model_dump()}

    def begin(self, step: int) -> None:
        """Make ready for a step: dropout's chance, learning rates, no gradients."""
        o, world = self._o, self._world
        torch.manual_seed((o.seed * 1_000_003 + step) * world.size + world.rank)
        set_learning_rates(self.optimiser, self._peaks, learning_rate_factor(step, o.steps, o.warm_up))
        self.trained.train()
        self.optimiser.zero_grad(set_to_none=True)

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """All weighted losses of one shard of a batch, each a () tensor."""
        with self._precision():
            out = _in_single(self.net.details(batch.values, batch.times_s, batch.mask))
            parts = objective(out, batch.targets, self._config, self._teacher)
            if self._config.contrastive:
                parts["contrastive"] = self._contrastive(out, batch)
            if self._config.full_view:
                parts["full_view"] = _full_view(self.net, batch, out.logits, self._config, step)
        return parts

    def _contrastive(self, out: NetDetails, batch: Batch) -> Tensor:
        """The windows of every process are each other's negatives, and so is what the queue remembers."""
        t, gather = batch.targets, self._world.gather
        groups, available, paired = gather(t.groups), gather(t.available), gather(t.paired)
        loss = contrastive(
            gather(self._projections(out.summaries)),
            groups,
            available,
            paired,
            self._projections.log_scale,
            self.queue,
        )
        if self.queue is not None:
            self.queue.push(gather(self._slow_summaries(batch)), groups, available & paired[:, None])
        return loss * self._config.contrastive

    @torch.no_grad()
    def _slow_summaries(self, batch: Batch) -> Tensor:
        """(B, M, p) by the moving average of the peers."""
        net, projections = self.average.module["net"], self.average.module["projections"]
        assert isinstance(net, EmotionNet)
        out = net.details(batch.values, batch.times_s, batch.mask)
        projected: Tensor = projections(out.summaries.float())
        return projected

    def step(self) -> float:
        """Average the gradients over processes, clip, step, average; the norm of the gradients."""
        self._world.average_gradients(self.trained)
        norm = float(nn.utils.clip_grad_norm_(self.trained.parameters(), self._o.clip))
        self.optimiser.step()
        self.average.update(self.trained)
        self.done += 1
        return norm

    def validate(self, validate: Validate, loss: float) -> None:
        """Validate the average and remember it when it is the best so far."""
        net = self.average.module["net"]
        assert isinstance(net, EmotionNet)
        measured = validate(net.eval())
        self.best.update(measured["score"], self.average.module)
        self.history.append({"step": float(self.done), "loss": loss, **measured})

    def finish(self) -> EmotionNet:
        """The network with the best average."""
        self.trained.load_state_dict(self.best.weights)
        return self.net.eval()

    @property
    def stalled(self) -> bool:
        """Whether the last `patience` validations brought no gain."""
        patience = self._o.patience
        if not patience or len(self.history) <= patience:
            return False
        scores = [row["score"] for row in self.history]
        return max(scores[-patience:]) <= max(scores[:-patience])

    def state(self) -> RunState:
        """For `save_state`."""
        return RunState(
            step=self.done,
            config=self.identity,
            net=self.trained.state_dict(),
            optimiser=self.optimiser.state_dict(),
            average={"steps": self.average.steps, "module": self.average.module.state_dict()},
            best={"score": self.best.score, "weights": self.best.weights},
            history=self.history,
            queue={} if self.queue is None else self.queue.state_dict(),
        )

    def restore(self, state: RunState) -> None:
        """Take up where `state` was."""
        self.trained.load_state_dict(state.net)
        self.optimiser.load_state_dict(state.optimiser)
        self.average.module.load_state_dict(state.average["module"])
        self.average.steps = state.average["steps"]
        device = self._world.device
        self.best.score = state.best["score"]
        self.best.weights = {name: v.to(device) for name, v in state.best["weights"].items()}
        if self.queue is not None:
            self.queue.load_state_dict(state.queue)
        self.history, self.done = list(state.history), state.step

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        o, kind = self._o, self._world.device.type
        able = kind == "cuda" and torch.cuda.is_bf16_supported()
        half = o.precision == "bfloat16" or (o.precision == "auto" and able)
        return torch.autocast(kind, torch.bfloat16) if half else contextlib.nullcontext()


def _in_single(out: NetDetails) -> NetDetails:
    """In float32: losses have logarithms, which half precision would spoil."""
    affect = None if out.affect is None else out.affect.float()
    rest = (out.logits.float(), out.peer_logits.float(), out.attribution.float())
    return NetDetails(*rest, affect, out.summaries.float())


def _full_view(net: EmotionNet, batch: Batch, full: Tensor, config: LossConfig, step: int) -> Tensor:
    """Hide one modality of every row that has several, and ask for the same answer."""
    available = batch.targets.available
    generator = torch.Generator().manual_seed(step)
    luck = torch.rand(available.shape, generator=generator).to(available.device)
    hidden = nn.functional.one_hot((luck * available).argmax(dim=1), len(MODALITIES)).bool()
    hidden = hidden & (available.sum(dim=1, keepdim=True) > 1)  # (B, M)
    mask = {m: batch.mask[m] & ~hidden[:, i : i + 1] for i, m in enumerate(MODALITIES)}
    partial = net.details(batch.values, batch.times_s, mask).logits
    return view_consistency(full, partial.float(), config)
