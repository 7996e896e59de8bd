"""The training loop.

One function, `fit`, does it all in the open: draw, forward, losses, backward, clip, step, average, validate,
checkpoint. A step depends on (configuration, step number, weights) alone, so that a killed and resumed run
ends with the very weights of an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from core.errors import ConfigError, ModelError
from core.labels import MODALITIES
from core.models.fusion import EmotionNet
from core.strict import Strict
from train.checkpoint import RunState, load_state, save_state
from train.distillation import (
    Knowledge,
    LossConfig,
    Projections,
    Targets,
    contrastive,
    objective,
    view_consistency,
)
from train.optim import Ema, learning_rate_factor, parameter_groups, set_learning_rate
from train.pairing import Batch, BatchMaker
from train.parallel import World
from train.progress import RunLog

Figures = dict[str, float]
Validate = Callable[[EmotionNet], Figures]
"""Judges a network on validation data; the key "score" decides which one is kept."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The averaged network of the best validation, and all figures on the way."""

    net: EmotionNet
    history: list[Figures]


def fit(
    net: EmotionNet,
    batches: BatchMaker,
    knowledge: Knowledge,
    optimisation: OptimisationConfig,
    loss_config: LossConfig,
    world: World,
    *,
    validate: Validate,
    log: RunLog,
    state_path: Path | None = None,
    resume: bool = False,
) -> Fitted:
    """Train `net` in place.

    Args:
        net: peers and fusion, with whatever weights they start from.
        batches: the training data.
        knowledge: priors, and the teacher's calibration.
        optimisation, loss_config: how, and what for.
        world: this process and the others.
        validate: called with the averaged network.
        log: where progress goes.
        state_path: file from which the run can be resumed, or None.
        resume: take up at `state_path`.

    Raises:
        ConfigError: the batch does not divide, or there is nothing to resume.
        ModelError: a loss or a gradient is not finite; names step and losses.
    """
    o = optimisation
    if o.batch % (world.size * o.accumulate):
        raise ConfigError(f"a batch of {o.batch} does not divide into {world.size} x {o.accumulate} parts.")

    # 1. Everything that a step changes; taken up where an unfinished run was.
    run = _Run(net, knowledge.to(world.device), o, loss_config, world)
    if resume and state_path is not None:
        run.restore(load_state(state_path, run.identity))

    # 2. The steps.
    for step in log.steps(run.done, o.steps):
        torch.manual_seed((o.seed * 1_000_003 + step) * world.size + world.rank)  # for dropout
        set_learning_rate(run.optimiser, learning_rate_factor(step, o.steps, o.warm_up))
        run.trained.train()
        run.optimiser.zero_grad(set_to_none=True)
        figures: Figures = {}
        for part in range(o.accumulate):
            batch = batches.batch(step, o.batch, _part(o, world, part)).trimmed().to(world.device)
            parts = run.losses(batch, step)
            (torch.stack(list(parts.values())).sum() / o.accumulate).backward()
            for name, value in parts.items():
                figures[name] = figures.get(name, 0.0) + float(world.mean(value)) / o.accumulate
        world.average_gradients(run.trained)
        norm = nn.utils.clip_grad_norm_(run.trained.parameters(), o.clip)
        _insist_finite({"gradient norm": norm}, step)
        run.optimiser.step()
        run.average.update(run.trained)
        run.done = step + 1
        log.step(step, figures | {"loss": sum(figures.values()), "norm": float(norm)})

        # 3. Validate the average, keep the best, save the state.
        if run.done % o.validate_every == 0 or run.done == o.steps:
            run.judge(validate, sum(figures.values()))
            log.validation(run.history)
        if state_path is not None and world.leads and o.save_every and run.done % o.save_every == 0:
            save_state(run.state(), state_path)
        if _stalled(run.history, o.patience):
            break

    # 4. Leave with the best average.
    run.average.shadow = run.best
    run.average.copy_to(run.trained)
    return Fitted(net.eval(), run.history)


