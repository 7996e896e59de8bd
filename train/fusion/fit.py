"""The training loop.

One function, `fit`, does it all in the open: draw, forward, losses, backward, clip, step, average, validate,
checkpoint. A step depends on (configuration, step number, weights) alone, so that a killed and resumed run
ends with the very weights of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.errors import ConfigError, Interrupted, ModelError
from core.models.fusion import EmotionNet
from train.fusion.batches import Batch, BatchMaker
from train.fusion.learner import Figures, Learner, OptimisationConfig, Validate
from train.fusion.objective import LossConfig, Teacher
from train.fusion.run_state import load_state, save_state
from train.interrupts import StopRequest
from train.parallel import World
from train.progress import RunLog
from train.run_folder import GO_ON


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The averaged network of the best validation, and all figures on the way."""

    net: EmotionNet
    history: list[Figures]


def fit(
    net: EmotionNet,
    batches: BatchMaker,
    teacher: Teacher,
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
        teacher: priors, and the teacher's calibration.
        optimisation, loss_config: how, and what for.
        world: this process and the others.
        validate: called with the averaged network.
        log: where progress goes.
        state_path: file from which the run can be resumed, or None.
        resume: take up at `state_path`.

    Raises:
        ConfigError: the batch does not divide, or there is nothing to resume.
        ModelError: a loss or a gradient is not finite; names step, losses, and where it began.
        Interrupted: Ctrl-C; the state after the last whole step is in `state_path`.
    """
    o = optimisation
    if o.batch % (world.size * o.accumulate):
        raise ConfigError(f"a batch of {o.batch} does not divide into {world.size} x {o.accumulate} parts.")

    # 1. Everything that a step changes; taken up where an unfinished run was.
    learner = Learner(net, teacher, o, loss_config, world)
    if resume and state_path is not None:
        learner.restore(load_state(state_path, learner.identity))

    # 2. The steps.
    with StopRequest() as stop:
        for step in log.steps(learner.done, o.steps):
            learner.begin(step)
            figures: Figures = {}
            for part in range(o.accumulate):
                batch = batches.batch(step, o.batch, _part(o, world, part)).trimmed().to(world.device)
                parts = learner.losses(batch, step)
                _check_finite(parts, step, net, batch)
                (torch.stack(list(parts.values())).sum() / o.accumulate).backward()
                for name, value in parts.items():
                    figures[name] = figures.get(name, 0.0) + float(world.mean(value)) / o.accumulate
            norm = learner.step()
            _check_finite({"gradient norm": torch.tensor(norm)}, step, net, batch)
            log.step(step, figures | {"loss": sum(figures.values()), "norm": norm})

            # 3. Validate the average, keep the best, save the state.
            if learner.done % o.validate_every == 0 or learner.done == o.steps:
                learner.validate(validate, sum(figures.values()))
                log.validation(learner.history)
            if state_path is not None and world.leads and o.save_every and learner.done % o.save_every == 0:
                save_state(learner.state(), state_path)
            if learner.stalled:
                break
            if stop.noted:
                raise _interrupted(learner, o, world, state_path)

    # 4. Leave with the best average.
    log.end(learner.history)
    return Fitted(learner.finish(), learner.history)


def _interrupted(
    learner: Learner, o: OptimisationConfig, world: World, state_path: Path | None
) -> Interrupted:
    """Save what is there, where that is wanted."""
    done = f"interrupted after step {learner.done} of {o.steps}"
    if state_path is None:
        return Interrupted(f"{done}.")
    if world.leads:
        save_state(learner.state(), state_path)
    return Interrupted(f"{done}; the state is saved.", where=str(state_path), fix=GO_ON)


def _part(o: OptimisationConfig, world: World, part: int) -> slice:
    """The rows of one accumulation step of one process."""
    mine = world.shard(o.batch)
    rows = (mine.stop - mine.start) // o.accumulate
    return slice(mine.start + part * rows, mine.start + (part + 1) * rows)


def _check_finite(values: Mapping[str, Tensor], step: int, net: EmotionNet, batch: Batch) -> None:
    if all(bool(torch.isfinite(v).all()) for v in values.values()):
        return
    listed = ", ".join(f"{name} {float(v.detach()):.4g}" for name, v in values.items())
    inputs = [f"the {m} input" for m, part in batch.values.items() if not torch.isfinite(part).all()]
    broken = [f"weight {name}" for name, p in net.named_parameters() if not torch.isfinite(p).all()]
    begun = f" Not finite: {', '.join((inputs + broken)[:3])}." if inputs or broken else ""
    raise ModelError(
        f"training stopped: not finite at step {step} ({listed}).{begun}",
        fix="Look for damaged values in the data."
        if inputs
        else "Lower optimisation.rate or raise optimisation.warm_up, then resume or start anew.",
    )
