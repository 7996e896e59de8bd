"""An evaluation as one HTML page that needs nothing else: no script, no link, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from train.evaluation.judge_checkpoint import Figures, Report
from train.evaluation.page_style import STYLE
from train.evaluation.pictures import (
    condition_picture,
    label_picture,
    reliability_picture,
    risk_picture,
    table_picture,
)
from train.evaluation.tables import SHORT, abstention_line, caption, rows

COLUMNS = (
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "samples_f1",
    "binary_weighted_f1",
    "accuracy",
    "uar",
    "map",
    "auroc",
    "jaccard",
    "hamming",
    "ece",
    "brier",
    "n",
)
HEADLINES = ("macro_f1", "accuracy", "uar", "map", "ece", "brier")
LOWER_IS_BETTER = frozenset({"hamming", "ece", "brier"})


def page(report: Report) -> str:
    """The whole document."""
    title = f"{report.checkpoint} on {report.corpus}"
    body = "\n".join(_sections(report))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _sections(report: Report) -> Iterator[str]:
    yield (
        f"<p>Part <b>{escape(report.split)}</b>: {report.n} examples of {report.sources} speakers, "
        f"recordings or texts. Headline: <b>{escape(report.branch)}</b> at the operating point "
        f"<b>{escape(report.operating_point)}</b>. Checkpoint <code>{report.spec_sha256[:12]}</code>.</p>"
    )
    yield _tiles(report)
    yield from (f'<p class="note">{escape(note)}</p>' for note in report.notes)
    yield _section("Every predictor", _predictors(report), caption(report))
    yield _section(
        "By label",
        _columns(label_picture(report.per_label), _table("label", report.per_label, _keys(report.per_label))),
    )
    yield _section(
        "Is a stated probability true?",
        _reliability(report),
        "On the dashed line it is: of all labels that were given 0.7, seven in ten are present. Large dots "
        "hold many estimates.",
    )
    yield _section("Mistakes", _grid(_mistakes(report)))
    yield _section(
        "Abstaining", _columns(risk_picture(report.abstention), _risks(report)), abstention_line(report)
    )
    if report.robustness:
        yield _section("Under worse conditions", _robustness(report))


def _tiles(report: Report) -> str:
    tiles = []
    for name in (n for n in HEADLINES if n in report.metrics):
        bounds = report.intervals.get(name)
        span = f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
        best = min if name in LOWER_IS_BETTER else max
        constant = best(found[name] for found in report.constants.values() if name in found)
        tiles.append(
            f'<div class="tile"><span>{_words(name)}</span><b>{report.metrics[name]:.3f}</b>'
            f"<small>{span}</small><small>best constant {constant:.3f}</small></div>"
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _predictors(report: Report) -> str:
    found = dict(rows(report))
    return _table("predictor", found, COLUMNS, quiet="constant: ")


def _reliability(report: Report) -> str:
    together, *single = [
        (name, reliability_picture(f"{name} {report.branch}", bins))
        for name, bins in report.pictures.reliability.items()
    ]
    together = ("all labels", together[1])
    return f"{_grid([together])}<details><summary>Each label</summary>{_grid(single)}</details>"


def _mistakes(report: Report) -> Iterator[tuple[str, str]]:
    pictures = report.pictures
    if pictures.said_given_present:
        yield (
            "What is said where a label is present",
            table_picture("said", pictures.said_given_present, "said", "present"),
        )
        yield (
            "Which labels are present together",
            table_picture("together", pictures.present_given_present, "present too", "present"),
        )
    if pictures.confusion:
        shares = {right: _shares(counts) for right, counts in pictures.confusion.items()}
        yield (
            "Most probable label by right answer",
            table_picture("confusion", shares, "most probable", "right"),
        )


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = max(1, sum(counts.values()))
    return {name: count / total for name, count in counts.items()}


def _risks(report: Report) -> str:
    curve = {f"{coverage:.0%}": {"risk": risk} for coverage, risk in report.abstention.curve}
    return _table("coverage", curve, ("risk",))


def _robustness(report: Report) -> str:
    conditions: dict[str, Figures] = {"as recorded": report.metrics, **report.robustness}
    pictures = _grid(
        (_words(name), condition_picture(conditions, name))
        for name in ("macro_f1", "map", "ece")
        if name in report.metrics
    )
    return pictures + _table("condition", conditions, COLUMNS)


def _section(title: str, body: str, text: str = "") -> str:
    said = f"<p>{escape(text)}</p>\n" if text else ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{said}{body}\n</section>"


def _columns(picture: str, table: str) -> str:
    return f'<div class="columns"><figure>{picture}</figure>{table}</div>'


def _grid(pictures: Iterable[tuple[str, str]]) -> str:
    figures = (
        f"<figure><figcaption>{escape(title)}</figcaption>{picture}</figure>" for title, picture in pictures
    )
    return f'<div class="grid">{"".join(figures)}</div>'


def _table(first: str, found: Mapping[str, Figures], columns: Sequence[str], *, quiet: str = "\0") -> str:
    shown = [c for c in columns if any(c in figures for figures in found.values())]
    head = "".join(f"<th>{_words(c)}</th>" for c in shown)
    lines = []
    for name, figures in found.items():
        cells = "".join(f"<td>{_number(figures, c)}</td>" for c in shown)
        kind = ' class="quiet"' if name.startswith(quiet) else ""
        lines.append(f"<tr{kind}><th>{escape(name)}</th>{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr><th>{escape(first)}</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _keys(found: Mapping[str, Figures]) -> list[str]:
    return list(dict.fromkeys(key for figures in found.values() for key in figures))


def _number(figures: Figures, name: str) -> str:
    if name not in figures:
        return "-"
    return f"{figures[name]:.0f}" if name in ("n", "support") else f"{figures[name]:.3f}"


def _words(name: str) -> str:
    return SHORT.get(name, name.replace("_", " "))