class _Run:
    """Weights, optimiser and averages of a run."""

    def __init__(
        self, net: EmotionNet, knowledge: Knowledge, o: OptimisationConfig, config: LossConfig, world: World
    ) -> None:
        torch.manual_seed(o.seed)
        self._world = world
        self._config = config
        self._knowledge = knowledge
        self._o = o
        self.net = net
        self.projections = Projections(net.fusion.queries.shape[1], config.contrastive_width)
        self.trained = nn.ModuleDict({"net": net})
        if config.contrastive:
            self.trained["projections"] = self.projections
        self.trained.to(world.device)
        groups = parameter_groups(self.trained, o.rate, o.peer_rate_factor, o.weight_decay)
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        self.average = Ema(self.trained, o.average)
        self.best = _copy(self.average.shadow)
        self.history: list[Figures] = []
        self.done = 0
        self.identity = {"optimisation": o.model_dump(), "losses": config.model_dump()}

    def losses(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """All weighted losses of one shard of a batch; refuses what is not finite."""
        with _precision(self._o, self._world):
            out = self.net.details(batch.values, batch.times_s, batch.mask)
            parts = objective(out, batch.targets, self._config, self._knowledge)
            if self._config.contrastive:
                projected = self.projections(out.summaries)
                parts["contrastive"] = self._contrastive(projected, batch.targets)
            if self._config.full_view:
                parts["full_view"] = _full_view(self.net, batch, out.logits, self._config, step)
        _insist_finite(parts, step)
        return parts

    def _contrastive(self, projected: Tensor, t: Targets) -> Tensor:
        """The windows of every process are each other's negatives."""
        gather = self._world.gather
        loss = contrastive(
            gather(projected),
            gather(t.groups),
            gather(t.available),
            gather(t.paired),
            self.projections.log_scale,
        )
        return loss * self._config.contrastive

    def judge(self, validate: Validate, loss: float) -> None:
        """Validate the average and remember it when it is the best so far."""
        twin = copy.deepcopy(self.trained)
        self.average.copy_to(twin)
        net = twin["net"]
        assert isinstance(net, EmotionNet)
        judged = validate(net.eval())
        if not self.history or judged["score"] > max(row["score"] for row in self.history):
            self.best = _copy(self.average.shadow)
        self.history.append({"step": float(self.done), "loss": loss, **judged})

    def state(self) -> RunState:
        """For `save_state`."""
        return RunState(
            step=self.done,
            config=self.identity,
            net=self.trained.state_dict(),
            optimiser=self.optimiser.state_dict(),
            average=self.average.state_dict(),
            best=self.best,
            history=self.history,
        )

    def restore(self, state: RunState) -> None:
        """Take up where `state` was."""
        self.trained.load_state_dict(state.net)
        self.optimiser.load_state_dict(state.optimiser)
        self.average.load_state_dict(state.average)
        device = self._world.device
        self.average.shadow = {name: v.to(device) for name, v in self.average.shadow.items()}
        self.best = {name: v.to(device) for name, v in state.best.items()}
        self.history, self.done = list(state.history), state.step


def _full_view(net: EmotionNet, batch: Batch, full: Tensor, config: LossConfig, step: int) -> Tensor:
    """Hide one modality of every row that has several, and ask for the same answer."""
    available = batch.targets.available
    generator = torch.Generator().manual_seed(step)
    luck = torch.rand(available.shape, generator=generator).to(available.device)
    hidden = nn.functional.one_hot((luck * available).argmax(dim=1), len(MODALITIES)).bool()
    hidden = hidden & (available.sum(dim=1, keepdim=True) > 1)  # (B, M)
    mask = {m: batch.mask[m] & ~hidden[:, i : i + 1] for i, m in enumerate(MODALITIES)}
    partial = net.details(batch.values, batch.times_s, mask).logits
    return view_consistency(full, partial, config)


def _part(o: OptimisationConfig, world: World, part: int) -> slice:
    """The rows of one accumulation step of one process."""
    mine = world.shard(o.batch)
    rows = (mine.stop - mine.start) // o.accumulate
    return slice(mine.start + part * rows, mine.start + (part + 1) * rows)


def _precision(o: OptimisationConfig, world: World) -> contextlib.AbstractContextManager[object]:
    cuda = world.device.type == "cuda"
    half = o.precision == "bfloat16" or (o.precision == "auto" and cuda and torch.cuda.is_bf16_supported())
    return torch.autocast(world.device.type, torch.bfloat16) if half else contextlib.nullcontext()


def _insist_finite(values: dict[str, Tensor], step: int) -> None:
    if all(bool(torch.isfinite(v).all()) for v in values.values()):
        return
    listed = ", ".join(f"{name} {float(v.detach()):.4g}" for name, v in values.items())
    raise ModelError(
        f"training stopped: not finite at step {step} ({listed}).",
        fix="Lower optimisation.rate or raise optimisation.warm_up, then resume or start anew.",
    )


def _stalled(history: list[Figures], patience: int) -> bool:
    if not patience or len(history) <= patience:
        return False
    scores = [row["score"] for row in history]
    return max(scores[-patience:]) <= max(scores[:-patience])


def _copy(shadow: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in shadow.items()}
