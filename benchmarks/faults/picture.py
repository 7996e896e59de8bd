"""The runs as a picture: when which stream was missing, and how old the rolling estimates were."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.live_figures import Observed

_STREAMS: Final = ("me", "them", "camera", "screen")


def draw(observed: dict[str, Observed], figures: dict[str, Any], path: Path) -> None:
    """One row of panels for each run."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    size = (11, 2.4 * len(observed))
    figure, panels = plt.subplots(len(observed), 1, figsize=size, constrained_layout=True, squeeze=False)
    for axis, (name, run) in zip(panels[:, 0], observed.items(), strict=True):
        zero_s = run.zero_s
        rolling = [(at_s - zero_s, e) for at_s, e in run.of("estimate") if not e["final"]]
        axis.plot(
            [at_s for at_s, _ in rolling], [at_s - e["t1_s"] for at_s, e in rolling], ".", ms=2, c="0.4"
        )
        for row, stream in enumerate(_STREAMS):
            for begin_s, end_s in missing_spans(run, stream):
                low = row / len(_STREAMS)
                axis.axvspan(begin_s, end_s, low, low + 0.2, alpha=0.6, color=f"C{row}")
        axis.set_ylabel("age [s]")
        axis.set_ylim(0, 4)
        axis.set_title(f"{name}: bands from below: {', '.join(_STREAMS)} missing", fontsize=9, loc="left")
    panels[-1, 0].set_xlabel("seconds of the run")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def missing_spans(run: Observed, stream: str) -> list[tuple[float, float]]:
    """When a client held a stream to be missing, seconds since the run's begin."""
    spans, since_s = [], None
    for at_s, event in run.of("status"):
        if event["stream"] == stream and event["code"] == "modality_missing" and since_s is None:
            since_s = at_s - run.zero_s
        elif event["stream"] == stream and event["code"] == "modality_back" and since_s is not None:
            spans.append((since_s, at_s - run.zero_s))
            since_s = None
    return spans
