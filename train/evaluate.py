"""Evaluating a checkpoint on one corpus, exactly as it runs live: stored weights, stored calibration.

Legend: N examples, C labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.labels import MODALITIES, Modality
from core.models.calibration import fusion_probabilities, probabilities
from core.models.storage import load_network
from core.spec import ModelSpec, pattern, read_spec
from train.catalogue import corpus, read_corpus
from train.corpora.base import Example, FaceExample
from train.features import Locate, encode_examples, encoder_for
from train.inference import evaluation_windows, outputs_of
from train.metrics import constants, figures, intervals, per_label, presence, single_answers
from train.tokens import TokenSet


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
        quiet: no progress bars.

    Raises:
        SourceError: the folder has no example of that split.
    """
    spec = read_spec(checkpoint)
    examples = [e for e in read_corpus(name, data) if split in ("all", e.split)]
    if not examples:
        raise SourceError(
            f"holds no example of the split {split!r} of {name}.", where=str(data), fix="Try --split all."
        )
    modality = corpus(name).modality
    tokens = encode_examples(
        name,
        modality,
        examples,
        checkpoint,
        cache,
        lambda: encoder_for(modality, checkpoint, locate),
        quiet=quiet,
    )
    answers = official_answers(examples, tokens, spec.labels)
    return evaluate(checkpoint, spec, tokens, split, branch=branch, resamples=resamples, answers=answers)


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
    thresholds = np.array(spec.calibration.thresholds)
    asked = (tokens.targets, tokens.known, thresholds)
    chosen = branches[branch]
    rates = (presence(tokens.targets) & tokens.known).sum(axis=0) / np.maximum(tokens.known.sum(axis=0), 1)
    return Report(
        checkpoint=spec.name,
        spec_sha256=spec.sha256,
        corpus=tokens.corpus,
        split=split,
        n=len(tokens),
        sources=len(set(tokens.sources)),
        branch=branch,
        metrics=figures(chosen, *asked, answers),
        intervals=intervals(chosen, *asked, tokens.sources, answers, resamples=resamples)
        if resamples
        else {},
        per_label=per_label(chosen, *asked, spec.labels),
        constants=constants(*asked, rates, answers),
        branches={name: figures(p, *asked, answers) for name, p in branches.items()},
        patterns={name: figures(p, *asked, answers) for name, p in patterns.items()},
    )


def predictions(
    checkpoint: Path, spec: ModelSpec, tokens: TokenSet
) -> tuple[Mapping[str, NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]:
    """Calibrated probabilities (N, C) of every branch, and of the fusion under every pattern.

    Only modalities that every example has take part.
    """
    net = load_network(spec, checkpoint)
    there = tuple(m for i, m in enumerate(MODALITIES) if tokens.present[:, i].all())
    patterns: dict[str, NDArray[np.float32]] = {}
    branches: dict[str, NDArray[np.float32]] = {}
    for names in _subsets(there):
        out = outputs_of(net, evaluation_windows(tokens, names), spec.token_shapes)
        patterns[pattern(names)] = fusion_probabilities(out.logits, out.available, spec.calibration)
        if len(names) == 1:
            logits = out.peer_logits[:, MODALITIES.index(names[0])]
            branches[names[0]] = probabilities(logits, spec.calibration.peers[names[0]])
    return {"fusion": patterns[pattern(there)], **branches}, patterns


def _subsets(there: tuple[Modality, ...]) -> list[tuple[Modality, ...]]:
    return [p for n in range(1, len(there) + 1) for p in itertools.combinations(there, n)]
