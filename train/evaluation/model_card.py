"""The model card of a checkpoint: its spec, the corpora that it was trained on, and measured figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from core.spec import ModelSpec
from train.corpora.registry import corpus
from train.evaluation.judge_checkpoint import Figures, Report
from train.evaluation.tables import COLUMNS

USES = """\
## Intended uses

Research on emotional expression, tools that people use on themselves and with the consent of everyone who is
recorded, and teaching. The estimates say what raters would probably read from words, voice and face. They do
not say what a person feels, means or will do.

## Prohibited and unsuitable uses

- Inferring emotions of people at work or in education is prohibited in the European Union (Regulation (EU)
  2024/1689, Article 5(1)(f)), except for medical or safety reasons. Do not use it there for that.
- Decisions about people: hiring, credit, insurance, policing, border control, health, custody, grading.
- Covert use. Where the law requires it (Article 50(3)), the people concerned must be told.
- Commercial use: the data licences above do not allow it.
"""

FAILURES: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (
        frozenset({"ravdess", "emodb", "cremad", "ravdess_av"}),
        "Acted is not felt. The voice was learned from actors; "
        "quiet, mixed and spontaneous speech is harder.",
    ),
    (
        frozenset({"goemotions", "xed", "brighter", "emotionlines", "meld"}),
        "The words were learned from written English: comments, subtitles, scripts of a comedy; "
        "irony, dialect, other languages and recognition errors mislead it.",
    ),
    (
        frozenset({"ferplus"}),
        "The face was learned from still pictures, mostly frontal and from the web; fear is taken for "
        "surprise, disgust for anger, and a speaking mouth for surprise. "
        "Its training pictures are not balanced over age, sex and skin.",
    ),
    (
        frozenset({"ravdess_av"}),
        "Two sentences, spoken by actors in one studio: nothing shows that it works elsewhere.",
    ),
    (
        frozenset({"elderreact_covarep"}),
        "A summary of a clip's sound says little: the gain over chance is real, but small. The clips show "
        "elderly people of one video channel; source videos of its official parts overlap.",
    ),
)
"""Corpora, and what is known to go wrong with what was learned from them."""

RARE: Final = "Fear and disgust are rare in all data: their probabilities are the least certain."
UNPAIRED: Final = (
    "No recording with words, voice and face together was in the training data. The fusion learned on "
    "label-blind joined windows to add up what the peers say, voice and face as raters of acted clips do. "
    "It knows no interplay, such as sarcasm, and no figure of all three together on people was measured."
)


def _failures(corpora: Sequence[str]) -> str:
    known = [sentence for through, sentence in FAILURES if through & set(corpora)] + [RARE]
    if len({corpus(name).modality for name in corpora}) > 1:
        known.append(UNPAIRED)
    lines = [textwrap.fill(sentence, 110, initial_indent="- ", subsequent_indent="  ") for sentence in known]
    return "\n".join(["## Known failures", "", *lines])


def model_card(
    spec: ModelSpec, corpora: Sequence[str], reports: Sequence[Report], of_encoders: Sequence[str] = ()
) -> str:
    """The text of `MODEL_CARD.md`.

    Args:
        spec: of the checkpoint.
        corpora: names of the corpora that it was trained on.
        reports: measurements of this very checkpoint.
        of_encoders: names of the corpora that its encoders were trained on, where those are others too.
    """
    learned_from = list(dict.fromkeys([*corpora, *of_encoders]))
    parts = [
        f"# Model card: {spec.name}",
        spec.summary,
        f"Licence of the weights: {spec.license}.",
        _network(spec),
        _data(learned_from),
        *([_points(spec)] if spec.calibration.operating_points else []),
        _figures(reports),
        _failures(corpora),
        USES.rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def _network(spec: ModelSpec) -> str:
    lines = ["## What it is", ""]
    lines.append(f"Labels, each with its own probability: {', '.join(spec.labels)}.")
    lines.append("")
    for modality, encoder in spec.encoders.items():
        base = f"adapts `{encoder.weight}`" if encoder.weight else "trained from scratch"
        lines.append(
            f"- {modality}: encoder `{encoder.kind}` ({base}), tokens of width {encoder.width}, "
            f"at most {encoder.max_tokens} in a window."
        )
    f = spec.fusion
    lines.append(
        f"- three peers of {f.peer_layers} blocks and a fusion of {f.fusion_layers}, width {f.width}, "
        f"queries: {f.queries}."
    )
    lines.append("- calibration for each of the seven availability patterns; see `docs/method.md`.")
    return "\n".join(lines)


def _data(corpora: Sequence[str]) -> str:
    lines = ["## Training data", "", "| corpus | modality | licence |", "|---|---|---|"]
    lines += [
        f"| {name} | {corpus(name).modality or corpus(name).form} | {corpus(name).licence} |"
        for name in corpora
    ]
    return "\n".join(lines)


def _points(spec: ModelSpec) -> str:
    points = spec.calibration.operating_points
    lines = [
        "## Operating points",
        "",
        "Live, calibration and thresholds are those of the point `default`, fitted on all corpora together.",
        "For data of one kind there are others: `--set operating_point=NAME` in a run, `--operating-point`",
        "in an evaluation. Corpora differ in how often a label is present, which no network can see.",
        "",
        "| operating point | fitted on, validation part | speakers, recordings or texts |",
        "|---|---|---|",
        *(f"| {name} | {point.examples} examples | {point.sources} |" for name, point in points.items()),
    ]
    return "\n".join(lines)


def _figures(reports: Sequence[Report]) -> str:
    lines = [
        "## Figures",
        "",
        "Measured with `emotrack train eval CHECKPOINT --corpus NAME --data DIR --split test`, on speakers",
        "and texts that were in no training part, with the stored thresholds and calibration: at the point",
        "`default`, and at the corpus' own. In brackets: 95 % bootstrap intervals over speakers or",
        "recordings (over examples, and so too narrow, where fewer than four speakers are there). In",
        "parentheses after ece: what a perfectly calibrated predictor would show on so few",
        "examples. Constants do not look at the input.",
        "",
        f"| corpus (n) | predictor | point | {' | '.join(COLUMNS)} |",
        f"|---|---|---|{'---|' * len(COLUMNS)}",
    ]
    for report in reports:
        name = f"{report.corpus} ({report.n})"
        for point, measured in report.points.items():
            headline = report.branch if point == report.operating_point else ""
            for branch, found in measured.branches.items():
                cells = [_cell(found, c, report if branch == headline else None) for c in COLUMNS]
                lines.append(f"| {name} | {branch} | {point} | {' | '.join(cells)} |")
        best = max(report.constants, key=lambda key: report.constants[key]["macro_f1"])
        for constant in sorted({best, "most frequent label"}):
            cells = [_cell(report.constants[constant], c, None) for c in COLUMNS]
            lines.append(f"| {name} | constant: {constant} | | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(found: Figures, name: str, report: Report | None) -> str:
    if name not in found:
        return "-"
    bounds = report.intervals.get(name) if report else None
    floor = f" ({found['ece_floor']:.3f})" if name == "ece" and "ece_floor" in found else ""
    return f"{found[name]:.3f}{floor}" + (f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else "")
