"""What a run says of itself: a progress bar, a log file, learning curves, TensorBoard on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LOG_EVERY = 20
"""Steps between lines of the log file."""


class RunLog:
    """Where the training loop reports to. Without a folder and with `quiet` it reports to nobody.

    Args:
        folder: for `log.jsonl` and `curves.png`, or None.
        quiet: no progress bar.
        tensorboard: also write TensorBoard events to `folder`; needs the package tensorboard.
    """

    def __init__(self, folder: Path | None = None, *, quiet: bool = True, tensorboard: bool = False) -> None:
        self._folder = folder
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task: Any = None
        self._losses: list[tuple[int, float]] = []
        self._board: Any = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        if tensorboard and folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder))

    def steps(self, start: int, stop: int) -> Iterator[int]:
        """Count from `start` to `stop` under a progress bar."""
        with self._bar:
            self._task = self._bar.add_task("training", total=stop, completed=start, note="")
            for step in range(start, stop):
                yield step
                self._bar.advance(self._task)

    def step(self, step: int, figures: dict[str, float]) -> None:
        """Take note of a step's losses."""
        self._losses.append((step, figures["loss"]))
        if step % LOG_EVERY == 0:
            self._bar.update(self._task, note=f"loss {figures['loss']:.4f}")
            self._write({"step": step} | figures)
            self._to_board("train", step, figures)

    def validation(self, history: list[dict[str, float]]) -> None:
        """Take note of a validation, the last of `history`, and draw the curves."""
        newest = history[-1]
        self._write({"validation": True} | newest)
        self._to_board("validation", int(newest["step"]), newest)
        if self._folder is not None:
            draw_curves(self._losses, history, self._folder / "curves.png")

    def _write(self, line: dict[str, Any]) -> None:
        if self._folder is not None:
            with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _to_board(self, group: str, step: int, figures: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{group}/{name}", value, step)


def draw_curves(losses: list[tuple[int, float]], history: list[dict[str, float]], path: Path) -> None:
    """Draw the training loss, and every validation figure, over the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    if losses:
        left.plot(*zip(*losses, strict=True), linewidth=0.8)
    left.set(xlabel="step", ylabel="training loss")
    for name in [n for n in history[-1] if n not in ("step", "loss")]:
        right.plot([row["step"] for row in history], [row[name] for row in history], marker=".", label=name)
    right.set(xlabel="step", ylabel="validation")
    right.legend(fontsize=7)
    figure.savefig(path, dpi=110)
