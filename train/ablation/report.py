"""The table of an ablation: in the terminal, as JSON, and in a document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from core.errors import ConfigError
from train.ablation.figures import VariantResult


@dataclass(frozen=True, slots=True)
class AblationReport:
    """What came of an ablation.

    Attributes:
        name, title, command: of the ablation; the command makes it again.
        corpus, figure: what was judged, and how.
        n, sources: test examples, and their speakers or recordings.
        seeds: one run for each.
        reference: variant that the others are compared with.
        rows: variant -> figures.
        alone: modality -> variant -> mean figure of the fusion with that modality alone; empty where the
            corpus has one modality.
        constant: figure of always saying the most frequent label, or all labels for F1.
        not_applicable: name -> why.
    """

    name: str
    title: str
    command: str
    corpus: str
    figure: str
    n: int
    sources: int
    seeds: tuple[int, ...]
    reference: str
    rows: dict[str, VariantResult]
    alone: dict[str, dict[str, float]]
    constant: float
    not_applicable: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def table(report: AblationReport) -> Table:
    """For the terminal."""
    found = Table(title=f"{report.title}: {report.figure}, {report.corpus} test, n = {report.n}")
    for column in _columns(report):
        found.add_column(column, justify="left" if column == "variant" else "right")
    for cells in _rows(report):
        found.add_row(*cells)
    return found


def markdown(report: AblationReport) -> str:
    """For a document."""
    columns = _columns(report)
    lines = [f"### {report.title}", "", f"`{report.command}`", ""]
    lines += [f"{report.figure} on {report.n} test examples of {report.sources} sources, mean of seeds"]
    lines[-1] += f" {', '.join(map(str, report.seeds))}. Brackets: 95 % by bootstrap over examples and seeds;"
    lines += ["differences are paired: same examples, same seeds.", ""]
    lines += ["| " + " | ".join(columns) + " |", "|---|" + "---|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(cells) + " |" for cells in _rows(report)]
    if report.not_applicable:
        lines += ["", "Not applicable here:", ""]
        lines += [f"- {name}: {why}" for name, why in report.not_applicable.items()]
    return "\n".join(lines) + "\n"


def write_into(document: Path, name: str, text: str, kind: str = "ablation") -> None:
    """Replace what stands between the markers of `name`, a table of this kind.

    Raises:
        ConfigError: the document or its markers are not there.
    """
    begin, end = f"<!-- {kind} {name} -->\n", f"<!-- end of {kind} {name} -->"
    try:
        whole = document.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}).", where=str(document)) from error
    before, opened, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ConfigError(
            "has no place for the table.",
            where=str(document),
            fix=f"Write the lines {begin.strip()} and {end} where it belongs.",
        )
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _columns(report: AblationReport) -> list[str]:
    return ["variant", report.figure, f"difference from {report.reference}", "each seed"] + [
        f"{modality} alone" for modality in report.alone
    ]


def _rows(report: AblationReport) -> list[list[str]]:
    rows = []
    for name, row in report.rows.items():
        apart = "" if name == report.reference else _signed(row)
        cells = [name, f"{row.mean:.3f} {_brackets(row.interval)}", apart]
        cells.append(" ".join(f"{figure:.3f}" for figure in row.seeds))
        for by_variant in report.alone.values():
            cells.append(f"{by_variant[name]:.3f}" if name in by_variant else "")
        rows.append(cells)
    rows.append(["constant", f"{report.constant:.3f}", "", ""] + [""] * len(report.alone))
    return rows


def _signed(row: VariantResult) -> str:
    low, high = row.difference_interval
    return f"{row.difference:+.3f} [{low:+.3f}, {high:+.3f}]"


def _brackets(bounds: tuple[float, float]) -> str:
    return f"[{bounds[0]:.3f}, {bounds[1]:.3f}]"
