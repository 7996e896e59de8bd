"""Evaluating a checkpoint on one corpus, exactly as it runs live: stored weights, stored calibration.

Legend: N examples, C labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, SourceError
from core.labels import MODALITIES, Modality
from core.models.calibration import fusion_probabilities, probabilities
from core.models.fusion import EmotionNet
from core.models.storage import load_network
from core.spec import ModelSpec, pattern, read_spec
from train.catalogue import Reading, read_corpus, split_note
from train.corpora.base import Example, FaceExample
from train.corpora.label_space import LabelSpace
from train.features import Locate
from train.inference import evaluation_windows, outputs_of
from train.metrics import constants, figures, intervals, per_label, presence, single_answers
from train.token_sets import Means, RecordingWork, check_fit, tokens_of
from train.tokens import TokenSet

_AS_USUAL: Final = Reading()
_HERE: Final = RecordingWork()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured.

    Attributes:
        checkpoint, spec_sha256, corpus, split: what was measured on what.
        n, sources: examples, and independent speakers or recordings.
        branch: whose figures `metrics` are: "fusion", or a peer.
        metrics, intervals: name -> figure, and its 95 % interval.
        per_label: label -> figures.
        constants: predictor that does not look -> figures.
        branches: "fusion" and every peer that the corpus has -> figures.
        patterns: availability pattern within the corpus -> figures of the fusion.
        notes: sentences about the data without which the figures are misread.

    Figures of a branch and of a pattern are those of the examples that have it; "n" in them says how many.
    """

    checkpoint: str
    spec_sha256: str
    corpus: str
    split: str
    n: int
    sources: int
    branch: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    per_label: dict[str, dict[str, float]]
    constants: dict[str, dict[str, float]]
    branches: dict[str, dict[str, float]]
    patterns: dict[str, dict[str, float]]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def evaluate_corpus(
    checkpoint: Path,
    name: str,
    data: Path,
    split: str,
    *,
    cache: Path,
    locate: Locate,
    branch: str = "fusion",
    resamples: int = 200,
    reading: Reading = _AS_USUAL,
    recordings: RecordingWork = _HERE,
    quiet: bool = True,
) -> Report:
    """Read a corpus, encode it with the checkpoint's encoders, and judge every branch on it.

    Args:
        checkpoint: folder of the checkpoint.
        name, data, split: corpus, its folder (or one above it), and "train", "validation", "test" or "all".
        cache: for tokens.
        locate: finds third-party weights.
        branch: "fusion" or the modality whose peer is meant, for `metrics` and `intervals`.
        resamples: of the bootstrap; 0 = no intervals.
        reading: how the corpus is read; its label space is the checkpoint's.
        recordings: how recordings are worked off, for a corpus that has some.
        quiet: no progress bars.

    Raises:
        SourceError: the folder has no example of that split, or recordings cannot be read.
        SpecMismatch: the checkpoint has no encoder for what the corpus holds.
    """
    spec = read_spec(checkpoint)
    check_fit(spec, name)
    reading = replace(reading, space=LabelSpace(spec.labels), whole=reading.whole or split == "all")
    everything = read_corpus(name, data, reading)
    examples = [e for e in everything if split in ("all", e.split)]
    if not examples:
        raise SourceError(
            f"holds no example of the split {split!r} of {name}.", where=str(data), fix="Try --split all."
        )
    means = Means(checkpoint, cache, locate, lambda: checkpoint, recordings=recordings)
    tokens, notes = tokens_of(name, examples, means, quiet=quiet)
    check_fit(spec, name, tokens)
    said = split_note(name, everything, reading) if split != "all" else ""
    answers = official_answers(examples, tokens, spec.labels)
    report = evaluate(checkpoint, spec, tokens, split, branch=branch, resamples=resamples, answers=answers)
    return replace(report, notes=(*([said] if said else []), *notes))


def official_answers(
    examples: Sequence[Example], tokens: TokenSet, labels: Sequence[str]
) -> NDArray[np.int64]:
    """(N,) the right label by the corpus' own rule, -1 where it has none; see `train.metrics.figures`."""
    answers = single_answers(tokens.targets, tokens.known)
    row_of = {name: row for row, name in enumerate(tokens.ids)}
    for example in examples:
        if isinstance(example, FaceExample):
            name = example.majority
            other = len(labels) if name else -1
            answers[row_of[example.id]] = labels.index(name) if name in labels else other
    return answers


