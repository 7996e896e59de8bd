"""An evaluation as a terminal table; constants stand in the same table as what was learned."""

from __future__ import annotations

from rich.table import Table

from train.evaluate import Report

COLUMNS = ("macro_f1", "micro_f1", "accuracy", "uar", "map", "ece", "brier")


def main_table(report: Report) -> Table:
    """Every branch, every pattern of several modalities, and the constants."""
    title = (
        f"{report.checkpoint} on {report.corpus} ({report.split}, n = {report.n}, {report.sources} sources)"
    )
    table = Table(title=title)
    table.add_column("predictor")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    rows = {f"{name} (branch)": found for name, found in report.branches.items()}
    rows |= {f"fusion on {name}": found for name, found in report.patterns.items() if "+" in name}
    rows |= {f"constant: {name}": found for name, found in report.constants.items()}
    for name, found in rows.items():
        table.add_row(name, *(f"{found[c]:.3f}" if c in found else "-" for c in COLUMNS))
    if report.intervals:
        bounds = [report.intervals.get(c) for c in COLUMNS]
        table.add_section()
        table.add_row(
            f"95 % of {report.branch}", *("-" if b is None else f"{b[0]:.3f}-{b[1]:.3f}" for b in bounds)
        )
    return table


def label_table(report: Report) -> Table:
    """One line per label."""
    table = Table(title=f"{report.branch}, by label")
    for name in ("label", "f1", "ap", "ece", "base_rate"):
        table.add_column(name, justify="left" if name == "label" else "right")
    for label, found in report.per_label.items():
        table.add_row(label, *(f"{found[c]:.3f}" for c in ("f1", "ap", "ece", "base_rate")))
    return table
