"""An evaluation as terminal tables; constants stand in the same table as what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table

from core.spec import DEFAULT_POINT
from train.evaluation.branches import FUSION
from train.evaluation.judge_checkpoint import Figures, Report
from train.evaluation.unseen import Unseen

COLUMNS = ("macro_f1", "micro_f1", "accuracy", "uar", "map", "ece", "brier")
SHORT = {"samples_f1": "samples F1", "weighted_f1": "weighted F1"}
SHORT |= {"macro_f1": "macro F1", "micro_f1": "micro F1", "accuracy": "acc.", "uar": "UAR", "map": "mAP"}
SHORT |= {"ece": "ECE", "brier": "Brier", "ap": "AP", "f1": "F1", "auroc": "AUROC"}
SHORT |= {"binary_weighted_f1": "binary w. F1", "base_rate": "base rate"}
LABEL_COLUMNS = ("f1", "ap", "auroc", "binary_weighted_f1", "ece", "brier", "base_rate")


def main_table(report: Report) -> Table:
    """Every branch at every operating point, every pattern of several modalities, and the constants."""
    title = (
        f"{report.checkpoint} on {report.corpus} ({report.split}, n = {report.n}, {report.sources} sources)"
    )
    table = _empty(title, "predictor", COLUMNS)
    table.caption = caption(report)
    for name, found in rows(report):
        table.add_row(name, *_cells(found, COLUMNS))
    for name, found in report.robustness.items():
        table.add_row(f"{report.branch}, {name}", *_cells(found, COLUMNS))
    if report.intervals:
        bounds = [report.intervals.get(c) for c in COLUMNS]
        table.add_section()
        for end, name in enumerate(("from", "to")):
            ends = ("-" if b is None else f"{b[end]:.3f}" for b in bounds)
            table.add_row(f"95 % of {report.branch}, {name}", *ends)
    return table


def rows(report: Report) -> Iterator[tuple[str, Figures]]:
    """Name and figures of every predictor, learned ones first."""
    for point, measured in report.points.items():
        where = f" @ {point}" if len(report.points) > 1 else ""
        for name, found in measured.branches.items():
            yield f"{name}{where}", found
        for name, found in measured.patterns.items():
            if "+" in name and set(name.split("+")) != set(measured.branches) - {FUSION}:
                yield f"fusion on {name}{where}", found
    for name, found in report.constants.items():
        yield f"constant: {name}", found


def caption(report: Report) -> str:
    """What must be said beside the figures."""
    floor = report.metrics["ece_floor"]
    if report.operating_point == DEFAULT_POINT:
        point = "Calibration and thresholds: the default operating point, as live."
    else:
        point = f"Headline: {report.branch} at the operating point {report.operating_point}."
    return f"{point} A perfectly calibrated predictor would show an ece of {floor:.3f} on so few examples."


def label_table(report: Report) -> Table:
    """One line per label."""
    title = f"{report.branch} @ {report.operating_point}, by label"
    table = _empty(title, "label", LABEL_COLUMNS)
    for label, found in report.per_label.items():
        table.add_row(label, *_cells(found, LABEL_COLUMNS))
    return table


def abstention_line(report: Report) -> str:
    """What abstaining buys, in a sentence."""
    a = report.abstention
    risk = "-" if a.risk is None else f"{a.risk:.3f}"
    return (
        f"Below a confidence of {a.threshold:.3f} it abstains: {a.coverage:.1%} are estimated, and the most "
        f"probable label is wrong in {risk} of these, in {a.risk_of_all:.3f} of all."
    )


def unseen_table(found: Unseen) -> Table:
    """What a recipe does on what it was not trained on, beside a constant."""
    columns = ("history", "n", "speakers", "UAR", "95 %", "constant", "p >= .9 right", "of", "temperature")
    table = Table(title=f"left out: {found.leave}", box=box.SIMPLE, title_justify="left")
    table.add_column("corpus")
    for name in columns:
        table.add_column(name, justify="right")
    for row in found.rows:
        right = "-" if row.precision_at_90 is None else f"{row.precision_at_90:.2f}"
        figures = (row.history, str(row.n), str(row.speakers), f"{row.uar:.3f}")
        bounds = (f"{row.low:.3f} {row.high:.3f}", f"{row.constant:.3f}")
        table.add_row(row.corpus, *figures, *bounds, right, str(row.n_at_90), f"{row.temperature:.2f}")
    table.add_section()
    for history, uar in found.mean.items():
        table.add_row("mean", history, "", "", f"{uar:.3f}", "", "", "", "", f"{found.temperature:.2f}")
    return table


def _empty(title: str, first: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first)
    for name in columns:
        table.add_column(SHORT.get(name, name).replace(" ", "\n"), justify="right", no_wrap=True)
    return table


def _cells(found: Figures, columns: Sequence[str]) -> list[str]:
    return [f"{found[c]:.3f}" if c in found else "-" for c in columns]
