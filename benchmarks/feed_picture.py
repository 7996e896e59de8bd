"""The picture of `bench feed`: delay and memory by number of viewers, ours beside others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

COLORS: Final = {"emotrack": "#d55e00", "broadcast": "#0072b2", "send loop": "#009e73"}


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw the figures of `bench feed` into a file whose ending says the format."""
    from matplotlib.figure import Figure

    found = {"emotrack": figures, **figures["peers"]}
    figure = Figure(figsize=(11, 4), layout="constrained")
    delay, stalled, memory = figure.subplots(1, 3)
    for name, subject in found.items():
        viewers = [run["viewers"] for run in subject["runs"]]
        for key, style in (("p50_ms", ":"), ("p99_ms", "-")):
            values = [run[key] for run in subject["runs"]]
            label = f"{name}, {key[:3]}"
            delay.plot(viewers, values, style, marker="o", color=COLORS[name], label=label)
        costs = [run["kb_per_viewer"] for run in subject["runs"]]
        memory.plot(viewers[-2:], costs[-2:], marker="o", color=COLORS[name], label=name)
    for place, (name, subject) in enumerate(found.items()):
        for shift, (which, shade) in enumerate((("without", 0.45), ("with", 1.0))):
            p99_ms = subject["stalled"][which]["p99_ms"] or 0.0
            stalled.bar(place + 0.38 * shift, p99_ms, 0.36, color=COLORS[name], alpha=shade)
    stalled.set_xticks([place + 0.19 for place in range(len(found))], list(found))
    stalled.set_title("p99 without (pale) and with a stalled viewer")
    delay.set_title(f"from said to received, {figures['hz']:g} Hz")
    memory.set_title("server's memory per viewer")
    for axes, unit in ((delay, "ms"), (stalled, "ms"), (memory, "KB")):
        axes.set_ylabel(unit)
        axes.grid(alpha=0.3)
    for axes in (delay, memory):
        axes.set_xlabel("viewers")
        axes.legend(fontsize=8)
    delay.set_xscale("log")
    delay.set_yscale("log")
    stalled.set_yscale("log")
    figure.savefig(path, dpi=120)
