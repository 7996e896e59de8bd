"""The state of an unfinished run: written atomically, so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False)
class RunState:
    """Everything that the next step depends on. Batches and dropout depend on the step and need no state.

    Attributes:
        step: number of steps done.
        config: the resolved configuration, as a mapping: another one is refused.
        net, optimiser, average, best: state dicts.
        history: figures so far.
        queue: remembered summaries, empty without a queue.
    """

    step: int
    config: dict[str, Any]
    net: dict[str, Any]
    optimiser: dict[str, Any]
    average: dict[str, Any]
    best: dict[str, Any]
    history: list[dict[str, float]]
    queue: dict[str, Any] = field(default_factory=dict)


def save_state(state: RunState, path: Path) -> None:
    """Write to a file beside it, flush to the disk, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        torch.save({name: getattr(state, name) for name in RunState.__slots__}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load_state(path: Path, config: dict[str, Any]) -> RunState:
    """Read a state that was written by a run with the same configuration.

    Raises:
        ConfigError: there is none, or the run had another configuration; the differing keys are named.
    """
    if not path.is_file():
        raise ConfigError(
            "holds no unfinished run to resume.", where=str(path.parent), fix="Leave --resume away."
        )
    state = RunState(**torch.load(path, map_location="cpu", weights_only=True))
    differing = sorted(k for k in config.keys() | state.config.keys() if config.get(k) != state.config.get(k))
    if differing:
        raise ConfigError(
            f"was written with another configuration (differing: {', '.join(differing)}).",
            where=str(path),
            fix="Resume with the same configuration, or start anew without --resume.",
        )
    return state