def evaluate(
    checkpoint: Path,
    spec: ModelSpec,
    tokens: TokenSet,
    split: str,
    *,
    branch: str = "fusion",
    resamples: int = 200,
    answers: NDArray[np.int64] | None = None,
) -> Report:
    """Judge every branch of a checkpoint on a token set; `answers` as for `train.metrics.figures`."""
    branches, patterns = predictions(checkpoint, spec, tokens)
    if branch not in branches:
        raise ConfigError(
            f"{tokens.corpus} has no {branch}.", where="--branch", fix=f"It has: {', '.join(branches)}."
        )
    thresholds = np.array(spec.calibration.thresholds)

    def judged(said: Predicted) -> dict[str, float]:
        part = tokens.take(said.rows)
        found = figures(said.probabilities, part.targets, part.known, thresholds, _at(answers, said.rows))
        return found | {"n": float(len(said.rows))}

    rows, chosen = branches[branch].rows, branches[branch].probabilities
    part, right = tokens.take(rows), _at(answers, rows)
    asked = (part.targets, part.known, thresholds)
    rates = (presence(part.targets) & part.known).sum(axis=0) / np.maximum(part.known.sum(axis=0), 1)
    return Report(
        checkpoint=spec.name,
        spec_sha256=spec.sha256,
        corpus=tokens.corpus,
        split=split,
        n=len(part),
        sources=len(set(part.sources)),
        branch=branch,
        metrics=judged(branches[branch]),
        intervals=intervals(chosen, *asked, part.sources, right, resamples=resamples) if resamples else {},
        per_label=per_label(chosen, *asked, spec.labels),
        constants=constants(*asked, rates, right),
        branches={name: judged(said) for name, said in branches.items()},
        patterns={name: judged(said) for name, said in patterns.items()},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Calibrated probabilities (n, C) of the examples `rows`."""

    rows: list[int]
    probabilities: NDArray[np.float32]


def predictions(
    checkpoint: Path, spec: ModelSpec, tokens: TokenSet
) -> tuple[Mapping[str, Predicted], Mapping[str, Predicted]]:
    """What every branch says, and the fusion under every pattern, each of the examples that have it.

    The branch "fusion" takes of each example all that it has.
    """
    net = load_network(spec, checkpoint)
    present = tokens.present
    there = tuple(m for i, m in enumerate(MODALITIES) if present[:, i].any())
    patterns: dict[str, Predicted] = {}
    peers: dict[str, Predicted] = {}
    for names in _subsets(there):
        rows = np.flatnonzero(present[:, [MODALITIES.index(m) for m in names]].all(axis=1)).tolist()
        if not rows:
            continue
        part = tokens.take(rows)
        out = outputs_of(net, evaluation_windows(part, names), spec.token_shapes)
        said = fusion_probabilities(out.logits, out.available, spec.calibration)
        patterns[pattern(names)] = Predicted(rows, said)
        if len(names) == 1:
            logits = out.peer_logits[:, MODALITIES.index(names[0])]
            peers[names[0]] = Predicted(rows, probabilities(logits, spec.calibration.peers[names[0]]))
    return {"fusion": _fused(net, spec, tokens), **peers}, patterns


def _fused(net: EmotionNet, spec: ModelSpec, tokens: TokenSet) -> Predicted:
    """The fusion of whatever each example has; examples that have nothing are left out."""
    rows = np.flatnonzero(tokens.present.any(axis=1)).tolist()
    out = outputs_of(net, evaluation_windows(tokens.take(rows)), spec.token_shapes)
    return Predicted(rows, fusion_probabilities(out.logits, out.available, spec.calibration))


def _at(answers: NDArray[np.int64] | None, rows: list[int]) -> NDArray[np.int64] | None:
    return None if answers is None else answers[rows]


def _subsets(there: tuple[Modality, ...]) -> list[tuple[Modality, ...]]:
    return [p for n in range(1, len(there) + 1) for p in itertools.combinations(there, n)]
