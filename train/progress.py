"""What a run says of itself: a progress bar, a log file, learning curves, TensorBoard on request."""

from __future__ import annotations

import json
import sys
import time
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
        tensorboard: folder for TensorBoard events, or None.
    """

    def __init__(
        self, folder: Path | None = None, *, quiet: bool = True, tensorboard: Path | None = None
    ) -> None:
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
        if tensorboard is not None:
            from tensorboard.summary import Writer

            self._board = Writer(str(tensorboard))

    def steps(self, start: int, stop: int) -> Iterator[int]:
        """Count from `start` to `stop` under a progress bar; what was logged from `start` on is dropped."""
        self._resume_log(start)
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
            self._write({"validation": False, "step": step} | figures)
            self._to_board("train", step, figures)

    def validation(self, history: list[dict[str, float]]) -> None:
        """Take note of a validation, the last of `history`, and draw the curves."""
        newest = history[-1]
        self._write({"validation": True} | newest)
        self._to_board("validation", int(newest["step"]), newest)
        if self._folder is not None:
            draw_curves(self._losses, history, self._folder / "curves.png")

    def end(self, history: list[dict[str, float]]) -> None:
        """Draw the curves a last time, and close what is open."""
        if self._folder is not None and history:
            draw_curves(self._losses, history, self._folder / "curves.png")
        if self._board is not None:
            self._board.close()

    def _resume_log(self, start: int) -> None:
        """Go on with the log of an unfinished run, or begin a new one."""
        if self._folder is None:
            return
        path = self._folder / "log.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() and start else []
        kept = [line for line in map(_parsed, lines) if line and line["step"] < start + line["validation"]]
        self._losses = [(line["step"], line["loss"]) for line in kept if not line["validation"]]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def _write(self, line: dict[str, Any]) -> None:
        if self._folder is not None:
            with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _to_board(self, group: str, step: int, figures: dict[str, float]) -> None:
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{group}/{name}", value, step)


def _parsed(line: str) -> dict[str, Any]:
    """A line of the log; empty for one that a kill cut short."""
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found


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


class JsonLog:
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
