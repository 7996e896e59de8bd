"""The diagnostic of combining, and what people make of voice and face, as terminal tables."""

from __future__ import annotations

from rich import box
from rich.table import Table

from train.calibration.people import PeopleReport
from train.evaluation.sense import SenseReport

PREDICTORS = ("fusion", "teacher", "mean", "sum", "text", "audio", "visual")


def sense_table(report: SenseReport) -> Table:
    """A row for each situation, a column for each predictor, and what agreeing modalities change."""
    table = Table(title=f"{report.checkpoint}: top-1 in each situation (diagnostic)", box=box.SIMPLE)
    table.add_column("situation")
    for name in (*PREDICTORS, "n"):
        table.add_column(name, justify="right")
    for situation, found in report.situations.items():
        cells = [f"{found[p]['top1']:.3f}" if p in found else "-" for p in PREDICTORS]
        table.add_row(situation.replace("_", " "), *cells, f"{found['fusion']['n']:.0f}")
    table.add_section()
    for added, change in report.agreeing.items():
        table.add_row(added, f"{change:+.3f}")
    return table


def people_table(report: PeopleReport) -> Table:
    """A row for each way to combine."""
    table = Table(title=f"{report.n} clips of {report.actors} actors that were left out", box=box.SIMPLE)
    table.add_column("predictor")
    for name in ("BCE", "JS, bits", "top-1"):
        table.add_column(name, justify="right")
    for name, bce in report.bce.items():
        table.add_row(name, f"{bce:.4f}", f"{report.js[name]:.4f}", f"{report.top1[name]:.3f}")
    return table
