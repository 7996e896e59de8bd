"""Cross-corpus matrix: every checkpoint, at every operating point, on every corpus, on the labels in common.

What a row loses outside of the diagonal is what a checkpoint or its calibration does not carry over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich import box
from rich.table import Table

from core.errors import ConfigError
from core.models.storage import load_network
from core.spec import DEFAULT_POINT
from train.corpora.label_space import LabelSpace, in_common
from train.data.token_set import TokenSet
from train.evaluation.branches import FUSION, branches_of
from train.evaluation.judge_checkpoint import Figures, branch_figures
from train.evaluation.prepared_split import PreparedSplit
from train.evaluation.tables import SHORT

SHOWN: Final = ("macro_f1", "map", "ece")


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One checkpoint at one operating point.

    Attributes:
        checkpoint: its name.
        operating_point: whose calibration and thresholds.
        corpora: corpus -> figures of the fusion on the labels in common.
    """

    checkpoint: str
    operating_point: str
    corpora: dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The matrix and the labels that every corpus says something about."""

    split: str
    labels: tuple[str, ...]
    rows: tuple[MatrixRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def cross_corpus(
    checkpoints: Sequence[Path],
    corpora: Sequence[str],
    split: str,
    prepared: Callable[[Path, str], PreparedSplit],
) -> Matrix:
    """Judge every checkpoint on every corpus.

    Args:
        checkpoints: folders.
        corpora: names, at least one.
        split: name of the part, for the report.
        prepared: reads and encodes a corpus for a checkpoint.

    Raises:
        ConfigError: the corpora have no label in common.
    """
    found = {folder: [prepared(folder, name) for name in corpora] for folder in checkpoints}
    labels = _labels([part for parts in found.values() for part in parts])
    rows = [row for folder, parts in found.items() for row in _rows(folder, parts, labels)]
    return Matrix(split, labels, tuple(rows))


def table(matrix: Matrix) -> Table:
    """For the terminal: one line for each row, macro-F1, mAP and ECE for each corpus."""
    shown = Table(
        title=f"Cross-corpus matrix ({matrix.split}), {', '.join(SHORT[name] for name in SHOWN)}",
        box=box.SIMPLE_HEAD,
        caption=f"Labels in common: {', '.join(matrix.labels)}.",
    )
    shown.add_column("checkpoint, operating point")
    for name in matrix.rows[0].corpora:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in matrix.rows:
        cells = [
            " ".join(f"{figures[c]:.3f}" if c in figures else "-" for c in SHOWN)
            for figures in row.corpora.values()
        ]
        shown.add_row(f"{row.checkpoint}, {row.operating_point}", *cells)
    return shown


def _labels(parts: Sequence[PreparedSplit]) -> tuple[str, ...]:
    """In common between all corpora, and known to all checkpoints."""
    shared = [set(in_common(LabelSpace(p.spec.labels), p.tokens.known)) for p in parts]
    labels = tuple(name for name in parts[0].spec.labels if all(name in names for names in shared))
    if not labels:
        raise ConfigError("the corpora have no label in common.", where="matrix", fix="Name fewer corpora.")
    return labels


def _rows(folder: Path, parts: Sequence[PreparedSplit], labels: tuple[str, ...]) -> list[MatrixRow]:
    spec = parts[0].spec
    net = load_network(spec, folder)
    narrow = [_narrowed(part.tokens, spec.labels, labels) for part in parts]
    fused = [branches_of(net, spec, tokens)[0][FUSION] for tokens in narrow]
    names = [part.tokens.corpus for part in parts]
    points = [DEFAULT_POINT, *(name for name in names if name in spec.calibration.operating_points)]
    result = []
    for point in points:
        calibration = spec.calibration.at(point)
        figures = {
            name: branch_figures(branch.at(calibration), tokens, part.answers)
            for name, branch, tokens, part in zip(names, fused, narrow, parts, strict=True)
        }
        result.append(MatrixRow(spec.name, point, figures))
    return result


def _narrowed(tokens: TokenSet, labels: Sequence[str], common: Sequence[str]) -> TokenSet:
    """Nothing is known of other labels than those in common."""
    mask = np.array([name in common for name in labels])
    return replace(tokens, known=tokens.known & mask)
